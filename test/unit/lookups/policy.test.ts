/** policy - what Postfix is told to do, and what people are told about it */
import { Counters } from '../../../src/runtime/counters.js';
import type { OnMiss } from '../../../src/lookups/lookup.js';
import { Policy } from '../../../src/lookups/policy.js';
import { FakeClock } from '../../support/fake-clock.js';
import { refusal } from '../wire/bytes.js';
import { FakePermits, dunno, textOf } from './asking.js';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

const explain: OnMiss = {
  answer: 'explain',
  text: '{client}: nothing in {minutes} min. {ended} See {url}',
  ended: 'Ended {ago} min ago.',
  url: 'https://help.example/?a={client}',
  pastMs: 24 * HOUR,
  graceMs: 0,
};

function world(miss: OnMiss = dunno, lifetimeMs = 30 * MINUTE) {
  const clock = new FakeClock();
  const permits = new FakePermits()
    .say('192.0.2.7', { verdict: 'permitted', expiresAt: clock.wall() + 1 })
    .say('192.0.2.9', { verdict: 'unknown' });
  const counters = new Counters();
  const policy = new Policy({ miss, lifetimeMs, permits, counters, clock });
  const answer = (attributes: Record<string, string>): string =>
    textOf(policy.answer(new Map(Object.entries(attributes))));
  const ask = (client: string): string => answer({ request: 'smtpd_access_policy', client_address: client });
  /** As told of a client whose grant ended so long ago. */
  const askEnded = (agoMs: number): string => {
    permits.say('192.0.2.8', { verdict: 'not', endedAt: clock.wall() - agoMs });
    return ask('192.0.2.8');
  };
  return { answer, ask, askEnded, counters, permits };
}

test.each([
  ['192.0.2.7', 'OK'],
  ['::ffff:192.0.2.7', 'OK'],
  ['192.0.2.8', 'DUNNO'],
  ['192.0.2.9', 'DEFER_IF_REJECT 4.3.0 the relay authorization service cannot tell at present'],
  ['unknown', 'DUNNO'],
  ['', 'DUNNO'],
])('%s: %s', (client, action) => {
  expect(world().ask(client)).toBe(`action=${action}\n\n`);
});

test('a request that is no access policy request makes no sense', () => {
  const { answer } = world();
  const reason = 'not an access policy request';
  expect(refusal(() => answer({ client_address: '192.0.2.7' }))).toBe(reason);
  expect(refusal(() => answer({ request: 'other', client_address: '192.0.2.7' }))).toBe(reason);
  expect(answer({ request: 'smtpd_access_policy' })).toBe('action=DUNNO\n\n');
});

describe('on_miss = "explain"', () => {
  test('a stranger learns nothing but how long a login counts', () => {
    expect(world(explain).ask('192.0.2.8')).toBe(
      'action=550 5.7.1 192.0.2.8: nothing in 30 min. See https://help.example/?a={client}\n\n',
    );
  });

  test('one who may never relay is given no advice: a login would not help', () => {
    const { ask, permits } = world(explain);
    permits.say('192.0.2.8', { verdict: 'not', never: true });
    expect(ask('192.0.2.8')).toBe('action=DUNNO\n\n');
  });

  test('a hit and what cannot be said are as ever', () => {
    expect(world(explain).ask('192.0.2.7')).toBe('action=OK\n\n');
    expect(world(explain).ask('192.0.2.9')).toMatch(/^action=DEFER_IF_REJECT /);
  });

  test('the address is told in canonical text, and what is none not at all', () => {
    expect(world(explain).ask('2001:DB8:0:0::6')).toContain(' 2001:db8::6: nothing');
    expect(world(explain).ask('bad\x1b[31m')).toContain('550 5.7.1 your address: nothing');
  });

  test.each([
    [0, '1'],
    [1, '1'],
    [MINUTE, '1'],
    [MINUTE + 1, '2'],
    [24 * HOUR - 1, '1440'],
  ])('a client whose grant ended %d ms ago is told so', (agoMs, ago) => {
    expect(world(explain).askEnded(agoMs)).toBe(
      `action=550 5.7.1 192.0.2.8: nothing in 30 min. Ended ${ago} min ago. See https://help.example/?a={client}\n\n`,
    );
  });

  test('one that ended before the past that counts is a stranger', () => {
    expect(world(explain).askEnded(24 * HOUR)).not.toContain('Ended');
    expect(world({ ...explain, pastMs: 0 }).askEnded(0)).not.toContain('Ended');
  });

  test.each([
    [1_000, '1'],
    [90_000, '2'],
    [7 * 24 * HOUR, '10080'],
  ])('a lease of %d ms is %s minutes', (lifetimeMs, minutes) => {
    expect(world(explain, lifetimeMs).ask('192.0.2.8')).toContain(`nothing in ${minutes} min`);
  });

  test('the text is one that SMTP carries', () => {
    const text = 'Bitte zuerst Mails abrufen – für {minutes} Minuten\r\n250 ok {url}';
    expect(world({ ...explain, text, url: '' }).ask('192.0.2.8')).toBe(
      'action=550 5.7.1 Bitte zuerst Mails abrufen - fur 30 Minuten 250 ok\n\n',
    );
  });

  test('grace: put off for so long, then refused; never a stranger', () => {
    const graceful = { ...explain, graceMs: HOUR };
    expect(world(graceful).askEnded(0)).toMatch(
      /^action=451 4\.7\.1 192\.0\.2\.8: nothing in 30 min\. Ended 1 min ago\./,
    );
    expect(world(graceful).askEnded(HOUR - 1)).toMatch(/^action=451 4\.7\.1 .* Ended 60 min ago\./);
    expect(world(graceful).askEnded(HOUR)).toMatch(/^action=550 5\.7\.1 .* Ended 60 min ago\./);
    expect(world(graceful).ask('192.0.2.8')).toMatch(/^action=550 5\.7\.1 /);
    expect(world(graceful).ask('unknown')).toMatch(/^action=550 5\.7\.1 /);
    // Without grace, not even at the very moment.
    expect(world(explain).askEnded(0)).toMatch(/^action=550 /);
    // Nor when the clocks differ by a little.
    expect(world(explain).askEnded(-1)).toMatch(/^action=550 /);
  });
});

test('counts what it answers', () => {
  const { ask, askEnded, counters } = world({ ...explain, graceMs: HOUR });
  for (const client of ['192.0.2.7', '192.0.2.7', '192.0.2.9', 'unknown']) ask(client);
  askEnded(1);
  expect(counters.snapshot()).toEqual({
    'lookup.policy.hit': 2,
    'lookup.policy.miss': 2,
    'lookup.policy.unknown': 1,
    'lookup.policy.grace': 1,
  });
});
