import { reasonsOf, warningsOf } from '../../../src/http/health.js';
import type { Sample } from '../../../src/http/sample.js';
import { QUIET } from './sources.js';

test('all is well: no reasons', () => {
  expect(reasonsOf(QUIET)).toEqual([]);
});

const faults: Readonly<Record<string, { now: Partial<Sample>; part: string; reason: RegExp; cure: RegExp }>> =
  {
    'the journal cannot be written': {
      now: { journal: { ...QUIET.journal, degraded: 'write failed: ENOSPC' } },
      part: 'journal',
      reason: /ENOSPC/,
      cure: /store\.directory/,
    },
    'no room': {
      now: { grants: { live: 5, max: 5, full: true } },
      part: 'ledger',
      reason: /5 live grants/,
      cure: /grants\.max/,
    },
    'a map that cannot be changed': {
      now: { exports: [{ path: '/m', format: 'lmdb', ageMs: 0, behindMs: 5, degraded: 'no room' }] },
      part: 'export /m',
      reason: /^no room$/,
      cure: /disk/,
    },
    'a map that lags behind': {
      now: { exports: [{ path: '/m', format: 'cdb', ageMs: 0, behindMs: 90_001, degraded: undefined }] },
      part: 'export /m',
      reason: /not been published for 90 s/,
      cure: /disk/,
    },
    'rpcbind forwards': {
      now: { forwarded: true },
      part: 'rpcbind',
      reason: /strangers/,
      cure: /without -r/,
    },
    'another has our number': {
      now: { rpcbind: 'taken' },
      part: 'rpcbind',
      reason: /another program/,
      cure: /rpcinfo -d/,
    },
  };

test.each(Object.entries(faults))('%s: one reason, with its cure', (_, { now, part, reason, cure }) => {
  const reasons = reasonsOf({ ...QUIET, ...now });
  expect(reasons).toHaveLength(1);
  expect(reasons[0]?.part).toBe(part);
  expect(reasons[0]?.reason).toMatch(reason);
  expect(reasons[0]?.cure).toMatch(cure);
});

test.each(['registered', 'absent', 'off'])('rpcbind %s is no reason', (rpcbind) => {
  expect(reasonsOf({ ...QUIET, rpcbind })).toEqual([]);
});

test('a map that follows within its interval is no reason', () => {
  expect(
    reasonsOf({
      ...QUIET,
      exports: [{ path: '/m', format: 'cdb', ageMs: 0, behindMs: 90_000, degraded: undefined }],
    }),
  ).toEqual([]);
});

test('records that cannot be written are a warning, and no reason', () => {
  const now = { ...QUIET, audit: { degraded: 'no space left', lost: 3 } };
  expect(reasonsOf(now)).toEqual([]);
  expect(warningsOf(now)).toMatchObject([{ part: 'audit', reason: 'no space left' }]);
  expect(warningsOf(QUIET)).toEqual([]);
});

test('a certificate that is over, or soon will be, is a warning, and no reason', () => {
  const until = Date.UTC(2026, 10, 25);
  const left = (days: number, key: 'cert' | 'client_ca' = 'cert'): Sample => ({
    ...QUIET,
    certificates: [{ key, until, leftMs: days * 86_400_000 }],
  });
  expect(warningsOf(left(14))).toEqual([]);
  expect(reasonsOf(left(-1))).toEqual([]);
  const words = (sample: Sample): string[] =>
    warningsOf(sample).map(({ reason }) => reason.split(':')[0] ?? '');
  expect(words(left(13.5))).toEqual(['the certificate of admin.tls.cert is over in 13 days (2026-11-25T00']);
  expect(words(left(0.5, 'client_ca'))[0]).toContain('admin.tls.client_ca is over within a day');
  expect(words(left(1.5))[0]).toContain('is over in 1 day (');
  expect(words(left(0))[0]).toContain('is over (');
});

test('several at once are all told', () => {
  const several = { ...QUIET, forwarded: true, rpcbind: 'taken', grants: { live: 1, max: 1, full: true } };
  expect(reasonsOf(several).map(({ part }) => part)).toEqual(['ledger', 'rpcbind', 'rpcbind']);
});
