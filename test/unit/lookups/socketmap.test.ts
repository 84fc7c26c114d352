/** socketmap - the exact bytes that Postfix, Sendmail and Exim compare */
import fc from 'fast-check';
import { Counters } from '../../../src/runtime/counters.js';
import { Socketmap } from '../../../src/lookups/socketmap.js';
import { FakePermits, textOf } from './asking.js';

const EXPIRES_AT = 1_790_000_000_001;

function world(hit: 'OK' | 'expiry' = 'OK') {
  const permits = new FakePermits()
    .say('192.0.2.7', { verdict: 'permitted', expiresAt: EXPIRES_AT })
    .say('2001:db8::6', { verdict: 'permitted', expiresAt: EXPIRES_AT })
    .say('192.0.2.8', { verdict: 'not', endedAt: 1 })
    .say('192.0.2.9', { verdict: 'unknown' });
  const counters = new Counters();
  const map = new Socketmap({ hit, permits, counters });
  const ask = (question: string): string => textOf(map.answer(Buffer.from(question, 'latin1')));
  return { ask, counters, permits };
}

test.each([
  ['relay 192.0.2.7', '5:OK OK,'],
  ['relay 2001:db8::6', '5:OK OK,'],
  ['relay IPv6:2001:DB8:0:0:0:0:0:6', '5:OK OK,'],
  ['relay 2001.0db8.0000.0000.0000.0000.0000.0006', '5:OK OK,'],
  ['relay ::ffff:192.0.2.7', '5:OK OK,'],
  ['relay 192.0.2.8', '9:NOTFOUND ,'],
  ['relay 192.0.2.10', '9:NOTFOUND ,'],
  ['relay 192.0.2.9', '33:TEMP dracd cannot tell at present,'],
  ['relay unknown', '9:NOTFOUND ,'],
  ['relay mail.example.org', '9:NOTFOUND ,'],
  ['relay ', '9:NOTFOUND ,'],
  ['relay 192.0.2.7 ', '9:NOTFOUND ,'],
  ['relay  192.0.2.7', '9:NOTFOUND ,'],
  ['relay 192.0.2.7\n', '9:NOTFOUND ,'],
  ['relay \0\x01\x7f\xff', '9:NOTFOUND ,'],
  ['drac 192.0.2.7', '5:OK OK,'],
  ['drac ipv6:2001:db8:0:0:0:0:0:6', '5:OK OK,'],
  ['drac 192.0.2.8', '9:NOTFOUND ,'],
  ['drac 192.0.2.9', '33:TEMP dracd cannot tell at present,'],
  ['drac relay 192.0.2.7', '9:NOTFOUND ,'],
  ['drac', '16:PERM no such map,'],
  ['DRAC 192.0.2.7', '16:PERM no such map,'],
  ['dracd 192.0.2.7', '16:PERM no such map,'],
  ['Relay 192.0.2.7', '16:PERM no such map,'],
  ['relays 192.0.2.7', '16:PERM no such map,'],
  ['relay', '16:PERM no such map,'],
  ['192.0.2.7', '16:PERM no such map,'],
  [' relay 192.0.2.7', '16:PERM no such map,'],
  ['', '16:PERM no such map,'],
])('%j: %s', (question, answer) => {
  expect(world().ask(question)).toBe(answer);
});

test('hit = "expiry": the end of the grant, never a second too early, as in the maps', () => {
  const { ask } = world('expiry');
  expect(ask('relay 192.0.2.7')).toBe('13:OK 1790000001,');
  expect(ask('relay 192.0.2.8')).toBe('9:NOTFOUND ,');
});

test('host names ask nobody, so that they are answered whatever happens', () => {
  const { ask, permits } = world();
  permits.otherwise = { verdict: 'unknown' };
  expect(ask('relay unknown')).toBe('9:NOTFOUND ,');
  expect(permits.asked).toEqual([]);
  expect(ask('relay 192.0.2.77')).toMatch(/TEMP/);
  expect(permits.asked).toEqual(['192.0.2.77']);
});

test('counts what it answers', () => {
  const { ask, counters } = world();
  for (const key of ['192.0.2.7', '192.0.2.7', '192.0.2.8', '192.0.2.9', 'unknown']) ask(`relay ${key}`);
  ask('other 192.0.2.7');
  expect(counters.snapshot()).toEqual({
    'lookup.socketmap.hit': 2,
    'lookup.socketmap.miss': 1,
    'lookup.socketmap.unknown': 1,
    'lookup.socketmap.no-address': 1,
    'lookup.socketmap.no-map': 1,
  });
});

test('is total, and repeats nothing of the question', () => {
  const { ask } = world();
  const known = ['5:OK OK,', '9:NOTFOUND ,', '16:PERM no such map,', '33:TEMP dracd cannot tell at present,'];
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.boolean(), (text, named) => {
      expect(known).toContain(ask(named ? `relay ${text}` : text));
    }),
  );
});
