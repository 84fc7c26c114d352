/**
 * operators - runs operator.mjs, and calls dracd as dracctl does
 */
import { fileURLToPath } from 'node:url';
import path from 'node:path';
import { ROOT } from './build.mjs';
import { Wrong, start, stop, textOf, until } from './processes.mjs';
import { cpuSeconds } from './servers.mjs';

/** @typedef {Record<string, any> & {event: string}} Happened */

const PATIENCE_MS = 300_000;
const PROGRAM = fileURLToPath(new URL('operator.mjs', import.meta.url));

/** A process of operators. */
export class Operator {
  #child;
  #said;
  #complaints;
  /** How many lines have been taken. */
  #taken = 0;

  /** @param {import('./servers.mjs').Dracd} dracd @param {string[]} words */
  constructor(dracd, ...words) {
    this.#child = start([process.execPath, PROGRAM, dracd.adminSocket, ...words], { talks: true });
    this.#said = textOf(this.#child.stdout);
    this.#complaints = textOf(this.#child.stderr);
  }

  /** Seconds of processor time. */
  get cpu() {
    return cpuSeconds(this.#child.pid ?? 0);
  }

  /** What happens next, which must be this. @param {string} event @returns {Promise<Happened>} */
  async next(event) {
    const happened = await until(
      `an operator: ${event}`,
      () => {
        const line = this.#said.text.split('\n').slice(0, -1)[this.#taken];
        if (line === undefined && this.#child.exitCode !== null)
          throw new Wrong(`operator.mjs ended: ${this.#complaints.text}`);
        return line === undefined ? undefined : JSON.parse(line);
      },
      { withinMs: PATIENCE_MS },
    );
    if (happened.event !== event) throw new Wrong(`an operator: ${JSON.stringify(happened)}, not ${event}`);
    this.#taken += 1;
    return happened;
  }

  /** @param {string} command @param {string} event what it is answered with */
  ask(command, event) {
    this.#child.stdin?.write(`${command}\n`);
    return this.next(event);
  }

  stop() {
    return stop(this.#child, 'SIGKILL');
  }
}

/** A client as dracctl has it, of the built program. @param {import('./servers.mjs').Dracd} dracd */
export async function adminClient(dracd) {
  const { AdminClient } = await import(path.join(ROOT, 'dist/admin/client.js'));
  const { systemClock: clock } = await import(path.join(ROOT, 'dist/runtime/clock.js'));
  return new AdminClient({ server: `unix:${dracd.adminSocket}`, timeoutMs: PATIENCE_MS, clock });
}
