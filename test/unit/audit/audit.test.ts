/** audit - what is heard becomes one record each, for the file and as far as it goes for the log. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Audit } from '../../../src/audit/audit.js';
import { LiveFile } from '../../../src/audit/live-file.js';
import { BURST, PER_SECOND } from '../../../src/audit/log-lines.js';
import { Privacy } from '../../../src/audit/privacy.js';
import { type AuditRecord, recordIn } from '../../../src/audit/record.js';
import { WINDOW_MS } from '../../../src/audit/tallies.js';
import { Writer } from '../../../src/audit/writer.js';
import { Entry } from '../../../src/core/entry.js';
import type { Judgement } from '../../../src/core/decision.js';
import type { OperatorEntry } from '../../../src/core/operator-entry.js';
import type { Report } from '../../../src/core/ledger.js';
import type { Subject } from '../../../src/core/subject.js';
import { type Log, type LogFields, silentLog } from '../../../src/runtime/log.js';
import { FakeClock } from '../../support/fake-clock.js';
import { newDirectory } from '../../support/processes.js';
import { at } from '../core/world.js';

const CLIENT = at('192.0.2.7');
const POP = at('198.51.100.1');
const LEASE = 1_800_000;

const open: Audit[] = [];

afterEach(async () => {
  for (const audit of open.splice(0)) await audit.stop();
});

function writerOf(file: string, clock: FakeClock, log: Log = silentLog): Writer {
  const head = () => [][Symbol.iterator]() as Iterator<string, undefined>;
  return new Writer({ file: new LiveFile(file), retentionMs: 1e9, head, clock, log });
}

function hearing(privacy = new Privacy('full'), withFile = true) {
  const clock = new FakeClock();
  const said: { event: string; fields: LogFields }[] = [];
  const say = (event: string, fields: LogFields = {}) => void said.push({ event, fields });
  const log = { debug: say, info: say, warn: say, error: say };
  const file = path.join(newDirectory('audit'), 'audit.jsonl');
  const writer = writerOf(file, clock, log);
  const audit = new Audit({
    privacy,
    writer: withFile ? writer : undefined,
    file: withFile ? file : undefined,
    clock,
    log,
  });
  open.push(audit);
  const lease = (client = CLIENT, reporter = POP, subject: Subject = client): Entry =>
    new Entry({ client, reporter, subject, place: 0 }, clock.wall() + LEASE, 0);
  const records = async (): Promise<AuditRecord[]> => {
    await writer.flush();
    const lines = readFileSync(file, 'latin1').split('\n').slice(0, -1);
    return lines.map((line) => recordIn(line) as AuditRecord);
  };
  return { audit, clock, file, lease, records, said, writer };
}

const entry = (kind: OperatorEntry['kind'], more: Partial<OperatorEntry> = {}): OperatorEntry => ({
  kind,
  subject: CLIENT,
  reason: 'ticket',
  author: 'ann',
  createdAt: 0,
  ...more,
});
const by = { author: 'bob', reason: 'why' };

test('a grant at once, renewals of a minute as one, and before an end what is gathered', async () => {
  const { audit, clock, lease, records } = hearing();
  const from = clock.wall();
  audit.leased('granted', lease());
  for (let i = 0; i < 5; i += 1) audit.leased('renewed', lease());
  clock.advance(1_000);
  audit.leased('renewed', lease());
  audit.leased('renewed', lease(CLIENT, at('198.51.100.2')));
  audit.ended('expired', lease());
  expect(await records()).toMatchObject([
    { kind: 'grant', subject: CLIENT, client: undefined, reporter: POP, at: from, until: from + LEASE },
    { kind: 'renewal', count: 6, from, at: from + 1_000, until: from + 1_000 + LEASE, reporter: POP },
    { kind: 'renewal', count: 1, reporter: '198.51.100.2' },
    { kind: 'expiry', subject: CLIENT },
  ]);
  audit.leased('renewed', lease());
  clock.advance(WINDOW_MS + 100);
  expect((await records()).at(-1)).toMatchObject({ kind: 'renewal', count: 1 });
});

test('a wide lease names the client that was reported', async () => {
  const { audit, lease, records } = hearing();
  audit.leased('granted', lease(at('2001:db8::7'), POP, '2001:db8::/64' as Subject));
  audit.ended('revoked', lease(at('2001:db8::7'), POP, '2001:db8::/64' as Subject));
  expect(await records()).toMatchObject([
    { kind: 'grant', subject: '2001:db8::/64', client: '2001:db8::7' },
    { kind: 'revoke', subject: '2001:db8::/64', client: '2001:db8::7', what: undefined },
  ]);
});

test('refused reports, each reporter’s together; of strangers only so many are told apart', async () => {
  const { audit, clock, records } = hearing();
  const outcomes: string[] = [];
  const ledger = audit.authorizer({
    authorize: (report) => {
      report.settle(
        report.sender === POP ? 'unusable' : report.sender.startsWith('10.') ? 'stranger' : 'granted',
      );
    },
  });
  const report = (sender: string, client: string = CLIENT): Report => ({
    client: at(client),
    sender: at(sender),
    settle: (outcome) => void outcomes.push(outcome),
  });
  for (let i = 0; i < 3; i += 1) ledger.authorize(report(POP));
  ledger.authorize(report('192.0.2.200'));
  for (let i = 0; i < 300; i += 1) ledger.authorize(report(`10.0.${i >> 8}.${i & 255}`, `10.1.0.${i & 255}`));
  expect(outcomes).toHaveLength(304);
  expect(outcomes.filter((one) => one === 'granted')).toHaveLength(1);
  clock.advance(WINDOW_MS + 100);
  const read = await records();
  expect(read[0]).toMatchObject({
    kind: 'refusal',
    subject: CLIENT,
    reporter: POP,
    outcome: 'unusable',
    count: 3,
  });
  expect(read).toHaveLength(1 + 100 + 1);
  expect(read.find(({ reporter }) => reporter === 'others')).toMatchObject({
    count: 200,
    outcome: 'stranger',
  });
  for (let i = 0; i < 100; i += 1) ledger.authorize(report(`10.9.0.${i}`));
  clock.advance(WINDOW_MS + 100);
  expect(await records()).toHaveLength(102 + 100);
});

test('uses are counted for each grant, by the rule that permits, and a no is none', async () => {
  const { audit, lease, records } = hearing();
  let judged: Judgement = {
    verdict: { verdict: 'permitted', expiresAt: 1 },
    rule: 'grant',
    subject: '192.0.2.0/24' as Subject,
  };
  const permits = audit.permits({ on: () => judged });
  for (let i = 0; i < 3; i += 1) expect(permits.ask(CLIENT)).toBe(judged.verdict);
  audit.ended('expired', lease(CLIENT, POP, '192.0.2.0/24' as Subject));
  permits.ask(CLIENT);
  judged = { ...judged, rule: 'pin' };
  permits.ask(CLIENT);
  audit.entry('unpinned', entry('pin', { subject: '192.0.2.0/24' as Subject }), by);
  judged = { verdict: { verdict: 'not' }, rule: 'none' };
  permits.ask(CLIENT);
  expect((await records()).map(({ client, count, kind, what }) => [kind, what, client, count])).toEqual([
    ['use', undefined, CLIENT, 3],
    ['expiry', undefined, CLIENT, undefined],
    ['use', undefined, CLIENT, 1],
    ['use', 'pin', CLIENT, 1],
    ['unpin', undefined, undefined, undefined],
  ]);
});

test('entries that come, go and end', async () => {
  const { audit, records } = hearing();
  audit.entry('granted', entry('grant', { expiresAt: 9_000, user: 'carol' }), by);
  audit.entry('renewed', entry('grant', { expiresAt: 9_500 }), by);
  audit.entry('revoked', entry('grant', { expiresAt: 9_500 }), by);
  audit.entry('pinned', entry('pin'), by);
  audit.entry('unpinned', entry('pin'));
  audit.entry('denied', entry('deny'), by);
  audit.entry('undenied', entry('deny'), by);
  audit.entry('expired', entry('grant'));
  const read = await records();
  expect(read.map(({ author, kind, until, what }) => [kind, what, author, until])).toEqual([
    ['grant', undefined, 'bob', 9_000],
    ['grant', undefined, 'bob', 9_500],
    ['revoke', 'grant', 'bob', undefined],
    ['pin', undefined, 'bob', undefined],
    ['expiry', 'pin', 'ann', undefined],
    ['deny', undefined, 'bob', undefined],
    ['undeny', undefined, 'bob', undefined],
    ['expiry', 'grant', 'ann', undefined],
  ]);
  expect(read[0]).toMatchObject({ user: 'carol', reason: 'why' });
});

test('acts: all in the log, in the file those without a record of their own', async () => {
  const { audit, records, said } = hearing();
  const act = { author: 'ann', at: 5, outcome: 'done' } as const;
  audit.act({ ...act, what: 'pin', subject: CLIENT });
  audit.act({ ...act, what: 'revoke', subject: 'all', count: 7 });
  audit.act({ ...act, what: 'deny', subject: CLIENT, outcome: 'no room for it' });
  expect(said.map(({ event, fields }) => [event, fields['what']])).toEqual([
    ['operator', 'pin'],
    ['operator', 'revoke'],
    ['operator', 'deny'],
  ]);
  expect(await records()).toMatchObject([
    { kind: 'act', what: 'revoke', subject: 'all', count: 7, author: 'ann' },
    { kind: 'act', what: 'deny', outcome: 'no room for it' },
  ]);
});

test.each(['truncated', 'hashed'] as const)(
  '%s: no address and no user in the log, the file, or what failed',
  async (mode) => {
    const { audit, clock, file, lease, records, said } = hearing(new Privacy(mode, Buffer.alloc(32)));
    audit.leased('granted', lease());
    audit.leased('granted', lease(CLIENT, POP, '192.0.2.0/25' as Subject));
    audit.entry('pinned', entry('pin', { user: 'carol' }), by);
    audit.act({
      what: 'pin',
      subject: CLIENT,
      user: 'carol',
      author: 'ann',
      at: 0,
      outcome: `${CLIENT} is denied`,
    });
    clock.advance(1_000);
    expect(await records()).toMatchObject(Array.from({ length: 4 }, () => ({ privacy: mode })));
    const all = readFileSync(file, 'utf8') + JSON.stringify(said);
    for (const secret of [CLIENT, '192.0.2.0/25', 'carol']) expect(all).not.toContain(secret);
    expect(all).toContain(POP);
  },
);

test('the log gets as much as it can bear, and the number of the rest', async () => {
  const { audit, clock, lease, records, said } = hearing();
  for (let i = 0; i < BURST + 50; i += 1) audit.leased('granted', lease(at(`10.0.0.${i}`)));
  expect(said).toHaveLength(BURST);
  clock.advance(1_000);
  for (let i = 0; i < 50; i += 1) audit.ended('expired', lease(at(`10.0.0.${i}`)));
  expect(said).toHaveLength(BURST + PER_SECOND);
  clock.advance(60_000);
  expect(said.at(-1)).toEqual({ event: 'audit: more than the log takes', fields: { grant: 50, expiry: 40 } });
  clock.advance(60_000);
  expect(said).toHaveLength(BURST + PER_SECOND + 1);
  expect(await records()).toHaveLength(BURST + 100);
});

test('without a file there is the log, and nobody to ask', async () => {
  const { audit, lease, said } = hearing(new Privacy('full'), false);
  audit.leased('granted', lease());
  expect(said).toMatchObject([{ event: 'audit', fields: { kind: 'grant', subject: CLIENT, reporter: POP } }]);
  await audit.start({ forgotAll: false, lifetimeMs: LEASE }, []);
  expect(await audit.who(CLIENT, 0)).toBeUndefined();
  expect(await audit.forget(CLIENT)).toBe(0);
  await audit.stop();
});

test('after a start that follows no stop, leases of the last minute before it are recorded again, others not', async () => {
  const one = hearing();
  one.audit.leased('granted', one.lease());
  await one.records();
  const last = one.clock.wall();
  const leaseSince = (client: string, from: number): Entry =>
    new Entry({ client: at(client), reporter: POP, subject: at(client), place: 0 }, from + LEASE, 0);
  const leases = [
    leaseSince('10.0.0.1', last - 2 * WINDOW_MS),
    ...Array.from({ length: 1_200 }, (_, i) => leaseSince(`10.1.${i >> 8}.${i & 255}`, last)),
  ];
  const start = async () => {
    const writer = writerOf(one.file, one.clock);
    const { clock, file } = one;
    const audit = new Audit({ privacy: new Privacy('full'), writer, file, clock, log: silentLog });
    open.push(audit);
    await audit.start({ forgotAll: false, lifetimeMs: LEASE }, leases);
    return { audit, writer };
  };
  const stopped = async (): Promise<AuditRecord[]> => {
    const read = await one.records();
    return read.filter(({ kind }) => kind === 'stop');
  };
  // Stopped before all is recorded again, it says no `stop`, so that the next start does it.
  await (await start()).audit.stop();
  expect(await stopped()).toEqual([]);
  const before = (await one.records()).length;

  const { audit, writer } = await start();
  one.clock.runSoon();
  await writer.flush();
  const read = (await one.records()).slice(before);
  expect(read[0]).toMatchObject({ kind: 'start', what: 'unclean' });
  expect(read).toHaveLength(1 + 1_200);
  expect(read.slice(1).every(({ from, what }) => what === 'restored' && from === last)).toBe(true);
  await audit.stop();
  expect(await stopped()).toHaveLength(1);

  const third = await start();
  one.clock.runSoon();
  await third.writer.flush();
  expect((await one.records()).at(-1)).toMatchObject({ kind: 'start', what: 'clean' });
});
