/** who - answers from files: leases, entries, site networks, ends, gaps, damage, and each mode of privacy. */
import { appendFileSync, renameSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import fc from 'fast-check';
import { Privacy } from '../../../src/audit/privacy.js';
import { type AuditRecord, LineMaker } from '../../../src/audit/record.js';
import { type Answer, who } from '../../../src/audit/who.js';
import type { Subject } from '../../../src/core/subject.js';
import { FAKE_EPOCH_MS } from '../../support/fake-clock.js';
import { newDirectory } from '../../support/processes.js';
import { at as address } from '../core/world.js';

const T0 = FAKE_EPOCH_MS;
const MINUTE = 60_000;
const DAY = 86_400_000;
const LEASE = 30 * MINUTE;
const CLIENT = '192.0.2.7';
const POP = '198.51.100.1';
const key = Buffer.alloc(32, 1);
const dayOf = (ms: number): string => new Date(ms).toISOString().slice(0, 10);

type Loose = Omit<AuditRecord, 'at'> & { readonly at?: number };

class Trail {
  readonly file = path.join(newDirectory('who'), 'audit.jsonl');
  readonly maker = new LineMaker();
  readonly privacy: Privacy;
  now = T0 + 30 * DAY;

  constructor(privacy = new Privacy('full')) {
    this.privacy = privacy;
    writeFileSync(this.file, '');
    this.add({ kind: 'head', what: 'begin', at: T0 - DAY }, { kind: 'head', what: 'end', at: T0 - DAY });
    this.add({ kind: 'start', what: 'clean', at: T0 - DAY });
  }

  add(...records: readonly Loose[]): this {
    for (const record of records) appendFileSync(this.file, this.line(record));
    return this;
  }

  line({ at = T0, subject, ...rest }: Loose): string {
    const written = subject === undefined ? undefined : this.privacy.subject(subject as Subject);
    return this.maker.line({ at, ...rest, subject: written, privacy: this.privacy.mode });
  }

  who(at: number, whom = CLIENT): Promise<Answer> {
    return who(address(whom), at, { file: this.file, privacy: this.privacy, now: this.now });
  }

  async verdicts(...times: number[]): Promise<string[]> {
    const verdicts: string[] = [];
    for (const at of times) verdicts.push((await this.who(at)).verdict);
    return verdicts;
  }
}

const grant = (more: Partial<AuditRecord> = {}): Loose => ({
  kind: 'grant',
  subject: CLIENT,
  reporter: POP,
  until: (more.at ?? T0) + LEASE,
  ...more,
});
const entry = (kind: 'pin' | 'deny' | 'grant', more: Partial<AuditRecord> = {}): Loose => ({
  kind,
  subject: CLIENT,
  author: 'ann',
  reason: 'ticket 7',
  ...more,
});

test('a lease counts from its login to its end, and the answer says on whose word', async () => {
  const trail = new Trail().add(grant(), { kind: 'expiry', subject: CLIENT, reporter: POP, at: T0 + LEASE });
  expect(await trail.verdicts(T0 - 1, T0, T0 + LEASE - 1, T0 + LEASE)).toEqual([
    'not',
    'permitted',
    'permitted',
    'not',
  ]);
  const answer = await trail.who(T0 + MINUTE);
  expect(answer.records).toMatchObject([{ reporter: POP, until: T0 + LEASE }]);
  expect(answer.words).toContain(`${CLIENT} could relay on 2026-05-28T20:27:40Z: the server ${POP} reported`);
  expect(answer.words).toContain('for a lease until 2026-05-28T20:56:40Z; it ended on 2026-05-28T20:56:40Z');
  expect((await trail.who(T0 + LEASE)).words).toContain(`Its last lease, on the word of ${POP}, ended on`);
  expect((await trail.who(T0, '192.0.2.8')).verdict).toBe('not');
});

test('renewals lengthen it from the first of them on, though they are recorded later', async () => {
  const trail = new Trail().add(grant(), {
    ...grant({ at: T0 + 29 * MINUTE }),
    kind: 'renewal',
    from: T0 + 28 * MINUTE,
    count: 3,
  });
  expect(await trail.verdicts(T0 + 28.5 * MINUTE, T0 + 58 * MINUTE, T0 + 59 * MINUTE)).toEqual([
    'permitted',
    'permitted',
    'not',
  ]);
  expect((await trail.who(T0 + 28.5 * MINUTE)).words).toContain('reported a mailbox login 3 times from');
});

test('what is revoked is over, and the answer names the operator', async () => {
  const trail = new Trail().add(
    grant(),
    { kind: 'revoke', subject: CLIENT, reporter: POP, at: T0 + MINUTE },
    { kind: 'act', what: 'revoke', subject: 'all', author: 'ann', reason: 'abuse', at: T0 + MINUTE + 5 },
  );
  expect(await trail.verdicts(T0 + MINUTE - 1, T0 + MINUTE)).toEqual(['permitted', 'not']);
  expect((await trail.who(T0 + MINUTE - 1)).words).toContain(
    'it was revoked on 2026-05-28T20:27:40Z by ann: "abuse"',
  );
  expect((await trail.who(T0 + 2 * MINUTE)).words).toContain(
    'Its last lease was revoked on 2026-05-28T20:27:40Z by ann',
  );
  trail.add(grant({ at: T0 + 3 * MINUTE }));
  expect(await trail.verdicts(T0 + 2 * MINUTE, T0 + 4 * MINUTE)).toEqual(['not', 'permitted']);
});

test('a start that forgets all ends leases; any other start does not', async () => {
  const trail = new Trail().add(
    grant(),
    { kind: 'stop', at: T0 + 1 },
    { kind: 'start', what: 'unclean', at: T0 + 2 },
  );
  expect(await trail.verdicts(T0 + 3)).toEqual(['permitted']);
  trail.add({ kind: 'start', what: 'forgot', at: T0 + 4 });
  expect(await trail.verdicts(T0 + 3, T0 + 5)).toEqual(['permitted', 'not']);
  const down = await new Trail().add(grant(), { kind: 'stop', at: T0 + 1 }).who(T0 + 2);
  expect(down.words).toContain('dracd was not running');
});

test('pins, denies, operators’ grants and networks: which wins, and until when', async () => {
  const trail = new Trail().add(
    entry('pin', { at: T0, subject: '192.0.2.0/24' }),
    entry('deny', { at: T0 + 10, until: T0 + 20 }),
    { kind: 'unpin', subject: '192.0.2.0/24', at: T0 + 30, author: 'bob', reason: 'r' },
    entry('grant', { at: T0 + 40, until: T0 + 50, user: 'carol' }),
  );
  expect(await trail.verdicts(T0 + 5, T0 + 15, T0 + 25, T0 + 35, T0 + 45, T0 + 55)).toEqual([
    'permitted',
    'not',
    'permitted',
    'not',
    'permitted',
    'not',
  ]);
  expect((await trail.who(T0 + 5)).words).toContain(
    'it was pinned by ann on 2026-05-28T20:26:40Z, without an end: "ticket 7"',
  );
  expect((await trail.who(T0 + 15)).words).toContain(
    'could not relay on 2026-05-28T20:26:40.015Z: it was denied by ann',
  );
  expect((await trail.who(T0 + 45)).words).toContain(
    'it was granted by ann on 2026-05-28T20:26:40.040Z for carol',
  );
  trail.add(entry('grant', { at: T0 + 60, until: T0 + LEASE }), {
    kind: 'revoke',
    what: 'grant',
    subject: CLIENT,
    at: T0 + 70,
  });
  expect(await trail.verdicts(T0 + 65, T0 + 75)).toEqual(['permitted', 'not']);
});

test('the head of a file tells what stands, and takes the place of what is known; an incomplete one does not', async () => {
  const standing = (what: string, subject: string, at: number): Loose => ({
    kind: 'standing',
    what,
    subject,
    at,
  });
  const head = (what: string, at: number): Loose => ({ kind: 'head', what, at });
  const trail = new Trail().add(
    head('begin', T0 + 10),
    standing('always', '192.0.0.0/16', T0 + 10),
    head('end', T0 + 10),
    head('begin', T0 + 20),
    standing('never', CLIENT, T0 + 20),
    head('begin', T0 + 30),
    standing('never', '192.0.2.0/25', T0 + 30),
    standing('always', '192.0.0.0/16', T0 + 30),
    head('end', T0 + 30),
    head('begin', T0 + 40),
    head('end', T0 + 40),
  );
  expect(await trail.verdicts(T0 + 5, T0 + 15, T0 + 25, T0 + 35, T0 + 45)).toEqual([
    'not',
    'permitted',
    'permitted',
    'not',
    'not',
  ]);
  expect((await trail.who(T0 + 15)).words).toContain(
    'the configuration listed the network under grants.always',
  );
  expect((await trail.who(T0 + 35)).words).toContain('listed it under grants.never');
});

test('what cannot be known is not a no: gaps, times before the first record and to come', async () => {
  const trail = new Trail().add({ kind: 'gap', from: T0 + 10, at: T0 + 20, count: 7, reason: 'full' });
  expect(await trail.verdicts(T0 + 5, T0 + 15, T0 + DAY, T0 + 8 * DAY, T0 - 2 * DAY, trail.now + 1)).toEqual([
    'not',
    'unknown',
    'unknown',
    'not',
    'unknown',
    'unknown',
  ]);
  const answer = await trail.who(T0 + 15);
  expect(answer.words).toContain('records of the time are missing');
  expect(answer.gaps).toMatchObject([{ count: 7, reason: 'full' }]);
  expect((await trail.who(T0 - 2 * DAY)).words).toContain('no record reaches back');
  trail.add(grant({ at: T0 + 30 }));
  expect(await trail.verdicts(T0 + 40)).toEqual(['permitted']);
});

test('refusals are told, and how often look-ups let it through', async () => {
  const trail = new Trail().add(
    { kind: 'refusal', subject: CLIENT, reporter: '203.0.113.1', outcome: 'stranger', at: T0 },
    grant({ at: T0 + 10 }),
    { kind: 'use', subject: CLIENT, from: T0 + 20, at: T0 + 30, count: 4 },
    { kind: 'use', subject: CLIENT, from: T0 + 40, at: T0 + MINUTE, count: 2 },
    { kind: 'use', subject: '192.0.2.8', from: T0 + 40, at: T0 + MINUTE, count: 50 },
  );
  expect((await trail.who(T0 + 5)).words).toContain(
    'A report by 203.0.113.1, who is no reporter, was refused',
  );
  const answer = await trail.who(T0 + 25);
  expect(answer.uses).toBe(6);
  expect(answer.words).toContain('Look-ups let it through 6 times.');
});

test('a lease for a /64 answers for all in it, with the client that was reported', async () => {
  const trail = new Trail().add(grant({ subject: '2001:db8:1:2::/64', client: '2001:db8:1:2::7' }));
  const answer = await trail.who(T0 + 1, '2001:db8:1:2:ffff::1');
  expect(answer.verdict).toBe('permitted');
  expect(answer.words).toContain('reported a mailbox login from 2001:db8:1:2::7');
  expect((await trail.who(T0 + 1, '2001:db8:1:3::7')).verdict).toBe('not');
});

test('torn, foreign and endless lines are passed over, wherever they stand', async () => {
  const trail = new Trail();
  const torn = trail.line(grant({ at: T0 + 1 })).slice(0, 60);
  appendFileSync(
    trail.file,
    `${torn}\n\n{"subject":"${CLIENT}"}\n\0\xff\n{"at":"x"}\n{"at":"2026-05-01T1\n${'y'.repeat(300_000)}\n`,
  );
  trail.add(grant({ at: T0 + 10 }));
  appendFileSync(trail.file, torn);
  expect(await trail.verdicts(T0 + 5, T0 + 15)).toEqual(['not', 'permitted']);
});

test('hashed: found with the key, by network too, and not without or with another', async () => {
  const trail = new Trail(new Privacy('hashed', key)).add(
    grant(),
    entry('deny', { at: T0 + 10, subject: '192.0.0.0/16' }),
  );
  expect(await trail.verdicts(T0 + 5, T0 + 15)).toEqual(['permitted', 'not']);
  for (const other of [new Privacy('full'), new Privacy('hashed', Buffer.alloc(32, 2))])
    expect(
      (await who(address(CLIENT), T0 + 5, { file: trail.file, privacy: other, now: trail.now })).verdict,
    ).toBe('not');
  // What was hashed once is found after the mode was changed.
  const full = new Privacy('full', key);
  expect(
    (await who(address(CLIENT), T0 + 5, { file: trail.file, privacy: full, now: trail.now })).verdict,
  ).toBe('permitted');
});

test('a time that is yet to come cannot be told, whoever may relay, or is denied, by now', async () => {
  const trail = new Trail().add(grant(), entry('pin', { subject: '192.0.2.0/24' }));
  trail.now = T0 + MINUTE;
  expect(await trail.verdicts(T0 + MINUTE, T0 + MINUTE + 1)).toEqual(['permitted', 'unknown']);
  expect((await trail.who(T0 + 2 * MINUTE)).words).toContain('that time is yet to come');
  trail.add(entry('deny', { at: T0 + 1 }));
  expect(await trail.verdicts(T0 + MINUTE, T0 + MINUTE + 1)).toEqual(['not', 'unknown']);
});

test('what was forgotten since may have been a deny: it is said, and not of times after', async () => {
  const trail = new Trail().add(
    entry('pin', { subject: '192.0.2.0/24' }),
    { kind: 'use', subject: '192.0.2.0/24', count: 4, at: T0 + 2 },
    { kind: 'act', what: 'forget', author: 'ann', reason: 'request 12', outcome: 'done', at: T0 + DAY / 2 },
  );
  const before = await trail.who(T0 + MINUTE);
  expect(before.words).toContain('An address was forgotten on');
  // The network's uses are not this client's.
  expect(before.words).toContain('let clients of 192.0.2.0/24 through 4 times');
  expect((await trail.who(T0 + DAY / 2 + 1)).words).not.toContain('forgotten');
});

test('truncated: says that it is only to the network, and that a neighbour’s lease has ended says nothing', async () => {
  const trail = new Trail(new Privacy('truncated')).add(
    grant(),
    { kind: 'expiry', subject: '192.0.2.99', at: T0 + 10 },
    entry('deny', { at: T0 + 11, subject: '192.0.2.98' }),
  );
  const answer = await trail.who(T0 + 15);
  expect(answer).toMatchObject({ verdict: 'permitted', onlyTo: '192.0.2.0/24' });
  expect(answer.words).toContain('somebody in 192.0.2.0/24, perhaps 192.0.2.7, could relay');
  expect((await trail.who(T0 + 15, '192.0.3.7')).verdict).toBe('not');
  // A larger network is as it was said, so it is sure.
  trail.add(entry('deny', { at: T0 + 20, subject: '192.0.0.0/16' }));
  expect((await trail.who(T0 + 25)).verdict).toBe('not');
});

test('of the complete files those are read in which the answer can be', async () => {
  const trail = new Trail();
  const put = (days: number, ...records: Loose[]): void => {
    const text = records.map((record) => trail.line(record)).join('');
    writeFileSync(`${trail.file}.${dayOf(T0 + days * DAY)}.1`, text);
  };
  put(-3, grant({ at: T0 - 3 * DAY, until: T0 + 3 * DAY }));
  put(-20, entry('pin', { at: T0 - 20 * DAY }));
  expect(await trail.verdicts(T0, T0 - 3 * DAY - 1, T0 - 20 * DAY + 1)).toEqual([
    'permitted',
    'unknown',
    'permitted',
  ]);
  // What stands from then on is in the head of each later file.
  expect(await trail.verdicts(T0 + 4 * DAY)).toEqual(['not']);
});

test('a file that is completed while it is read is read again, under its new name', async () => {
  const trail = new Trail();
  for (let i = 0; i < 3_000; i += 1) trail.add({ kind: 'use', subject: '192.0.2.8', count: 1 });
  trail.add(grant());
  const asked = trail.who(T0 + 1);
  // The answer is on its way, and nothing has been opened yet.
  renameSync(trail.file, `${trail.file}.${dayOf(T0)}.1`);
  writeFileSync(trail.file, '');
  expect((await asked).records).toHaveLength(1);
});

test('a file that cannot be read is a Fault', async () => {
  const question = who(address(CLIENT), T0, {
    file: '/nowhere/audit.jsonl',
    privacy: new Privacy('full'),
    now: T0,
  });
  await expect(question).rejects.toMatchObject({ code: 'STORE' });
});

test('it agrees with a model of leases, entries and their ends, in full and hashed', async () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constantFrom('grant' as const, 'revoke' as const, 'expiry' as const),
      who: fc.nat(2),
    }),
    fc.record({
      kind: fc.constantFrom('pin' as const, 'unpin' as const, 'deny' as const, 'undeny' as const),
      who: fc.nat(2),
    }),
  );
  const clients = ['192.0.2.7', '192.0.2.8', '2001:db8::7'];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.boolean(), async (steps, isHashed) => {
      const trail = new Trail(isHashed ? new Privacy('hashed', key) : new Privacy('full'));
      const [leased, pinned, denied] = [new Set<number>(), new Set<number>(), new Set<number>()];
      const expected: string[][] = [];
      steps.forEach(({ kind, who: whom }, i) => {
        const at = T0 + 10 * i;
        const subject = clients[whom];
        if (kind === 'grant') trail.add(grant({ at, subject, until: T0 + DAY }));
        else
          trail.add({
            kind,
            at,
            subject,
            author: kind === 'revoke' || kind === 'expiry' ? undefined : 'ann',
          });
        const set = kind.endsWith('pin') ? pinned : kind.endsWith('deny') ? denied : leased;
        if (kind === 'grant' || kind === 'pin' || kind === 'deny') set.add(whom);
        else set.delete(whom);
        const may = (one: number): boolean => !denied.has(one) && (leased.has(one) || pinned.has(one));
        expected.push(clients.map((_, one) => (may(one) ? 'permitted' : 'not')));
      });
      for (const [i, verdicts] of expected.entries())
        for (const [one, client] of clients.entries())
          expect((await trail.who(T0 + 10 * i + 5, client)).verdict).toBe(verdicts[one]);
    }),
    { numRuns: 25 },
  );
});
