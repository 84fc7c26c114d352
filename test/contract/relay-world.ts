/**
 * relay-world - a ledger with operators' entries, whatever maps may be configured beside it, and each searched as its readers do
 *
 * The live map is only ever changed, as the ledger says; the others are made of what may relay at the moment.
 */
import fc from 'fast-check';
import { type Config, parseConfig } from '../../src/config.js';
import { conflicts, unsaidIn } from '../../src/config-conflicts.js';
import {
  addressFromBytes,
  addressToBytes,
  type ClientAddress,
  parseAddress,
} from '../../src/core/address.js';
import { Entries, type EntryChange } from '../../src/core/entries.js';
import { Fault } from '../../src/core/fault.js';
import type { Grant } from '../../src/core/grant.js';
import { Ledger } from '../../src/core/ledger.js';
import { contains, type Network, parseNetwork } from '../../src/core/network.js';
import type { EntryKind, OperatorEntry } from '../../src/core/operator-entry.js';
import { networkOfSubject, type Permission, type Subject } from '../../src/core/subject.js';
import { containers, type ContainerName } from '../../src/exports/containers.js';
import { type DialectName, saysDenials } from '../../src/exports/dialect.js';
import { entryOf } from '../../src/exports/entry.js';
import { type GrantRules, grantRules } from '../../src/grant-rules.js';
import { entryOfWish } from '../../src/wish.js';
import { FakeClock } from '../support/fake-clock.js';
import { built, isLongerThan, isRefusedBeside, permitting, PostfixMap } from '../support/postfix-map.js';
import { isIpv6, searches } from '../support/searches.js';

export const LIFETIME = 60_000;
/** A sweep is so exact, ms. */
export const SWEPT = 250;
export const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
export const POP = at('192.0.2.1');

/** A file, and who reads it. */
export interface Table {
  readonly format: ContainerName;
  readonly dialects: readonly DialectName[];
}

const tables: readonly Table[] = [
  { format: 'bdb', dialects: ['postfix'] },
  { format: 'bdb', dialects: ['postfix', 'exim'] },
  { format: 'bdb', dialects: ['sendmail'] },
  { format: 'bdb', dialects: ['drac'] },
  { format: 'cdb', dialects: ['exim'] },
  { format: 'cdb', dialects: ['postfix', 'sendmail', 'exim'] },
  { format: 'list', dialects: ['exim'] },
  { format: 'list', dialects: ['postfix'] },
  { format: 'list', dialects: ['opensmtpd'] },
  { format: 'tcprules', dialects: [] },
];

const remembered = new Map<Table, Map<Subject, readonly string[] | undefined>>();

/** The keys of one permission; a long list of pieces is made once. */
function keysOf(table: Table, client: Subject): readonly string[] | undefined {
  const known = remembered.get(table) ?? new Map<Subject, readonly string[] | undefined>();
  remembered.set(table, known);
  if (!known.has(client)) {
    const { format, dialects } = table;
    const entry = entryOf({ client, expiresAt: 0 });
    known.set(client, containers[format].words({ dialects, cidrKey: false, termKd: false }).keys(entry));
  }
  return known.get(client);
}

/** The keys of everything that may relay. */
export function keysIn(table: Table, permissions: Iterable<Permission>): Map<string, number> {
  const keys = new Map<string, number>();
  for (const { client, expiresAt } of permissions) {
    const said = keysOf(table, client);
    for (const key of said ?? []) keys.set(key, expiresAt);
  }
  return keys;
}

const called = new Map<string, Network>();

/** The network of a list's line. */
function networkCalled(text: string): Network {
  const known = called.get(text) ?? networkOfSubject(text as Subject);
  called.set(text, known);
  return known;
}

/** The key that lets a client relay. */
function found(
  { format, dialects }: Table,
  keys: ReadonlyMap<string, number>,
  client: ClientAddress,
): string[] {
  if (format === 'list') {
    const bytes = addressToBytes(client);
    return [...keys.keys()].filter((key) => contains(networkCalled(key), bytes));
  }
  const readers = format === 'tcprules' ? ['tcpserver' as const] : dialects;
  return readers.flatMap((reader) => searches[reader](client).filter((key) => keys.has(key)));
}

export class World {
  readonly clock = new FakeClock();
  rules: GrantRules;
  config: Config;
  ledger: Ledger;
  entries: Entries;
  journal: Grant[] = [];
  live: PostfixMap;

  constructor(config: Config) {
    this.config = config;
    [this.rules, this.ledger, this.entries, this.live] = this.start(config, []);
  }

  start(config: Config, made: Iterable<OperatorEntry>): [GrantRules, Ledger, Entries, PostfixMap] {
    const rules = grantRules(config);
    rules.reporters.replace([parseNetwork('192.0.2.1') as Network]);
    rules.never.setHosts([POP]);
    const map = new PostfixMap(() => ledger.shown.undivided);
    const ledger: Ledger = new Ledger({
      store: {
        commit: (grants, done) => {
          this.journal.push(...grants);
          done();
        },
        revoke: (all, done) => {
          for (const { subject } of all)
            this.journal = this.journal.filter(
              ({ client: one }) => !contains(networkOfSubject(subject), addressToBytes(one)),
            );
          done();
        },
        degraded: undefined,
      },
      map,
      clock: this.clock,
      ...rules,
      alarms: { full: () => undefined, roomAgain: () => undefined, clockJumped: () => undefined },
      observer: { listens: false, leased: () => undefined, ended: () => undefined },
      lifetimeMs: LIFETIME,
      max: 1_000,
      pastMs: 0,
    });
    const entries = new Entries({
      standing: rules.standing,
      decision: ledger.decision,
      time: ledger.leases.time,
      map,
      revoke: (selection, done) => {
        ledger.revoke(selection, done);
      },
      onOver: () => undefined,
    });
    entries.restore(made);
    ledger.restore(this.journal);
    map.open();
    return [rules, ledger, entries, map];
  }

  restart(config: Config): void {
    this.config = config;
    [this.rules, this.ledger, this.entries, this.live] = this.start(config, [
      ...this.rules.standing.entries(),
    ]);
  }

  /** An operator wishes for an entry; answers whether it was granted. */
  wish(kind: EntryKind, subject: Subject, lifetimeMs: number | undefined): boolean {
    const unsaid = (one: Subject): string | undefined => unsaidIn(this.config, one);
    const rules = { ...this.rules, now: this.clock.wall(), unsaid };
    try {
      this.#change({
        come: entryOfWish(kind, { subject, reason: 'r', author: 'a', lifetimeMs }, rules),
      });
      return true;
    } catch (error) {
      if (error instanceof Fault) return false;
      throw error;
    }
  }

  /** Takes the oldest entry of a kind away, if there is one. */
  takeBack(kind: EntryKind): void {
    const entry = [...this.rules.standing.entries()].find((one) => one.kind === kind);
    if (entry !== undefined) this.#change({ go: entry });
  }

  revoke(within: Subject): void {
    this.ledger.revoke({ within }, () => undefined);
    this.clock.runSoon();
  }

  #change(change: EntryChange): void {
    let told = 0;
    this.entries.change([change], (fault) => {
      if (fault === undefined) told += 1;
    });
    this.clock.runSoon();
    if (told !== 1) throw new Error(`told ${told} times`);
  }

  report(client: ClientAddress): string {
    let outcome = 'none';
    this.ledger.authorize({ client, sender: POP, settle: (said) => (outcome = said) });
    this.clock.runSoon();
    return outcome;
  }

  pass(ms: number): void {
    this.clock.advance(ms);
    this.ledger.sweep();
    this.entries.sweep();
    this.clock.runSoon();
  }
}

/** Addresses that are close to one another, in all the ways that networks and their texts can be. */
const ipv4 = fc
  .tuple(
    fc.constantFrom(10, 198, 192, 64),
    fc.constantFrom(0, 51, 18),
    fc.constantFrom(0, 2, 100, 255),
    fc.constantFrom(0, 1, 7, 127, 128, 255),
  )
  .map((bytes) => at(bytes.join('.')));
const group = fc.constantFrom('0', '0', '0', '1', '2', 'ffff');
const ipv6 = fc
  .tuple(
    fc.constantFrom('2001', 'fd00', '2600', '2002', '64', '10'),
    fc.constantFrom('0', '0', 'db8', 'db8', 'ff9b'),
    ...Array.from({ length: 6 }, () => group),
  )
  .map((all) => at(all.join(':')));
export const client = fc.oneof(ipv4, ipv6);

function networkText(address: ClientAddress, prefix: number): string {
  const bytes = addressToBytes(address);
  const length = Math.min(prefix, bytes.length * 8);
  const base = bytes.map((byte, i) => byte & ((0xff00 >> Math.min(8, Math.max(0, length - i * 8))) & 0xff));
  return `${addressFromBytes(base)}/${length}`;
}

export const network = (...prefixes: number[]): fc.Arbitrary<string> =>
  fc
    .tuple(client, fc.constantFrom(...prefixes), fc.constantFrom(...prefixes))
    .map(([address, one, other]) => networkText(address, isIpv6(address) ? Math.max(one, other) : one));

export const grants = fc.record({
  always: fc.array(network(24, 25, 29, 31, 32, 58, 62, 64, 96, 112, 128), { maxLength: 3 }),
  never: fc.array(network(16, 24, 26, 30, 32, 48, 62, 64, 128), { maxLength: 2 }),
  ipv6_prefix: fc.constantFrom(64, 64, 128),
  ipv4_prefix: fc.constantFrom(24, 24, 32),
  access_networks: fc.array(network(16, 24, 48, 64), { maxLength: 2 }),
  hosting_networks: fc.array(network(24, 28, 32, 48, 64, 72), { maxLength: 2 }),
});

/** The configuration, and all the tables that it may have beside the live one; undefined when it is refused. */
export function configure(
  choice: Record<string, unknown>,
): { config: Config; tables: readonly Table[] } | undefined {
  const text = Object.entries(choice)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join('');
  try {
    const config = parseConfig(`[grants]\n${text}`, 'dracd.toml', '/state');
    const isFit = (table: Table): boolean =>
      conflicts({ ...config, exports: [{ ...table, path: '/m', mode: 0o644 } as Config['exports'][0]] })
        .length === 0;
    return { config, tables: tables.filter(isFit) };
  } catch (error) {
    if (error instanceof Fault) return undefined;
    throw error;
  }
}

/** An address that differs from another in its last group, or in its middle. */
export function neighbours(one: ClientAddress): ClientAddress[] {
  const bytes = addressToBytes(one);
  const places = isIpv6(one) ? [3, 5, 7, 8, 9, 11, 13, 15] : [1, 2, 3];
  return places.flatMap((place) =>
    [0x01, 0x80].map((bit) => addressFromBytes(bytes.with(place, (bytes[place] ?? 0) ^ bit))),
  );
}

/** In words, whom a table for Postfix alone lets relay or not, other than it should. */
export function postfixDifferences(
  { ledger, rules }: Pick<World, 'ledger' | 'rules'>,
  keys: ReadonlyMap<string, string>,
  clients: readonly ClientAddress[],
): string[] {
  const denials = Array.from(ledger.shown.undivided.denials(), ({ client: one }) => one);
  const networks = denials.map(networkOfSubject);
  return clients.flatMap((one) => {
    const key = permitting(keys, one);
    const verdict = ledger.ask(one).verdict === 'permitted';
    const said = `${one} ledger ${String(verdict)}, found ${key ?? 'none'}`;
    if (networks.some((network) => contains(network, addressToBytes(one))))
      return key === undefined && !verdict ? [] : [`DENIED ${said}`];
    if (verdict === (key !== undefined)) return [];
    if (verdict) return isRefusedBeside(denials, one) ? [] : [said];
    return isLongerThan(key ?? '', one) || rules.never.isHost(one) ? [] : [said];
  });
}

/** In words, who is permitted by one and not by the other. */
export function differences(
  world: World,
  some: readonly Table[],
  clients: readonly ClientAddress[],
): string[] {
  const { ledger, live } = world;
  const undivided = built(ledger.shown.undivided);
  return [
    ...postfixDifferences(world, live.keys, clients).map((one) => `live ${one}`),
    ...some.flatMap((table) =>
      saysDenials(table)
        ? postfixDifferences(world, undivided, clients).map((one) => `built ${one}`)
        : dividedDifferences(world, table, clients),
    ),
  ];
}

function dividedDifferences(
  { ledger, rules }: World,
  table: Table,
  clients: readonly ClientAddress[],
): string[] {
  const keys = keysIn(table, ledger.shown.permissions());
  // Of what is left of a network around one that is denied a map may have no words for all.
  const wordless = [...ledger.shown.permissions()]
    .filter(({ client: one }) => keysOf(table, one) === undefined)
    .map(({ client: one }) => networkOfSubject(one));
  return clients.flatMap((one) => {
    if (table.format === 'tcprules' && isIpv6(one)) return [];
    const met = found(table, keys, one).filter((key) => !isLongerThan(key, one));
    const permitted = ledger.ask(one).verdict === 'permitted';
    if (met.length === 0 && wordless.some((part) => contains(part, addressToBytes(one)))) return [];
    const leaks = found(table, keys, one).length > met.length;
    if (permitted === met.length > 0 || (permitted && leaks)) return [];
    // It became one of the hosts after the lease around it was taken: maps show that until it ends.
    if (rules.never.isHost(one)) return [];
    return [
      `${table.format} ${table.dialects.join()}: ${one} ledger ${String(permitted)}, found ${met.join(' ')}`,
    ];
  });
}
