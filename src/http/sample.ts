/**
 * sample - what the daemon is like at this moment, as its HTTP door shows it
 *
 * Whoever builds the daemon answers it; nothing in a sample names a client or a user. Recent changes do, and are shown
 * with addresses only where the administrator has said so.
 */
import type { Counters } from '../runtime/counters.js';
import type { DiskUse } from '../runtime/disk-use.js';
import type { Spread } from '../runtime/distribution.js';

/** One map. */
export interface ExportSample {
  /** Its path, as configured. */
  readonly path: string;
  readonly format: string;
  /** In words, why it cannot be changed at present. */
  readonly degraded: string | undefined;
  /** For how long it has not said what the ledger says; 0 when it does. */
  readonly behindMs: number;
  /** Since it was last written as a whole, or changed. */
  readonly ageMs: number;
}

/** A file of certificates. */
export interface CertificateSample {
  readonly key: 'cert' | 'client_ca';
  /** Wall clock, epoch milliseconds. */
  readonly until: number;
  /** From now. */
  readonly leftMs: number;
}

export interface Sample {
  readonly version: string;
  /** Wall clock, epoch milliseconds. */
  readonly startedAt: number;
  readonly grants: { readonly live: number; readonly max: number; readonly full: boolean };
  /** How many entries operators have made, by kind. */
  readonly entries: Readonly<Record<'grant' | 'pin' | 'deny', number>>;
  readonly audit: {
    /** In words, why records are not written at present. */
    readonly degraded: string | undefined;
    /** Records since the start that are lost. */
    readonly lost: number;
  };
  readonly journal: {
    readonly degraded: string | undefined;
    /** Of the segment in use. */
    readonly bytes: number;
    /** Of its directory; undefined where the system does not say. */
    readonly disk: DiskUse | undefined;
    /** Grants in a group, and the seconds that each took to be durable. */
    readonly groups: Spread;
    readonly seconds: Spread;
  };
  readonly exports: readonly ExportSample[];
  /** The files of [admin.tls], by key, and until when each serves; none where operators have no port. */
  readonly certificates: readonly CertificateSample[];
  readonly rpcbind: string;
  /** Whether calls from this host may have been sent by others through rpcbind. */
  readonly forwarded: boolean;
  /** Datagrams that the kernel dropped because our queue was full; undefined where it does not say. */
  readonly udpDrops: number | undefined;
  /** How late the event loop came to what was due, seconds. */
  readonly loopDelay: Spread;
}

/** So many of the last changes are shown. */
export const MAX_CHANGES = 20;

/** What has happened to a grant or an operator's entry. */
export interface RecentChange {
  /** Wall clock, epoch milliseconds. */
  readonly at: number;
  readonly kind: string;
  /** The address or network. */
  readonly subject: string;
}

export interface SampleSource {
  readonly counters: Counters;
  sample(): Sample;
  /** The last ones, the latest first; left out where nobody keeps them. */
  changes?(): readonly RecentChange[];
}
