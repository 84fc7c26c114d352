/**
 * networks - whatever is configured, reported, ended, pinned and denied: every map permits whom the ledger permits, and nobody else
 *
 * Each map is searched as its readers do; the live one is only ever changed, as the ledger says. To Postfix the key
 * of an address written with `::` is the key of longer ones that begin with it: they may relay as well, unless denied,
 * and may not if it is denied and they may as part of a network. A map for Postfix alone lets nobody relay who is denied. And who
 * becomes a host or reporter inside of a lease is refused by look-ups at once, by maps when the lease ends.
 */
import path from 'node:path';
import fc from 'fast-check';
import type { Config } from '../../src/config.js';
import { addressFromBytes, type ClientAddress } from '../../src/core/address.js';
import type { EntryKind } from '../../src/core/operator-entry.js';
import { shownBy } from '../../src/core/shown.js';
import { networkOfSubject, type Subject, subjectOf } from '../../src/core/subject.js';
import { formats } from '../../src/exports/formats.js';
import { DENIED } from '../../src/exports/postfix-keys.js';
import { systemClock } from '../../src/runtime/clock.js';
import { recordingLog } from '../support/live-map.js';
import { mapReaders, postfixTable, postmapAll } from '../support/map-readers.js';
import { built } from '../support/postfix-map.js';
import { newDirectory } from '../support/processes.js';
import { searches } from '../support/searches.js';
import {
  client,
  configure,
  differences,
  grants,
  LIFETIME,
  neighbours,
  network,
  POP,
  SWEPT,
  World,
} from './relay-world.js';

const kind = fc.constantFrom('grant' as const, 'pin' as const, 'deny' as const);
const subject = (...prefixes: number[]): fc.Arbitrary<Subject> =>
  fc.oneof(client, network(...prefixes)).map((text) => subjectOf(networkOfSubject(text as Subject)));

type Step =
  | { readonly report: ClientAddress }
  | { readonly pass: number }
  | { readonly come: EntryKind; readonly subject: Subject; readonly lifetimeMs: number | undefined }
  | { readonly takeBack: EntryKind }
  | { readonly revoke: Subject }
  | { readonly hosts: readonly ClientAddress[] }
  | { readonly restart: Record<string, unknown> };

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 8, arbitrary: client.map((report) => ({ report })) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: LIFETIME / SWEPT }).map((n) => ({ pass: n * SWEPT })) },
  {
    weight: 6,
    arbitrary: fc
      .tuple(
        kind,
        subject(16, 24, 25, 29, 31, 32, 48, 58, 62, 64, 96, 112, 128),
        fc.constantFrom(undefined, LIFETIME, LIFETIME / 2),
      )
      .map(([come, of, lifetimeMs]) => ({ come, subject: of, lifetimeMs })),
  },
  { weight: 2, arbitrary: kind.map((takeBack) => ({ takeBack })) },
  { weight: 1, arbitrary: subject(16, 24, 48, 64).map((revoke) => ({ revoke })) },
  { weight: 1, arbitrary: fc.array(client, { maxLength: 2 }).map((hosts) => ({ hosts })) },
  { weight: 1, arbitrary: grants.map((restart) => ({ restart })) },
);

test('every reader finds whom the ledger permits, and nobody else', () => {
  let checked = 0;
  let made = 0;
  fc.assert(
    fc.property(
      grants,
      fc.array(step, { minLength: 1, maxLength: 12 }),
      fc.array(client, { maxLength: 6 }),
      (choice, steps, others) => {
        let setup = configure(choice);
        fc.pre(setup !== undefined);
        const world = new World(setup.config);
        const seen: ClientAddress[] = [...others];
        let entries = 0;
        for (const one of steps) {
          if ('report' in one) {
            const outcome = world.report(one.report);
            if (outcome === 'granted' || outcome === 'renewed')
              expect([one.report, world.ledger.ask(one.report).verdict]).toEqual([one.report, 'permitted']);
            seen.push(one.report, ...neighbours(one.report));
          } else if ('pass' in one) world.pass(one.pass);
          else if ('come' in one) {
            if (world.wish(one.come, one.subject, one.lifetimeMs)) entries += 1;
            const base = addressFromBytes(networkOfSubject(one.subject).base);
            seen.push(base, ...neighbours(base));
          } else if ('takeBack' in one) world.takeBack(one.takeBack);
          else if ('revoke' in one) world.revoke(one.revoke);
          else if ('hosts' in one) {
            world.rules.never.setHosts([POP, ...one.hosts]);
            seen.push(...one.hosts);
          } else {
            const next = configure(one.restart);
            if (next === undefined) continue;
            setup = next;
            world.restart(next.config);
          }
          expect(differences(world, setup.tables, seen)).toEqual([]);
          // What a pin covers may stay beside it until the map is built anew.
          if (entries === 0) expect(world.live.keys).toEqual(built(world.ledger.shown.undivided));
          checked += 1;
        }
        made += entries;
      },
    ),
    { numRuns: 80 },
  );
  expect(checked).toBeGreaterThan(100);
  expect(made).toBeGreaterThan(20);
});

/** Keys as a reader of the file itself meets them. */
async function reallyFound(
  format: 'lmdb' | 'bdb' | 'cdb',
  world: World,
  clients: readonly ClientAddress[],
): Promise<Map<string, string>> {
  const { log } = recordingLog();
  const file = path.join(newDirectory('networks'), `relay${mapReaders[format].suffix}`);
  const map = formats[format].create({
    path: file,
    mode: 0o644,
    clock: systemClock,
    log,
    dialects: ['postfix'],
    ...shownBy(() => world.ledger.shown),
  });
  await map.open();
  await map.close();
  const type = { lmdb: 'lmdb', bdb: 'btree', cdb: 'cdb' }[format];
  const keys = clients.flatMap((one) => searches.postfix(one)).filter((key) => key !== '');
  return postmapAll(postfixTable(type, file), [...new Set(keys)]);
}

test.each(['lmdb', 'bdb', 'cdb'] as const)(
  'postmap finds in the file (%s) what the search was made with',
  async (format) => {
    let met = 0;
    let denied = 0;
    for (const seed of [1, 2, 3]) {
      const [choice] = fc.sample(
        grants.map(configure).filter((made) => made !== undefined),
        { seed, numRuns: 1 },
      );
      const world = new World((choice as { config: Config }).config);
      const clients = fc.sample(client, { seed, numRuns: 80 });
      for (const one of clients.slice(0, 20)) world.report(one);
      for (const pin of ['2001:db8::/32', '10.0.0.0/16'] as Subject[]) world.wish('pin', pin, undefined);
      for (const one of [...clients.slice(20, 30), '10.0.2.0/25' as Subject])
        world.wish('deny', one, undefined);
      const asked = clients.flatMap((one) => [one, ...neighbours(one)]);
      const real = await reallyFound(format, world, asked);
      const keys = built(world.ledger.shown.undivided);
      for (const one of asked) {
        const there = searches.postfix(one).filter((key) => keys.has(key));
        const expected = there.map((key) => [key, keys.get(key)]);
        const found = searches.postfix(one).filter((key) => real.has(key));
        expect([one, found.map((key) => [key, real.get(key)])]).toEqual([one, expected]);
        met += there.length;
        if (keys.get(there[0] ?? '') === DENIED) denied += 1;
      }
    }
    expect(met).toBeGreaterThan(50);
    expect(denied).toBeGreaterThan(20);
  },
);
