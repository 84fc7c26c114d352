/**
 * farewell - notices in what is sent that HTTP/2 has given a connection up
 *
 * To a peer that breaks the protocol Node says GOAWAY with an error, reads no further, and waits for the peer to hang up. One
 * that does not would keep its place until pings are found unanswered. (RFC 9113, sections 4.1, 5.4.1 and 6.8.)
 */

const HEAD_BYTES = 9;
const GOAWAY = 7;
/** A GOAWAY as far as the error: its head, the last stream, the error. */
const GOAWAY_BYTES = HEAD_BYTES + 8;
const TYPE_AT = 3;
const ERROR_AT = HEAD_BYTES + 4;
const NO_ERROR = 0;

export class Farewell {
  /** The beginning of the frame that is being sent, as far as it matters. */
  readonly #start = new Uint8Array(GOAWAY_BYTES);
  readonly #view = new DataView(this.#start.buffer);
  #known = 0;
  /** What is still to come of a frame that does not matter. */
  #rest = 0;

  /** Takes the next bytes that are sent; answers whether they bid farewell because of an error. */
  isIn(bytes: Uint8Array): boolean {
    let at = 0;
    while (at < bytes.length) {
      if (this.#rest > 0) {
        const passed = Math.min(this.#rest, bytes.length - at);
        this.#rest -= passed;
        at += passed;
        continue;
      }
      this.#start[this.#known] = bytes[at] as number;
      this.#known += 1;
      at += 1;
      if (this.#known === HEAD_BYTES && this.#view.getUint8(TYPE_AT) !== GOAWAY) this.#pass();
      else if (this.#known === GOAWAY_BYTES) {
        if (this.#view.getUint32(ERROR_AT) !== NO_ERROR) return true;
        this.#pass();
      }
    }
    return false;
  }

  /** Goes past the rest of the frame whose beginning is known. */
  #pass(): void {
    const length = this.#view.getUint16(0) * 0x100 + this.#view.getUint8(2);
    this.#rest = HEAD_BYTES + length - this.#known;
    this.#known = 0;
  }
}
