/**
 * ask-audit - whether an address could relay at a time, for a terminal: the answer in words, and the records that it rests on
 *
 * Reads files only, so it works beside a daemon and without one. What a daemon still gathers (renewals and look-ups of the last
 * minute) is not in them yet.
 *
 * Errors: Fault CONFIG when there are no files to read; Fault STORE when one cannot be read.
 */
import { LineMaker } from './audit/record.js';
import { MAX_TOLD, who } from './audit/who.js';
import type { Config } from './config.js';
import type { ClientAddress } from './core/address.js';
import { Fault } from './core/fault.js';
import { privacyToRead } from './open-audit.js';
import { systemClock } from './runtime/clock.js';

/** Why nothing can be asked. */
export const NO_FILE = 'audit.file is not set: records are in the log alone (events "audit" and "operator")';

export async function askAudit(config: Config, address: ClientAddress, at: number): Promise<string> {
  const { file } = config.audit;
  if (file === '') throw new Fault('CONFIG', NO_FILE);
  const answer = await who(address, at, { file, privacy: privacyToRead(config), now: systemClock.wall() });
  const { gaps, records, words } = answer;
  const maker = new LineMaker();
  const shown = [...records.slice(0, MAX_TOLD), ...gaps.slice(0, MAX_TOLD)].map((record) =>
    maker.line(record),
  );
  return `${words}\n${shown.join('')}`;
}
