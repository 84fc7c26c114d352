/**
 * lines - bytes as they come, cut into numbered lines
 *
 * A line that is too long or no UTF-8 is told as wrong, and the lines after it are read as ever.
 *
 * Limits: MAX_LINE bytes a line, which is more than a request may have.
 */

const MAX_LINE = 65_536;
const LF = 0x0a;

export interface Line {
  /** From 1. */
  readonly number: number;
  /** Without its line end; undefined when it is wrong. */
  readonly text?: string;
  readonly wrong?: string;
}

export async function* linesOf(source: AsyncIterable<Uint8Array>): AsyncGenerator<Line, void, void> {
  const cutter = new Cutter();
  for await (const chunk of source) yield* cutter.take(chunk);
  yield* cutter.rest();
}

class Cutter {
  readonly #decoder = new TextDecoder('utf-8', { fatal: true });
  #parts: Uint8Array[] = [];
  #length = 0;
  #number = 0;

  *take(chunk: Uint8Array): Generator<Line, void, void> {
    let from = 0;
    for (let end = chunk.indexOf(LF); end >= 0; end = chunk.indexOf(LF, from)) {
      this.#keep(chunk.subarray(from, end));
      yield this.#line();
      from = end + 1;
    }
    this.#keep(chunk.subarray(from));
  }

  /** What stands after the last line end. */
  *rest(): Generator<Line, void, void> {
    if (this.#length > 0) yield this.#line();
  }

  #keep(part: Uint8Array): void {
    this.#length += part.length;
    if (this.#length > MAX_LINE) this.#parts = [];
    else this.#parts.push(part);
  }

  #line(): Line {
    const bytes = Buffer.concat(this.#parts);
    const isTooLong = this.#length > MAX_LINE;
    this.#parts = [];
    this.#length = 0;
    this.#number += 1;
    const number = this.#number;
    if (isTooLong) return { number, wrong: `is longer than ${MAX_LINE} bytes` };
    try {
      // The decoder takes the mark away that some editors put before the first line.
      return { number, text: this.#decoder.decode(bytes) };
    } catch {
      return { number, wrong: 'is not UTF-8' };
    }
  }
}
