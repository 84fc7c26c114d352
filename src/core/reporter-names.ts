/**
 * reporter-names - what reporters are called in counts and on pages, where an address has no place
 *
 * The administrator's names first; then `local` for this host, `other` for any other reporter and `stranger` for who
 * is none. So the number of names is bounded by the configuration.
 */
import { addressToBytes, type ClientAddress } from './address.js';
import { anyContains, type Network } from './network.js';

export const LOCAL = 'local';
export const OTHER = 'other';
export const STRANGER = 'stranger';

export interface ReporterNamesOptions {
  readonly believes: (sender: ClientAddress) => boolean;
  /** Whether an address is this host's own. */
  readonly isOwn: (sender: ClientAddress) => boolean;
}

export class ReporterNames {
  readonly #options: ReporterNamesOptions;
  #names: readonly (readonly [string, readonly Network[]])[] = [];

  constructor(options: ReporterNamesOptions) {
    this.#options = options;
  }

  /** The administrator's names. A sender that several hold has the first. */
  replace(names: Readonly<Record<string, readonly Network[]>>): void {
    this.#names = Object.entries(names);
  }

  of(sender: ClientAddress): string {
    const { believes, isOwn } = this.#options;
    if (!believes(sender)) return STRANGER;
    if (this.#names.length > 0) {
      const bytes = addressToBytes(sender);
      for (const [name, networks] of this.#names) if (anyContains(networks, bytes)) return name;
    }
    return isOwn(sender) ? LOCAL : OTHER;
  }
}
