/**
 * refusals - reports that the ledger refuses, heard on their way to it
 *
 * Those of one reporter for one client with one outcome share a record (tallies.ts). A stranger's share one whatever the
 * client; and since anybody can send datagrams in the name of any number of strangers, only MAX_STRANGERS a minute are told
 * apart: the record of all further ones is `others`.
 */
import type { ClientAddress } from '../core/address.js';
import type { Outcome, Report } from '../core/ledger.js';
import { Tallies, type Tally, WINDOW_MS } from './tallies.js';

export const MAX_STRANGERS = 100;
const OTHERS = 'others';

export interface Refused {
  readonly client: ClientAddress;
  readonly sender: ClientAddress | typeof OTHERS;
  readonly outcome: Outcome;
}

export class Refusals {
  readonly tallies: Tallies<Refused>;
  readonly #clock: { wall(): number; mono(): number };
  #strangers = 0;
  #since = -Infinity;

  constructor(clock: { wall(): number; mono(): number }, record: (tally: Tally<Refused>) => void) {
    this.#clock = clock;
    this.tallies = new Tallies({ clock, isLike: () => true, record });
  }

  /** Passes reports on, and hears which are refused. */
  authorizer(ledger: { authorize(report: Report): void }): { authorize(report: Report): void } {
    return {
      authorize: (report) => {
        ledger.authorize(new Heard(report, this.#refused));
      },
    };
  }

  readonly #refused = (client: ClientAddress, sender: ClientAddress, outcome: Outcome): void => {
    if (outcome !== 'stranger') {
      this.tallies.count(`${client} ${sender} ${outcome}`, { client, sender, outcome });
      return;
    }
    const now = this.#clock.mono();
    if (now - this.#since >= WINDOW_MS) {
      this.#since = now;
      this.#strangers = 0;
    }
    const isKnown = this.tallies.has(sender);
    if (isKnown || this.#strangers < MAX_STRANGERS) {
      if (!isKnown) this.#strangers += 1;
      this.tallies.count(sender, { client, sender, outcome });
    } else this.tallies.count(OTHERS, { client, sender: OTHERS, outcome });
  };
}

/** A report on its way to the ledger, of which is heard whether it is refused. */
class Heard implements Report {
  readonly client: ClientAddress;
  readonly sender: ClientAddress;
  readonly #report: Report;
  readonly #refused: (client: ClientAddress, sender: ClientAddress, outcome: Outcome) => void;

  constructor(
    report: Report,
    refused: (client: ClientAddress, sender: ClientAddress, outcome: Outcome) => void,
  ) {
    this.client = report.client;
    this.sender = report.sender;
    this.#report = report;
    this.#refused = refused;
  }

  settle(outcome: Outcome): void {
    if (outcome !== 'granted' && outcome !== 'renewed') this.#refused(this.client, this.sender, outcome);
    this.#report.settle(outcome);
  }
}
