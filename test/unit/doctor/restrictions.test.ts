/** Where dracd stands in Postfix's lists, and what that means. (That Postfix sees it so: test/integration/doctor.test.ts.) */
import { judge, parseRestrictions, type Restriction, wordsOf } from '../../../src/doctor/restrictions.js';

const OURS = 'check_client_access lmdb:/var/lib/dracd/relay';
const isOurs = ({ argument }: Restriction): boolean => argument === 'lmdb:/var/lib/dracd/relay';
const judged = (relay: string, recipient = ''): string[] | undefined =>
  judge({ relay: parseRestrictions(relay), recipient: parseRestrictions(recipient) }, isOurs)?.map(
    ({ severity, list, what }) => `${severity} ${list}: ${what}`,
  );

test.each([
  ['', []],
  [' a,b  c,, d ', ['a', 'b', 'c', 'd']],
  ['a { unix:x, timeout=3s } b', ['a', '{ unix:x, timeout=3s }', 'b']],
  ['inline:{ {a = b}, {c = d} }, e', ['inline:{ {a = b}, {c = d} }', 'e']],
  ['} a } b', ['}', 'a', '}', 'b']],
])('%j is cut into words', (text, words) => {
  expect(wordsOf(text)).toEqual(words);
});

test('arguments belong to their words, and classes stand for what they say', () => {
  const classes = new Map([
    ['ours', `${OURS}, inner`],
    ['inner', 'permit'],
    ['loop', 'loop'],
  ]);
  expect(parseRestrictions('permit_mynetworks, ours, reject_rbl_client x.example, loop', classes)).toEqual([
    { word: 'permit_mynetworks' },
    { word: 'check_client_access', argument: 'lmdb:/var/lib/dracd/relay' },
    { word: 'permit' },
    { word: 'reject_rbl_client', argument: 'x.example' },
    { word: 'loop' },
  ]);
  expect(parseRestrictions('check_client_access')).toEqual([{ word: 'check_client_access' }]);
});

test('the recipe is right, in either list', () => {
  const recipe = `permit_mynetworks permit_sasl_authenticated permit_auth_destination ${OURS} reject`;
  expect(judged(recipe)).toEqual([]);
  expect(judged('', recipe)).toEqual([]);
  expect(judged(recipe, 'permit_mynetworks, reject_unknown_recipient_domain')).toEqual([]);
});

test('not asked at all is no judgement', () => {
  expect(judged('permit_mynetworks, reject_unauth_destination')).toBeUndefined();
});

describe.each(['reject', 'defer', 'permit', 'reject_unauth_destination', 'defer_unauth_destination'])(
  '%s',
  (word) => {
    test('before it: never asked', () => {
      expect(judged(`permit_mynetworks, ${word}, permit_auth_destination, ${OURS}, reject`)).toEqual([
        `error smtpd_relay_restrictions: dracd is never asked: ${word} stands before it and decides`,
      ]);
    });
  },
);

test('the relay list refuses before the recipient list is read', () => {
  const found = judged(
    'permit_mynetworks, defer_unauth_destination',
    `permit_auth_destination, ${OURS}, reject`,
  );
  expect(found).toEqual([
    expect.stringMatching(/^error smtpd_relay_restrictions: .*defer_unauth_destination refuses/),
  ]);
});

test('the recipient list refuses whom the relay list has let pass', () => {
  const relay = `permit_mynetworks, permit_auth_destination, ${OURS}, reject`;
  expect(judged(relay, 'permit_mynetworks, reject_unauth_destination')).toEqual([
    expect.stringMatching(/^error smtpd_recipient_restrictions: .*reject_unauth_destination refuses/),
  ]);
  expect(judged(relay, `permit_mynetworks, ${OURS}, reject_unauth_destination`)).toEqual([]);
  expect(judged(relay, 'permit_mynetworks, permit')).toEqual([]);
});

test('nothing refuses: an open relay', () => {
  expect(judged(`permit_mynetworks, permit_auth_destination, ${OURS}`)).toEqual([
    'error smtpd_relay_restrictions: nothing refuses those who may not relay: an open relay',
  ]);
});

test('inbound mail and own networks that depend on dracd', () => {
  expect(judged(`${OURS}, permit_mynetworks, permit_auth_destination, reject`)).toEqual([
    expect.stringMatching(/^warning .*inbound mail depends/),
    expect.stringMatching(/^warning .*your own networks depend/),
  ]);
});
