/** observers - those who listen are told, and the ledger is told whether anybody does. */
import { Entry } from '../../src/core/entry.js';
import type { LedgerObserver } from '../../src/core/outlets.js';
import { observers } from '../../src/observers.js';
import { at, POP } from './core/world.js';

function hearing(listens: boolean): LedgerObserver & { listens: boolean; readonly heard: string[] } {
  const heard: string[] = [];
  return {
    listens,
    heard,
    leased: (change) => void heard.push(change),
    ended: (change) => void heard.push(change),
  };
}

test('each who listens is told, the others are not', () => {
  const [one, other] = [hearing(true), hearing(false)];
  const both = observers(one, other);
  const client = at('192.0.2.7');
  const lease = new Entry({ client, reporter: POP, subject: client, place: 0 }, 1, 0);
  both.leased('granted', lease);
  other.listens = true;
  both.ended('expired', lease);
  expect([one.heard, other.heard]).toEqual([['granted', 'expired'], ['expired']]);
  one.listens = false;
  expect(both.listens).toBe(true);
  other.listens = false;
  expect(both.listens).toBe(false);
});
