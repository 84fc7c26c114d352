/** hostile-fields - requests with wrong fields, and which */
export interface Case {
  readonly call:
    'authorize' | 'pin' | 'deny' | 'unpin' | 'revoke' | 'explain' | 'history' | 'forget' | 'list';
  readonly request: Readonly<Record<string, never>>;
  readonly wrong: readonly string[];
}

const DAY = 86_400;

/** Texts that are an address to somebody, and must be none to us. */
const noAddresses = [
  '',
  ' 192.0.2.7',
  '192.0.2.7 ',
  '010.0.0.1',
  '127.1',
  '0x7f.0.0.1',
  '3232235777',
  '192.0.2',
  '192.0.2.256',
  '192.0.2.7.',
  '192.0.2.7:25',
  '[2001:db8::6]',
  'fe80::1%eth0',
  '2001:db8::6::1',
  '2001:db8:0:0:0:0:0:0:6',
  '12345::',
  'IPv6:2001:db8::6',
  'localhost',
  '\u0661\u0669\u0662.0.2.7',
  '192.0.2.7\0',
  '192.0.2.7\n',
  'x'.repeat(60_000),
];

const noNetworks = [
  '192.0.2.7/24',
  '192.0.2.0/33',
  '192.0.2.0/-1',
  '192.0.2.0/024',
  '192.0.2.0/',
  '192.0.2.0/24/24',
  '192.0.2.0/255.255.255.0',
  '2001:db8::1/64',
  '::ffff:192.0.2.0/24',
  '2001:db8::/129',
];

const reasons = [
  '',
  '  ',
  'a\0b',
  'a\nb',
  'a\u001b[31mb',
  'a\u007fb',
  'a\u0085b',
  'a\u202eb',
  'a\u2066b',
  'a\u200fb',
  'a\u2028b',
  'a\u00adb',
  'a\u200bb',
  'a\u2060b',
  'a\ufeffb',
  'a\ufffdb',
  'a\u{e0041}b',
  'r'.repeat(257),
];

const make = (call: Case['call'], request: Readonly<Record<string, unknown>>, ...wrong: string[]): Case => ({
  call,
  request: request as Case['request'],
  wrong,
});

const SUBJECT = '192.0.2.7';
const good = { subject: SUBJECT, reason: 'x' };

export const fields: readonly Case[] = [
  ...noAddresses.map((address) => make('explain', { address }, 'address')),
  make('explain', { address: '192.0.2.0/24' }, 'address'),
  ...noAddresses.map((address) => make('history', { address }, 'address')),
  make('history', { address: SUBJECT, at: { seconds: 1e14, nanos: 0 } }, 'at'),
  make('history', { address: '192.0.2.0/24', at: { seconds: 0, nanos: -1 } }, 'address', 'at'),
  make('forget', { address: '192.0.2.0/24', reason: '' }, 'address', 'reason'),
  ...['at the wish of 192.0.2.7', '(192.0.2.7)'].map((reason) =>
    make('forget', { address: SUBJECT, reason }, 'reason'),
  ),
  make('forget', { address: '2001:DB8:0:0::7', reason: 'of 2001:db8:0:0::7' }, 'reason'),
  make('forget', { address: '2001:DB8:0:0::7', reason: 'of 2001:db8::7' }, 'reason'),
  ...[...noAddresses, ...noNetworks].map((subject) => make('pin', { ...good, subject }, 'subject')),
  ...noNetworks.map((within) => make('list', { within }, 'within')),
  make('authorize', { ...good, subject: '0.0.0.0/0' }, 'subject'),
  make('authorize', { ...good, subject: '10.0.0.0/7' }, 'subject'),
  make('pin', { ...good, subject: '::/0' }, 'subject'),
  make('pin', { ...good, subject: '2001::/18' }, 'subject'),
  ...reasons.map((reason) => make('deny', { ...good, reason }, 'reason')),
  ...reasons.map((reason) => make('revoke', { within: SUBJECT, reason }, 'reason')),
  ...reasons.map((reason) => make('unpin', { ...good, reason }, 'reason')),
  make('authorize', { ...good, user: 'u'.repeat(129) }, 'user'),
  make('authorize', { ...good, user: 'ann\u202e' }, 'user'),
  make('list', { user: 'ann\u0007' }, 'user'),
  ...[-1, 0, 0.5, 8 * DAY, 365 * DAY, 1e15].map((seconds) =>
    make('authorize', { ...good, lifetime: { seconds: Math.floor(seconds), nanos: 0 } }, 'lifetime'),
  ),
  ...[-1, 0, 366 * DAY].map((seconds) =>
    make('pin', { ...good, lifetime: { seconds, nanos: 0 } }, 'lifetime'),
  ),
  make('pin', { ...good, lifetime: { seconds: 60, nanos: 2_000_000_000 } }, 'lifetime'),
  make('pin', { ...good, lifetime: {} }, 'lifetime'),
  make('revoke', { reason: 'x' }, 'selection'),
  make('revoke', { all: false, reason: 'x' }, 'all'),
  make('revoke', { reporter: '192.0.2.0/24', reason: 'x' }, 'reporter'),
  make('list', { reporter: 'pop3.example' }, 'reporter'),
  make('list', { kind: 9 }, 'kind'),
  make('list', { endsBefore: { seconds: 1e14, nanos: 0 } }, 'ends_before'),
  make('list', { endsBefore: { seconds: 0, nanos: -1 } }, 'ends_before'),
  make('list', { pageSize: -1 }, 'page_size'),
  make('list', { pageSize: 1_001 }, 'page_size'),
  make('list', { pageSize: 10, pageToken: 'AAAA' }, 'page_token'),
  make('list', { pageSize: 10, pageToken: '!' }, 'page_token'),
  make('list', { pageToken: Buffer.from('\x02\x04abcd\x20', 'latin1').toString('base64url') }, 'page_token'),
  make(
    'authorize',
    { subject: 'x', reason: '', user: '\0', lifetime: {} },
    'subject',
    'lifetime',
    'user',
    'reason',
  ),
];
