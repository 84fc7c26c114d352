/**
 * expiry-index - places of grants by when they may end, in slots of a quarter second
 *
 * A sweep visits only slots whose time is over. A grant that was renewed stays in its old slot: whoever takes
 * it from there looks at its real deadline, and schedules it again.
 */
const SLOT_MS = 250;

export class ExpiryIndex {
  readonly #slots = new Map<number, number[]>();
  /** The last slot that has been emptied. */
  #swept: number;

  /** Times are steady milliseconds. */
  constructor(now: number) {
    this.#swept = Math.floor(now / SLOT_MS);
  }

  schedule(place: number, deadline: number): void {
    const slot = Math.max(Math.ceil(deadline / SLOT_MS), this.#swept + 1);
    const places = this.#slots.get(slot);
    if (places === undefined) this.#slots.set(slot, [place]);
    else places.push(place);
  }

  /** Nothing is left of what was scheduled for this time or before it. */
  get sweptUntil(): number {
    return this.#swept * SLOT_MS;
  }

  /** Takes out a place whose slot is over; undefined when there is none. */
  take(now: number): number | undefined {
    while (this.#swept < Math.floor(now / SLOT_MS)) {
      const place = this.#slots.get(this.#swept + 1)?.pop();
      if (place !== undefined) return place;
      this.#slots.delete(this.#swept + 1);
      this.#swept += 1;
    }
    return undefined;
  }
}
