/** forget - first what lets it relay, then the records; and both outcomes are recorded without the address. */
import type { Act } from '../../src/audit/audit.js';
import { Fault } from '../../src/core/fault.js';
import { forget } from '../../src/forget.js';
import { at } from './core/world.js';

const by = { author: 'ann', reason: 'asked to' };

function office(faults: { readonly revoke?: Fault; readonly changes?: Error; readonly erase?: Error } = {}) {
  const done: string[] = [];
  const acts: Act[] = [];
  const options = {
    revoke: (client: string) => {
      done.push(`revoke ${client}`);
      return faults.revoke === undefined ? Promise.resolve(2) : Promise.reject(faults.revoke);
    },
    erase: (client: string) => {
      done.push(`erase ${client}`);
      return faults.changes === undefined ? Promise.resolve() : Promise.reject(faults.changes);
    },
    audit: {
      act: (act: Act) => void acts.push(act),
      forget: (client: string) => {
        done.push(`forget ${client}`);
        return faults.erase === undefined ? Promise.resolve(7) : Promise.reject(faults.erase);
      },
    },
    clock: { wall: () => 5 },
  };
  return { acts, done, options };
}

test('leases first, then what is remembered, then records, and then it is recorded that it was done', async () => {
  const { acts, done, options } = office();
  expect(await forget(at('192.0.2.7'), by, options)).toEqual({ grants: 2, records: 7 });
  expect(done).toEqual(['revoke 192.0.2.7', 'erase 192.0.2.7', 'forget 192.0.2.7']);
  expect(acts).toEqual([{ what: 'forget', ...by, at: 5, outcome: 'done', count: 7 }]);
});

test('a revocation that fails ends it; files that fail are a Fault; both are recorded', async () => {
  const first = office({ revoke: new Fault('MAP', 'no map') });
  await expect(forget(at('192.0.2.7'), by, first.options)).rejects.toMatchObject({ code: 'MAP' });
  expect(first.done).toHaveLength(1);
  expect(first.acts).toEqual([{ what: 'forget', ...by, at: 5, outcome: 'no map' }]);
  for (const fault of ['changes', 'erase']) {
    const second = office({ [fault]: new Error('no room') });
    await expect(forget(at('192.0.2.7'), by, second.options)).rejects.toMatchObject({ code: 'STORE' });
    expect(second.acts).toEqual([{ what: 'forget', ...by, at: 5, outcome: 'no room' }]);
  }
});
