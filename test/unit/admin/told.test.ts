/** told - a few lines of each kind a minute, and the number of those that were left out */
import { Refusal } from '../../../src/admin/refusal.js';
import { CALLS, CONNECTIONS, MINUTE_MS, Told } from '../../../src/admin/told.js';
import { Fault } from '../../../src/core/fault.js';
import { recordingLog } from '../../support/live-map.js';

function telling() {
  let now = 0;
  const { log, said } = recordingLog();
  const told = new Told({ clock: { mono: () => now }, log });
  const lines = (): string[] =>
    said.splice(0).map(({ level, event, fields }) => `${level} ${event} ${JSON.stringify(fields)}`);
  return { told, lines, later: (ms: number) => (now += ms) };
}

const PATH = '/dracd.admin.v1.Admin/Pin';
const MORE = ', and more of the kind in the last minute';

test('so many of one kind a minute; then the number of the others, with the last of them', () => {
  const { told, lines, later } = telling();
  for (let i = 0; i < 4_221; i += 1) told.call(PATH, new Refusal('NO_ROLE', `no ${i}`));
  expect(lines()).toEqual(
    Array.from(
      { length: CALLS },
      (_, i) => `warn admin: a call was refused {"call":"Pin","reason":"NO_ROLE","message":"no ${i}"}`,
    ),
  );
  later(MINUTE_MS - 1);
  told.look();
  expect(lines()).toEqual([]);
  later(1);
  told.look();
  expect(lines()).toEqual([
    `warn admin: a call was refused${MORE} {"more":4211,"call":"Pin","reason":"NO_ROLE","message":"no 4220"}`,
  ]);
  told.call(PATH, new Refusal('NO_ROLE', 'again'));
  expect(lines()).toHaveLength(1);
  later(MINUTE_MS);
  told.look();
  expect(lines()).toEqual([]);
});

test('one kind does not hide another', () => {
  const { told, lines } = telling();
  for (let i = 0; i < 100; i += 1) {
    told.call(PATH, new Refusal('NO_ROLE', 'no'));
    told.call(PATH, new Refusal('BAD_FIELD', 'no'));
    told.call(PATH, new Fault('CONFIG', 'no'));
    told.call(PATH, new Fault('STORE', 'the disk'));
    told.call(PATH, new TypeError('a bug'));
    told.unproven('no certificate', '192.0.2.7');
    told.crowded('no room');
    told.dismissed('over');
  }
  const counts = new Map<string, number>();
  for (const line of lines()) counts.set(line, (counts.get(line) ?? 0) + 1);
  expect(Object.fromEntries(counts)).toEqual({
    'warn admin: a call was refused {"call":"Pin","reason":"NO_ROLE","message":"no"}': CALLS,
    'info admin: a call was refused {"call":"Pin","reason":"BAD_FIELD","message":"no"}': CALLS,
    'info admin: a call was refused {"call":"Pin","reason":"CONFIG","message":"no"}': CALLS,
    'error admin: a call failed {"call":"Pin","error":"Fault: the disk"}': CALLS,
    'error admin: a call failed {"call":"Pin","error":"TypeError: a bug"}': CALLS,
    'warn admin: a connection was refused {"from":"192.0.2.7","reason":"no certificate"}': CONNECTIONS,
    'warn admin: a connection was refused {"reason":"no room"}': CONNECTIONS,
    'info admin: a connection was ended {"reason":"over"}': CALLS,
  });
});

test('at the end nothing is left untold', () => {
  const { told, lines } = telling();
  for (let i = 0; i < 3; i += 1) told.unproven(`knock ${i}`, '192.0.2.7');
  expect(lines()).toHaveLength(1);
  told.end();
  expect(lines()).toEqual([
    `warn admin: a connection was refused${MORE} {"more":2,"from":"192.0.2.7","reason":"knock 2"}`,
  ]);
});
