/** world - a ledger in a world in which nothing happens until the test says so */
import { addressToBytes, parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { Coverage } from '../../../src/core/coverage.js';
import { Entries, type EntryChange } from '../../../src/core/entries.js';
import type { Fault } from '../../../src/core/fault.js';
import type { Grant } from '../../../src/core/grant.js';
import { Ledger, type Outcome, type Report } from '../../../src/core/ledger.js';
import { NeverGranted } from '../../../src/core/never.js';
import { contains, parseNetwork, type Network } from '../../../src/core/network.js';
import type { EntryKind, OperatorEntry } from '../../../src/core/operator-entry.js';
import type { GrantStore, LiveMap, MapChange } from '../../../src/core/outlets.js';
import { Reporters } from '../../../src/core/reporters.js';
import type { LeaseSelection } from '../../../src/core/revoker.js';
import { Standing } from '../../../src/core/standing.js';
import { networkOfSubject, type Subject } from '../../../src/core/subject.js';
import { PostfixMap } from '../../support/postfix-map.js';

export const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
export const net = (text: string): Network => parseNetwork(text) as Network;
export const POP = at('192.0.2.1');
export const LIFETIME = 60_000;

/** What may relay beside grants, and how much a grant covers. */
export interface Wide {
  readonly always?: readonly string[];
  readonly ipv6Prefix?: number;
  readonly ipv4Prefix?: number;
}

export class World {
  w = 1_800_000_000_000;
  m = 0;
  /** What each look at the monotonic clock takes. */
  lookMs = 0;
  tasks: (() => void)[] = [];
  journal: Grant[][] = [];
  revoked: Subject[] = [];
  stored: ((fault?: Fault) => void)[] = [];
  map = new Map<Subject, number>();
  /** The same in Postfix's words. */
  readonly postfix = new PostfixMap(() => this.ledger.shown.undivided);
  /** Who may not relay, whatever the map shows. */
  denied = new Set<Subject>();
  shown: (() => void)[] = [];
  mapFault: Fault | undefined;
  holdMap = false;
  said: string[] = [];
  changes: string[] = [];
  degraded: string | undefined;
  reporters = new Reporters();
  never = new NeverGranted({ networks: [net('198.51.100.0/24')] });
  standing: Standing;
  ledger: Ledger;
  entries: Entries;
  /** How often the map was built anew. */
  renewals = 0;

  constructor(max = 100, pastMs = 0, { always = [], ipv6Prefix = 128, ipv4Prefix = 32 }: Wide = {}) {
    const degraded = (): string | undefined => this.degraded;
    this.standing = new Standing(always.map(net), [net('198.51.100.0/24')]);
    this.reporters.replace([parseNetwork('192.0.2.0/28') as Network]);
    const store: GrantStore = {
      commit: (grants, done) => {
        this.journal.push([...grants]);
        this.stored.push(done);
      },
      revoke: (revocations, done) => {
        this.journal.push([]);
        this.revoked.push(...revocations.map(({ subject }) => subject));
        this.stored.push(done);
      },
      get degraded() {
        return degraded();
      },
    };
    const map: LiveMap = {
      apply: (change, done) => {
        const act = (): void => {
          if (this.mapFault === undefined) this.show(change);
          this.postfix.apply(change, () => undefined);
          done(this.mapFault);
        };
        if (this.holdMap) this.shown.push(act);
        else act();
      },
      renew: (done) => {
        this.renewals += 1;
        this.build();
        this.postfix.renew(() => undefined);
        done(this.mapFault);
      },
    };
    this.ledger = new Ledger({
      store,
      map,
      clock: {
        wall: () => this.w,
        mono: () => (this.m += this.lookMs),
        soon: (fn) => void this.tasks.push(fn),
      },
      reporters: this.reporters,
      never: this.never,
      standing: this.standing,
      coverage: new Coverage({
        ipv6Prefix,
        ipv4Prefix,
        access: [],
        hosting: [],
        never: this.never,
        reporters: this.reporters,
        standing: this.standing,
      }),
      alarms: {
        full: (n) => void this.said.push(`full ${n}`),
        roomAgain: () => void this.said.push('room'),
        clockJumped: (ms) => void this.said.push(`jump ${ms}`),
      },
      observer: {
        listens: true,
        leased: (change, { subject }) => void this.changes.push(`${change} ${subject}`),
        ended: (change, { subject }) => void this.changes.push(`${change} ${subject}`),
      },
      lifetimeMs: LIFETIME,
      max,
      pastMs,
    });
    this.entries = new Entries({
      standing: this.standing,
      decision: this.ledger.decision,
      time: this.ledger.leases.time,
      map,
      revoke: (selection, done) => {
        this.ledger.revoke(selection, done);
      },
      onOver: ({ kind, subject }) => void this.changes.push(`over ${kind} ${subject}`),
    });
    this.postfix.open();
  }

  /** Has the map built anew: what a network has covered may be missing. */
  renew(): void {
    const { renewals } = this;
    this.come('pin', '10.255.0.0/24');
    this.go('pin', '10.255.0.0/24');
    expect(this.renewals).toBe(renewals + 1);
  }

  /** What a map shows that is built anew. */
  build(): void {
    const { denials, permissions } = this.ledger.shown.undivided;
    this.map = new Map(Array.from(permissions(), ({ client, expiresAt }) => [client, expiresAt]));
    this.denied = new Set(Array.from(denials(), ({ client }) => client));
  }

  show({ allow = [], deny = [], put, remove }: MapChange): void {
    for (const client of remove) this.map.delete(client);
    for (const { client } of deny) this.denied.add(client);
    for (const { client } of allow) this.denied.delete(client);
    for (const grant of put) this.map.set(grant.client, grant.expiresAt);
  }

  /** Whether the map lets the client relay. */
  isShown(client: ClientAddress): boolean {
    const bytes = addressToBytes(client);
    const holds = (subject: Subject): boolean => contains(networkOfSubject(subject), bytes);
    return [...this.map.keys()].some(holds) && ![...this.denied].some(holds);
  }

  permits(client: ClientAddress): boolean {
    return this.ledger.ask(client).verdict === 'permitted';
  }

  run(): void {
    while (this.tasks.length > 0) this.tasks.shift()?.();
  }

  /** Lets everything that waits for the disk go through. */
  settle(fault?: Fault): void {
    this.run();
    while (this.stored.length > 0) {
      this.stored.shift()?.(fault);
      this.run();
    }
  }

  pass(ms: number): void {
    this.w += ms;
    this.m += ms;
    this.ledger.sweep();
    this.entries.sweep();
    this.run();
  }

  report(client: string, sender: ClientAddress = POP): { outcomes: Outcome[] } {
    const outcomes: Outcome[] = [];
    const report: Report = { client: at(client), sender, settle: (outcome) => void outcomes.push(outcome) };
    this.ledger.authorize(report);
    return { outcomes };
  }

  add(client: string): Outcome | undefined {
    const { outcomes } = this.report(client);
    this.settle();
    expect(outcomes).toHaveLength(1);
    return outcomes[0];
  }

  entry(kind: EntryKind, subject: string, lifetimeMs?: number): OperatorEntry {
    const expiresAt = lifetimeMs === undefined ? undefined : this.w + lifetimeMs;
    return { kind, subject: subject as Subject, reason: 'r', author: 'a', createdAt: this.w, expiresAt };
  }

  /** Makes a change of entries, and lets it go through. */
  change(change: EntryChange): Fault | undefined {
    const told: (Fault | undefined)[] = [];
    this.entries.change([change], (fault) => told.push(fault));
    this.settle();
    expect(told).toHaveLength(1);
    return told[0];
  }

  come(kind: EntryKind, subject: string, lifetimeMs?: number): Fault | undefined {
    return this.change({ come: this.entry(kind, subject, lifetimeMs) });
  }

  go(kind: EntryKind, subject: string): Fault | undefined {
    return this.change({ go: { kind, subject: subject as Subject } });
  }

  /** Takes leases away, and lets that go through. */
  revoke(selection: LeaseSelection): { count: number; fault: Fault | undefined } {
    const told: { count: number; fault: Fault | undefined }[] = [];
    this.ledger.revoke(selection, (count, fault) => told.push({ count, fault }));
    this.settle();
    expect(told).toHaveLength(1);
    return told[0] as { count: number; fault: Fault | undefined };
  }
}
