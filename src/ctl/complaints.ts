/** complaints - what is wrong with the lines of a file, told up to a limit and counted beyond */

const MAX_TOLD = 20;

export class Complaints {
  readonly #name: string;
  #count = 0;

  /** `name`: the file's, as it may be shown. */
  constructor(name: string) {
    this.#name = name;
  }

  tell(line: number, what: string): void {
    this.#count += 1;
    if (this.#count <= MAX_TOLD) process.stderr.write(`dracctl: ${this.#name}:${line}: ${what}\n`);
  }

  end(): void {
    if (this.#count > MAX_TOLD) process.stderr.write(`dracctl: and ${this.#count - MAX_TOLD} more\n`);
  }
}
