/**
 * kept-door - a door that is opened anew when its socket was taken away
 *
 * A unix socket that was deleted, or in whose place something else stands, is out of the clients' reach
 * although we still listen. look() notices and opens the door anew as at the start: what nobody answers is
 * replaced; what another program answers, or what is no socket, is left alone and told of once, and tried again
 * at every LOOKS_BETWEEN_TRIES-th look and as soon as something else stands there. Connections that are open go on.
 *
 * Limits: mode and group are not looked at, an administrator may have changed them on purpose. Connections that came
 * through the socket of before do not count among those of the new one.
 */
import { lstatSync, type Stats } from 'node:fs';
import { type Door, type DoorOptions, messageOf, openDoor } from './door.js';

export const LOOKS_BETWEEN_TRIES = 10;

/** What stands at a path that is not what was made there. */
interface Found {
  readonly what: string;
  /** Differs when something else stands there. */
  readonly identity: string;
}

function found(file: string, made: Stats): Found | undefined {
  let stat: Stats | undefined;
  try {
    stat = lstatSync(file, { throwIfNoEntry: false });
  } catch (thrown) {
    return { what: messageOf(thrown), identity: 'out of reach' };
  }
  if (stat === undefined) return { what: 'deleted', identity: 'nothing' };
  // The inode of a socket that is listened at is not given away, deleted or not.
  if (stat.ino === made.ino && stat.dev === made.dev) return undefined;
  const what = stat.isSocket() ? 'replaced by another socket' : 'replaced by something that is no socket';
  return { what, identity: `${stat.dev}:${stat.ino}` };
}

export class KeptDoor {
  readonly #options: DoorOptions;
  #door: Door;
  #opening: Promise<void> | undefined;
  #closed = false;
  /** What stood there at the last try, which failed, and why it did. */
  #failed: { readonly identity: string; readonly reason: string } | undefined;
  #looksSinceTry = 0;

  /** Opens a door. Rejects as openDoor does, and leaves nothing behind. */
  static async open(options: DoorOptions): Promise<KeptDoor> {
    return new KeptDoor(options, await openDoor(options));
  }

  private constructor(options: DoorOptions, door: Door) {
    this.#options = options;
    this.#door = door;
  }

  get text(): string {
    return this.#door.text;
  }

  /** To be called now and then. Returns at once. */
  look(): void {
    const { place, who, log } = this.#options;
    const { made } = this.#door;
    if (made === undefined || place.transport !== 'unix' || this.#closed || this.#opening !== undefined)
      return;
    const stands = found(place.path, made);
    if (stands === undefined) {
      this.#tellOfEnd(place.path);
      return;
    }
    this.#looksSinceTry += 1;
    const isKnown = stands.identity === this.#failed?.identity;
    if (isKnown && this.#looksSinceTry < LOOKS_BETWEEN_TRIES) return;
    this.#looksSinceTry = 0;
    if (!isKnown) log.warn(`${who}: opening its socket anew`, { path: place.path, found: stands.what });
    this.#opening = this.#openAnew(place.path, stands).finally(() => {
      this.#opening = undefined;
    });
  }

  /** Closes the door; resolves when nothing is left of it. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#door.close();
    await this.#opening;
  }

  /** Never rejects. */
  async #openAnew(path: string, { identity }: Found): Promise<void> {
    const { who, log } = this.#options;
    let door: Door;
    try {
      door = await openDoor(this.#options);
    } catch (thrown) {
      const reason = messageOf(thrown);
      if (reason !== this.#failed?.reason) log.error(`${who}: out of reach, trying again`, { path, reason });
      this.#failed = { identity, reason };
      return;
    }
    const before = this.#door;
    this.#door = door;
    before.close();
    if (this.#closed) door.close();
    else this.#tellOfEnd(path);
  }

  #tellOfEnd(path: string): void {
    const { who, log } = this.#options;
    if (this.#failed !== undefined) log.info(`${who}: within reach again`, { path });
    this.#failed = undefined;
  }
}
