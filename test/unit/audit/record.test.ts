/** record - lines of JSON, what they carry there and back, and what is no record. */
import fc from 'fast-check';
import { type AuditRecord, KINDS, LineMaker, recordIn, subjectIn } from '../../../src/audit/record.js';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const time = fc.integer({ min: 0, max: 4_102_444_800_000 });
const optional = <T>(one: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(one, { nil: undefined });
const subject = fc.constantFrom('192.0.2.7', '2001:db8::/64', 'h:00ff', 'all');

const records: fc.Arbitrary<AuditRecord> = fc.record({
  at: time,
  kind: fc.constantFrom(...KINDS),
  subject: optional(subject),
  client: optional(subject),
  reporter: optional(subject),
  user: optional(text),
  author: optional(text),
  reason: optional(text),
  what: optional(fc.constantFrom('pin', 'begin')),
  outcome: optional(text),
  from: optional(time),
  until: optional(time),
  count: optional(fc.nat()),
  privacy: optional(fc.constantFrom('truncated' as const, 'hashed' as const)),
});

test('a record comes back from its line, which is one line of ASCII', () => {
  const maker = new LineMaker();
  fc.assert(
    fc.property(records, (record) => {
      const line = maker.line(record);
      expect(line).toMatch(/^[\x20-\x7e]*\n$/);
      expect(recordIn(line)).toEqual(record);
      expect(subjectIn(line)).toBe(record.subject);
    }),
  );
});

test('a line as documented, with times in UTC to the millisecond', () => {
  const record = {
    at: 1_795_615_402_007,
    kind: 'grant',
    subject: '192.0.2.7',
    reporter: '192.0.2.1',
  } as const;
  expect(new LineMaker().line({ ...record, until: 1_795_617_202_000 })).toBe(
    '{"at":"2026-11-25T14:03:22.007Z","kind":"grant","subject":"192.0.2.7","reporter":"192.0.2.1","until":"2026-11-25T14:33:22.000Z"}\n',
  );
});

test('a lease is worded like any record, whatever the one before had', () => {
  const [fast, slow] = [new LineMaker(), new LineMaker()];
  const lease = fc.record({
    at: fc.constantFrom(0, 1_000, 1_001),
    kind: fc.constantFrom('grant' as const, 'expiry' as const),
    subject: fc.constantFrom('192.0.2.7', '2001:db8::7'),
    reporter: fc.constantFrom('192.0.2.1', '192.0.2.2'),
    until: fc.constantFrom(1_000, 5_000_000),
    privacy: fc.constant('full' as const),
  });
  fc.assert(
    fc.property(lease, (record) => {
      expect(fast.lease(record)).toBe(slow.line(record));
    }),
  );
  const hashed = {
    at: 0,
    kind: 'grant',
    subject: 'h:0',
    reporter: '::1',
    until: 1,
    privacy: 'hashed',
  } as const;
  expect(new LineMaker().lease(hashed)).toBe(slow.line(hashed));
});

test('what a peer writes into a text cannot pass for a subject', () => {
  const record = { at: 0, kind: 'act', reason: '"subject":"192.0.2.7"' } as const;
  expect(subjectIn(new LineMaker().line(record))).toBeUndefined();
});

test('what is no record is undefined, whatever it is', () => {
  const whole = new LineMaker().line({ at: 0, kind: 'grant', subject: '192.0.2.7' });
  for (let length = 0; length < whole.length - 2; length += 1)
    expect(recordIn(whole.slice(0, length))).toBeUndefined();
  for (const foreign of [
    'null',
    '[]',
    '7',
    '{"at":"x","kind":"grant"}',
    '{"at":"2026-11-25","kind":"other"}',
  ])
    expect(recordIn(foreign)).toBeUndefined();
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
      const read = recordIn(line);
      expect(read === undefined || KINDS.includes(read.kind)).toBe(true);
    }),
  );
});
