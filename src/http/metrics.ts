/**
 * metrics - the numbers of the daemon in Prometheus' text format
 *
 * GET /metrics. Names begin with dracd_, units are seconds and bytes, counters end in _total; docs/operations.md tells
 * of each. No label ever holds an address or a user: labels are the closed sets below, the names that the
 * configuration gives to reporters, and the paths of maps. So the number of series does not grow with use.
 *
 * Everything is read when it is asked for; nothing is kept between scrapes. prom-client's own metrics of the process
 * are left out: they watch each garbage collection, grow new series as they see new kinds of things, and begin anew
 * with each scrape. Those worth a graph are rows here.
 */
import { Registry } from 'prom-client';
import type { Outcome } from '../core/ledger.js';
import type { Spread } from '../runtime/distribution.js';
import { type OwnProcess, ownProcess } from './own-process.js';
import type { Sample, SampleSource } from './sample.js';

interface Value {
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
  readonly metricName?: string;
}

/** One metric: what it is called, what it tells, and where its values come from. */
export interface MetricRow {
  readonly help: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly values: (source: SampleSource, sample: Sample, own: OwnProcess) => readonly Value[];
}

const one = (value: number, labels: Value['labels'] = {}): Value[] => [{ labels, value }];
const flag = (on: boolean): number => (on ? 1 : 0);

/** Counters without labels of their own, each with what it is of. */
function counted(counters: Readonly<Record<string, Value['labels']>>): MetricRow['values'] {
  return (source) =>
    Object.entries(counters).map(([name, labels]) => ({ labels, value: source.counters.get(name) }));
}

/** A histogram's values, as Prometheus has them. */
function spread(name: string, { atMost, bounds, count, sum }: Spread): Value[] {
  return [
    ...bounds.map((le, i) => ({ metricName: `${name}_bucket`, labels: { le }, value: atMost[i] ?? 0 })),
    { metricName: `${name}_bucket`, labels: { le: '+Inf' }, value: count },
    { metricName: `${name}_sum`, labels: {}, value: sum },
    { metricName: `${name}_count`, labels: {}, value: count },
  ];
}

/** Reports counted by name, transport, version and outcome; of each sender that was seen, all outcomes. */
function reported({ counters }: SampleSource): Value[] {
  const counts = new Map<string, { labels: Value['labels']; value: number }>();
  for (const { labels, count } of counters.labelled(REPORTS)) {
    const [reporter = '', transport = '', version = '', outcome = ''] = labels;
    for (const one of OUTCOMES) {
      const key = [reporter, transport, version, one].join(' ');
      const value = counts.get(key)?.value ?? 0;
      counts.set(key, {
        labels: { reporter, transport, version, outcome: one },
        value: one === outcome ? value + count : value,
      });
    }
  }
  return [...counts.values()];
}

/** The counter that has a name for each reporter. */
export const REPORTS = 'rpc.reports';
export const OUTCOMES = [
  'granted',
  'renewed',
  'stranger',
  'unusable',
  'full',
  'failed',
] as const satisfies readonly Outcome[];

/** Every other counter of the code has its place in one of these. */
export const RECEIVED = {
  'rpc.udp.datagrams': { transport: 'udp' },
  'rpc.tcp.records': { transport: 'tcp' },
} as const;
export const REFUSED = {
  'rpc.malformed': { reason: 'malformed' },
  'rpc.tcp.malformed': { reason: 'malformed record' },
  'rpc.denied': { reason: 'rpc denied' },
  'rpc.unavailable': { reason: 'no such program or procedure' },
  'rpc.garbage': { reason: 'garbage arguments' },
  'rpc.udp.oversize': { reason: 'oversize datagram' },
  'rpc.udp.strangers-unanswered': { reason: 'stranger not answered' },
  'rpc.udp.unanswerable': { reason: 'unanswerable' },
  'rpc.add.early': { reason: 'forwarding not yet ruled out' },
  'rpc.add.forwarded': { reason: 'may be forwarded by rpcbind' },
  'rpc.tcp.refused': { reason: 'too many connections' },
  'rpc.tcp.idle': { reason: 'idle connection' },
  'rpc.tcp.slow': { reason: 'slow connection' },
} as const;
export const ERRORS = {
  'rpc.udp.errors': { transport: 'udp' },
  'rpc.tcp.errors': { transport: 'tcp' },
  'rpc.tcp.accept-errors': { transport: 'tcp accept' },
} as const;
export const LOOKUPS = Object.fromEntries(
  (
    [
      ['socketmap', 'hit', 'miss', 'unknown', 'no-address', 'no-map'],
      ['policy', 'hit', 'miss', 'unknown', 'grace'],
    ] as const
  ).flatMap(([kind, ...verdicts]) =>
    verdicts.map((verdict) => [`lookup.${kind}.${verdict}`, { kind, verdict }]),
  ),
);
/** What connections of look-ups did, of any kind of look-up. */
export const LOOKUP_CONNECTIONS = Object.fromEntries(
  ['socketmap', 'policy'].flatMap((kind) =>
    (
      ['connections', 'refused', 'accept-errors', 'malformed', 'idle', 'slow', 'flooding', 'errors'] as const
    ).map((event) => [`lookup.${kind}.${event}`, { kind, event }]),
  ),
);

export const rows = {
  dracd_info: {
    help: 'The running version, as a label.',
    type: 'gauge',
    values: (_, { version }) => one(1, { version }),
  },
  dracd_start_time_seconds: {
    help: 'When this daemon was started, epoch seconds.',
    type: 'gauge',
    values: (_, { startedAt }) => one(startedAt / 1_000),
  },
  dracd_reports_total: {
    help: 'Reports (ADD calls) by the name of their reporter, transport, protocol version and outcome.',
    type: 'counter',
    values: reported,
  },
  dracd_rpc_received_total: {
    help: 'RPC messages received: datagrams, or records over TCP.',
    type: 'counter',
    values: counted(RECEIVED),
  },
  dracd_rpc_refused_total: {
    help: 'RPC messages and connections that were refused or dropped before a report was made of them, by reason.',
    type: 'counter',
    values: counted(REFUSED),
  },
  dracd_rpc_errors_total: {
    help: 'Errors of RPC sockets.',
    type: 'counter',
    values: counted(ERRORS),
  },
  dracd_rpc_null_total: {
    help: 'NULL calls answered (rpcinfo, probes).',
    type: 'counter',
    values: counted({ 'rpc.null': {} }),
  },
  dracd_rpc_connections_total: {
    help: 'TCP connections of reporters.',
    type: 'counter',
    values: counted({ 'rpc.tcp.connections': {} }),
  },
  dracd_udp_drops_total: {
    help: "Datagrams that the kernel dropped because a door's queue was full.",
    type: 'counter',
    values: (_, { udpDrops }) => (udpDrops === undefined ? [] : one(udpDrops)),
  },
  dracd_grants: {
    help: 'Live grants.',
    type: 'gauge',
    values: (_, { grants }) => one(grants.live),
  },
  dracd_grants_max: {
    help: 'How many grants may be live (grants.max).',
    type: 'gauge',
    values: (_, { grants }) => one(grants.max),
  },
  dracd_entries: {
    help: "Operators' entries, by kind: grant, pin, deny.",
    type: 'gauge',
    values: (_, { entries }) => Object.entries(entries).map(([kind, value]) => ({ labels: { kind }, value })),
  },
  dracd_audit_degraded: {
    help: '1 while records of the audit cannot be written.',
    type: 'gauge',
    values: (_, { audit }) => one(flag(audit.degraded !== undefined)),
  },
  dracd_audit_lost_total: {
    help: 'Records of the audit that are lost.',
    type: 'counter',
    values: (_, { audit }) => one(audit.lost),
  },
  dracd_admin_certificate_expires_timestamp_seconds: {
    help: "Until when the certificates of the operators' port serve, epoch seconds, by key of [admin.tls].",
    type: 'gauge',
    values: (_, { certificates }) =>
      certificates.map(({ key, until }) => ({ labels: { key }, value: until / 1_000 })),
  },
  dracd_ledger_full: {
    help: '1 while new clients are refused because grants.max is reached.',
    type: 'gauge',
    values: (_, { grants }) => one(flag(grants.full)),
  },
  dracd_journal_degraded: {
    help: '1 while the journal cannot be written and reports are refused.',
    type: 'gauge',
    values: (_, { journal }) => one(flag(journal.degraded !== undefined)),
  },
  dracd_journal_segment_bytes: {
    help: 'Size of the journal segment in use.',
    type: 'gauge',
    values: (_, { journal }) => one(journal.bytes),
  },
  dracd_journal_bytes: {
    help: 'Size of all files of the journal, as of the last ten seconds.',
    type: 'gauge',
    values: (_, { journal: { disk } }) => one(disk?.used ?? NaN),
  },
  dracd_journal_disk_free_bytes: {
    help: "What the journal's file system has left, as of the last ten seconds.",
    type: 'gauge',
    values: (_, { journal: { disk } }) => one(disk?.free ?? NaN),
  },
  dracd_commit_group_grants: {
    help: 'Grants that were made durable together.',
    type: 'histogram',
    values: (_, { journal }) => spread('dracd_commit_group_grants', journal.groups),
  },
  dracd_commit_seconds: {
    help: 'How long a group took to be on stable storage.',
    type: 'histogram',
    values: (_, { journal }) => spread('dracd_commit_seconds', journal.seconds),
  },
  dracd_export_degraded: {
    help: '1 while a map cannot be changed.',
    type: 'gauge',
    values: (_, { exports }) =>
      exports.map(({ path, format, degraded }) => ({
        labels: { path, format },
        value: flag(degraded !== undefined),
      })),
  },
  dracd_export_behind_seconds: {
    help: 'For how long a map has not said what the ledger says; 0 when it does.',
    type: 'gauge',
    values: (_, { exports }) =>
      exports.map(({ path, format, behindMs }) => ({ labels: { path, format }, value: behindMs / 1_000 })),
  },
  dracd_export_age_seconds: {
    help: 'Since a map was last written.',
    type: 'gauge',
    values: (_, { exports }) =>
      exports.map(({ path, format, ageMs }) => ({ labels: { path, format }, value: ageMs / 1_000 })),
  },
  dracd_rpcbind_state: {
    help: 'Whether rpcbind tells of us, as a label: registered, taken (by another program), absent (no rpcbind), off.',
    type: 'gauge',
    values: (_, { rpcbind }) =>
      ['registered', 'taken', 'absent', 'off'].map((state) => ({
        labels: { state },
        value: flag(state === rpcbind),
      })),
  },
  dracd_rpcbind_forwards: {
    help: '1 while rpcbind sends us calls of others as if they came from this host.',
    type: 'gauge',
    values: (_, { forwarded }) => one(flag(forwarded)),
  },
  dracd_lookups_total: {
    help: 'Answers of live look-ups, by kind and verdict.',
    type: 'counter',
    values: counted(LOOKUPS),
  },
  dracd_lookup_connections_total: {
    help: 'What connections of live look-ups did, by kind.',
    type: 'counter',
    values: counted(LOOKUP_CONNECTIONS),
  },
  dracd_event_loop_delay_seconds: {
    help: 'How late the event loop came to a timer that was due every 20 ms.',
    type: 'histogram',
    values: (_, { loopDelay }) => spread('dracd_event_loop_delay_seconds', loopDelay),
  },
  dracd_process_cpu_seconds_total: {
    help: 'Processor time used, user and system.',
    type: 'counter',
    values: (_source, _sample, { cpuSeconds }) => one(cpuSeconds),
  },
  dracd_process_resident_memory_bytes: {
    help: 'Resident memory, pages of mapped files included.',
    type: 'gauge',
    values: (_source, _sample, { residentBytes }) => one(residentBytes),
  },
  dracd_process_heap_bytes: {
    help: 'JavaScript heap in use.',
    type: 'gauge',
    values: (_source, _sample, { heapBytes }) => one(heapBytes),
  },
  dracd_process_open_fds: {
    help: 'Open file descriptors.',
    type: 'gauge',
    values: (_source, _sample, { openDescriptors }) => one(openDescriptors),
  },
  dracd_process_max_fds: {
    help: 'How many file descriptors may be open.',
    type: 'gauge',
    values: (_source, _sample, { maxDescriptors }) => one(maxDescriptors),
  },
} as const satisfies Record<string, MetricRow>;

/** The text of a scrape. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #source: SampleSource;
  /** One sample serves all metrics of a scrape. */
  #now: Promise<readonly [Sample, OwnProcess]>;

  constructor(source: SampleSource) {
    this.#source = source;
    this.#now = this.#read();
    for (const [name, row] of Object.entries(rows) as [string, MetricRow][]) this.#register(name, row);
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  text(): Promise<string> {
    this.#now = this.#read();
    return this.#registry.metrics();
  }

  async #read(): Promise<readonly [Sample, OwnProcess]> {
    return [this.#source.sample(), await ownProcess()];
  }

  /** Not one of prom-client's own kinds of metric, which count for themselves: ours are counted already. */
  #register(name: string, { help, type, values }: MetricRow): void {
    const about = { name, help, type, aggregator: 'sum' };
    const metric = {
      ...about,
      get: async () => ({ ...about, values: values(this.#source, ...(await this.#now)) }),
    };
    this.#registry.registerMetric(metric as never);
  }
}
