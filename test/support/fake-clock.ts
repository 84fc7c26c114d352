/**
 * fake-clock - a Clock whose time a test moves by hand
 *
 * Nothing happens by itself: wall and mono stand still until advance() or a jump, timers fire inside
 * advance() in the order of their times, and what was handed to soon() waits for runSoon() (or, with
 * `soon: 'microtask'`, runs as a microtask, for tests that await). Sleeping for real is never needed.
 */
import type { Clock, Timer } from '../../src/runtime/clock.js';

/** A Monday in 2026, so that a test's epoch milliseconds look like real ones. */
export const FAKE_EPOCH_MS = 1_780_000_000_000;

interface Alarm {
  due: number;
  readonly every: number | undefined;
  readonly fn: () => void;
}

export interface FakeClockOptions {
  readonly wall?: number;
  readonly mono?: number;
  /** 'hand' (default): soon() queues until runSoon(). 'microtask': soon() is queueMicrotask. */
  readonly soon?: 'hand' | 'microtask';
}

export class FakeClock implements Clock {
  /** Epoch milliseconds; assign to jump the wall clock alone. */
  wallMs: number;
  /** Monotonic milliseconds; advance() moves it together with the wall clock. */
  monoMs: number;
  readonly #soonMode: 'hand' | 'microtask';
  readonly #alarms = new Set<Alarm>();
  #queue: (() => void)[] = [];

  constructor(options: FakeClockOptions = {}) {
    this.wallMs = options.wall ?? FAKE_EPOCH_MS;
    this.monoMs = options.mono ?? 1_000;
    this.#soonMode = options.soon ?? 'hand';
  }

  wall(): number {
    return this.wallMs;
  }

  mono(): number {
    return this.monoMs;
  }

  soon(fn: () => void): void {
    if (this.#soonMode === 'microtask') queueMicrotask(fn);
    else this.#queue.push(fn);
  }

  after(ms: number, fn: () => void): Timer {
    return this.#add({ due: this.monoMs + ms, every: undefined, fn });
  }

  every(ms: number, fn: () => void): Timer {
    // As setInterval: an interval below a millisecond is a millisecond, or advance() would never end.
    const every = Math.max(1, ms);
    return this.#add({ due: this.monoMs + every, every, fn });
  }

  /** How many timers are set: a stopped room must leave none behind. */
  get pendingTimers(): number {
    return this.#alarms.size;
  }

  /** How many functions wait for runSoon(). */
  get pendingSoon(): number {
    return this.#queue.length;
  }

  /** Runs what soon() has collected, and what that hands to soon() in turn. */
  runSoon(): void {
    while (this.#queue.length > 0) {
      const batch = this.#queue;
      this.#queue = [];
      for (const fn of batch) fn();
    }
  }

  /** Moves both clocks by ms, firing each timer at its own time; the soon queue runs after each and at the end. */
  advance(ms: number): void {
    const end = this.monoMs + ms;
    for (let next = this.#next(end); next !== undefined; next = this.#next(end)) {
      this.#moveTo(Math.max(next.due, this.monoMs));
      if (next.every === undefined) this.#alarms.delete(next);
      else next.due += next.every;
      next.fn();
      this.runSoon();
    }
    this.#moveTo(end);
    this.runSoon();
  }

  #moveTo(mono: number): void {
    this.wallMs += mono - this.monoMs;
    this.monoMs = mono;
  }

  #next(end: number): Alarm | undefined {
    let first: Alarm | undefined;
    for (const alarm of this.#alarms) {
      if (alarm.due <= end && (first === undefined || alarm.due < first.due)) first = alarm;
    }
    return first;
  }

  #add(alarm: Alarm): Timer {
    this.#alarms.add(alarm);
    return {
      stop: () => {
        this.#alarms.delete(alarm);
      },
    };
  }
}
