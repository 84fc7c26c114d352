/** The wording of keys and values; Postfix's search for networks is played through. */
import type { ClientAddress } from '../../../src/core/address.js';
import { addressFromBytes } from '../../../src/core/address.js';
import { keyedWords, type DialectName, type Wording } from '../../../src/exports/dialect.js';
import { type Entry, networkText } from '../../../src/exports/entry.js';

const EXPIRES_AT = 1_790_000_000_001;

function entry(text: string): Entry {
  const [client = '', length] = text.split('/');
  const prefix = length === undefined ? (client.includes(':') ? 128 : 32) : Number(length);
  return { client: client as ClientAddress, prefix, expiresAt: EXPIRES_AT };
}

function wording(dialects: DialectName[], more: Partial<Wording> = {}): Wording {
  return { dialects, cidrKey: false, termKd: false, ...more };
}

function keys(
  text: string,
  dialects: DialectName[],
  more: Partial<Wording> = {},
): readonly string[] | undefined {
  return keyedWords(wording(dialects, more), { mayTerminate: true }).keys(entry(text));
}

test.each<[DialectName[], string, readonly string[] | undefined]>([
  [['postfix'], '192.0.2.7', ['192.0.2.7']],
  [['postfix'], '2001:db8::6', ['2001:db8::6']],
  [['postfix'], '192.0.2.0/24', ['192.0.2']],
  [['postfix'], '192.0.0.0/16', ['192.0']],
  // "64" would also be what Postfix meets for 64:ff9b::c000:207.
  [['postfix'], '64.0.0.0/8', Array.from({ length: 256 }, (_, i) => `64.${i}`)],
  [['postfix'], '192.0.2.128/31', ['192.0.2.128', '192.0.2.129']],
  [['postfix'], '192.0.2.0/23', ['192.0.2', '192.0.3']],
  [['postfix'], '2001:db8:1:2::/64', ['2001:db8:1:2']],
  [['postfix'], '2001:db8:1::/64', ['2001:db8:1:0', '2001:db8:1:']],
  [['postfix'], '2001:db8::/64', ['2001:db8:0:0', '2001:db8:']],
  [['postfix'], '2001:db8::/48', ['2001:db8:0', '2001:db8:']],
  [['postfix'], '2001:db8::/32', ['2001:db8']],
  [['postfix'], '2001:0:0:1::/64', undefined],
  [['postfix'], '2001::/64', undefined],
  [['postfix'], '2001:db8:1:2::/63', ['2001:db8:1:2', '2001:db8:1:3']],
  [['postfix'], '::/0', undefined],
  [['sendmail'], '192.0.2.7', ['192.0.2.7']],
  [['sendmail'], '2001:db8::6', ['2001:db8:0:0:0:0:0:6']],
  [['sendmail'], '2001:db8:1:2:3:4:5:6', ['2001:db8:1:2:3:4:5:6']],
  [['sendmail'], '192.0.2.4/30', ['192.0.2.4', '192.0.2.5', '192.0.2.6', '192.0.2.7']],
  [['sendmail'], '192.0.0.0/15', undefined],
  [['sendmail'], '2001:db8::/64', undefined],
  [['exim'], '192.0.2.7', ['192.0.2.7']],
  [['exim'], '192.0.2.0/24', ['192.0.2.0/24']],
  [
    ['exim'],
    '2001:db8::6',
    ['2001:db8::6', '2001:0db8:0000:0000:0000:0000:0000:0006', '2001.0db8.0000.0000.0000.0000.0000.0006'],
  ],
  [['exim'], '192.0.2.0/31', ['192.0.2.0', '192.0.2.1']],
  [['exim'], '192.0.2.0/23', ['192.0.2.0/24', '192.0.3.0/24']],
  [['exim'], '2001:db8:1:2::/64', ['2001.0db8.0001.0002.0000.0000.0000.0000/64']],
  [['drac'], '192.0.2.7', ['192.0.2.7']],
  [['drac'], '2001:db8::6', ['2001:db8::6']],
  [['drac'], '2001:db8:1:2::/64', undefined],
  [['opensmtpd'], '192.0.2.7', ['192.0.2.7']],
  [['opensmtpd'], '2001:db8::6', ['2001:db8::6']],
  [['opensmtpd'], '2001:db8:1:2::/64', ['2001:db8:1:2::/64']],
  [['postfix', 'sendmail'], '192.0.2.7', ['192.0.2.7']],
  [['postfix', 'sendmail'], '2001:db8::6', ['2001:db8::6', '2001:db8:0:0:0:0:0:6']],
  [['postfix', 'sendmail'], '2001:db8:1:2::/64', undefined],
  [['exim', 'postfix'], '192.0.2.0/24', ['192.0.2.0/24', '192.0.2']],
  [[], '192.0.2.7', undefined],
])('%j spells %s', (dialects, text, expected) => {
  expect(keys(text, dialects)).toEqual(expected);
});

test("DRAC's build option CIDR_KEY puts the length behind", () => {
  expect(keys('192.0.2.7', ['drac'], { cidrKey: true })).toEqual(['192.0.2.7/32']);
  expect(keys('2001:db8::6', ['drac'], { cidrKey: true })).toEqual(['2001:db8::6/128']);
});

test.each<[DialectName, boolean, boolean]>([
  ['postfix', false, true],
  ['sendmail', false, true],
  ['exim', false, true],
  ['drac', false, false],
  ['drac', true, true],
  ['opensmtpd', false, false],
])('%s with TERM_KD %s: a NUL behind everything is %s', (dialect, termKd, expected) => {
  expect(keyedWords(wording([dialect], { termKd }), { mayTerminate: true }).terminated).toBe(expected);
  expect(keyedWords(wording([dialect], { termKd }), { mayTerminate: false }).terminated).toBe(false);
});

test('the value is the second at which the grant is over, or a fixed text', () => {
  const one = entry('192.0.2.7');
  expect(keyedWords(wording(['postfix']), { mayTerminate: true }).value('192.0.2.7', one)).toBe('1790000001');
  const whole = { ...one, expiresAt: 1_790_000_000_000 };
  expect(keyedWords(wording(['postfix']), { mayTerminate: true }).value('192.0.2.7', whole)).toBe(
    '1790000000',
  );
  const fixed = keyedWords(wording(['postfix'], { value: 'OK' }), { mayTerminate: true });
  expect(fixed.value('192.0.2.7', one)).toBe('OK');
});

test('a network is named with its length, an address without', () => {
  expect(networkText(entry('192.0.2.7'))).toBe('192.0.2.7');
  expect(networkText(entry('2001:db8::/64'))).toBe('2001:db8::/64');
});

/** What check_client_access asks an indexed table for, in order. */
function postfixLookUps(text: string): string[] {
  const all = [text];
  for (;;) {
    const cut = Math.max((all.at(-1) ?? '').lastIndexOf(':'), (all.at(-1) ?? '').lastIndexOf('.'));
    if (cut <= 0) return all;
    all.push((all.at(-1) ?? '').slice(0, cut));
  }
}

describe("IPv6 networks in Postfix's indexed tables", () => {
  // Which groups are zero decides how an address is written; two other values show what is confused.
  const values = [0, 0x1a, 0x2b];
  const addresses: number[][] = [[]];
  while (addresses[0]?.length !== 8) {
    const shorter = addresses.splice(0);
    for (const groups of shorter) for (const value of values) addresses.push([...groups, value]);
  }
  const asked = addresses.map((groups) => {
    const bytes = Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
    return { groups, lookUps: postfixLookUps(addressFromBytes(bytes)) };
  });

  test('the addresses are all there are', () => {
    expect(asked).toHaveLength(3 ** 8);
    expect(postfixLookUps('2001:db8::6')).toEqual(['2001:db8::6', '2001:db8:', '2001:db8', '2001']);
  });

  test.each([1, 2, 3, 4, 5, 6, 7])('of %i groups: each client inside is found, none outside', (length) => {
    const networks = new Map<string, number[]>();
    for (const { groups } of asked) networks.set(groups.slice(0, length).join(), groups.slice(0, length));
    let said = 0;
    for (const groups of networks.values()) {
      const bytes = Uint8Array.from(
        [...groups, ...new Array<number>(8 - length).fill(0)].flatMap((group) => [group >> 8, group & 0xff]),
      );
      const client = addressFromBytes(bytes);
      const network = { client, prefix: length * 16, expiresAt: EXPIRES_AT };
      const own = keyedWords(wording(['postfix']), { mayTerminate: true }).keys(network);
      if (own === undefined) continue;
      said += 1;
      const wrong = asked.filter(
        ({ groups: theirs, lookUps }) =>
          lookUps.some((key) => own.includes(key)) !== groups.every((group, i) => theirs[i] === group),
      );
      expect({ client, wrong: wrong.slice(0, 3) }).toEqual({ client, wrong: [] });
    }
    // Most of those that begin as real networks do.
    expect(said).toBeGreaterThan((networks.size * 2) / 3 / 3);
  });
});
