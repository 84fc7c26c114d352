/** What tests of the HTTP room look at: a source whose sample they write themselves. */
import type { RecentChange, Sample, SampleSource } from '../../../src/http/sample.js';
import { Counters } from '../../../src/runtime/counters.js';

const EMPTY = { bounds: [1, 2], atMost: [0, 0], count: 0, sum: 0 };

/** A daemon with nothing to do, all well. */
export const QUIET: Sample = {
  version: '9.8.7',
  startedAt: 1_780_000_000_000,
  grants: { live: 0, max: 1_000, full: false },
  entries: { grant: 0, pin: 0, deny: 0 },
  audit: { degraded: undefined, lost: 0 },
  journal: {
    degraded: undefined,
    bytes: 40,
    disk: { used: 1_048_576, free: 5_000_000_000 },
    groups: EMPTY,
    seconds: EMPTY,
  },
  exports: [
    { path: '/var/lib/dracd/relay.lmdb', format: 'lmdb', degraded: undefined, behindMs: 0, ageMs: 3_000 },
  ],
  certificates: [],
  rpcbind: 'registered',
  forwarded: false,
  udpDrops: 0,
  loopDelay: EMPTY,
};

export class HandSource implements SampleSource {
  readonly counters = new Counters();
  now: Sample = QUIET;
  changes?: () => readonly RecentChange[];

  sample(): Sample {
    return this.now;
  }
}
