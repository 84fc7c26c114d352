import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import {
  ERRORS,
  LOOKUPS,
  LOOKUP_CONNECTIONS,
  Metrics,
  OUTCOMES,
  RECEIVED,
  REFUSED,
  REPORTS,
  rows,
} from '../../../src/http/metrics.js';
import { section } from '../../support/page.js';
import { HandSource, QUIET } from './sources.js';

const src = path.resolve(import.meta.dirname, '../../../src');

function sources(directory: string): string[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const file = path.join(directory, entry.name);
    return entry.isDirectory() ? sources(file) : [readFileSync(file, 'utf8')];
  });
}

const told = new Set([
  ...Object.keys({ ...ERRORS, ...LOOKUPS, ...LOOKUP_CONNECTIONS, ...RECEIVED, ...REFUSED }),
  'rpc.null',
  'rpc.tcp.connections',
  REPORTS,
  // Told by dracd_reports_total, under each reporter's name.
  ...OUTCOMES.map((outcome) => `rpc.add.${outcome}`),
]);

describe('every counter of the code has a metric', () => {
  const texts = sources(src);
  /** The names that are written in a text of the code, whether counted at once or by way of a table or method. */
  const written = texts
    .filter((text) => /\bcounters\b/.test(text))
    .flatMap((text) => [...text.matchAll(/'((?:rpc|lookup)\.[a-z-]+(?:\.[a-z-]+)?)'/g)])
    .map(([, name = '']) => name);
  const places = texts.flatMap((text) => [...text.matchAll(/counters\.add(?:Labelled)?\(([^,)]*)/g)]);

  test('the search finds them', () => {
    expect(written.length).toBeGreaterThan(30);
    expect(written).toEqual(expect.arrayContaining(['rpc.udp.oversize', 'rpc.add.full', 'rpc.tcp.slow']));
  });

  test('none is without', () => {
    expect([...new Set(written)].filter((name) => !told.has(name))).toEqual([]);
  });

  test('none is counted by a name that the search does not see', () => {
    const unseen = places
      .map(([, argument = '']) => argument.trim())
      .filter(
        (argument) =>
          !/^(?:'|idle \? '|COUNTER_OF\[outcome\]$|`lookup\.\$\{this\.#service\.kind\}\.\$\{what\}`$)/.test(
            argument,
          ),
      );
    expect(unseen).toEqual([]);
  });

  test('what listeners of look-ups count is known', () => {
    const text = [...sources(path.join(src, 'lookups'))].join('\n');
    const events = [...text.matchAll(/#count\('([a-z-]+)'\)/g), ...text.matchAll(/#end\('([a-z-]+)'\)/g)];
    expect(events.length).toBeGreaterThanOrEqual(4);
    for (const [, event = ''] of events) expect(told).toContain(`lookup.policy.${event}`);
  });
});

const lines = (text: string): string[] =>
  text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));

test('a scrape has every metric, with help and type, and values as they were counted', async () => {
  const source = new HandSource();
  source.counters.add('rpc.udp.oversize', 3);
  source.counters.add('lookup.policy.hit', 4);
  source.counters.addLabelled(REPORTS, 'pop1', 'udp', '2', 'granted');
  source.counters.addLabelled(REPORTS, 'pop1', 'udp', '2', 'granted');
  source.counters.addLabelled(REPORTS, 'pop1', 'udp', '2', 'full');
  source.now = {
    ...QUIET,
    grants: { live: 12, max: 99, full: true },
    journal: { ...QUIET.journal, groups: { bounds: [1, 8], atMost: [2, 5], count: 6, sum: 40 } },
    certificates: [{ key: 'client_ca', until: 1_790_000_000_000, leftMs: -5 }],
  };
  const text = await new Metrics(source).text();
  for (const [name, { help, type }] of Object.entries(rows)) {
    expect(text).toContain(`# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`);
  }
  expect(lines(text)).toEqual(
    expect.arrayContaining([
      'dracd_rpc_refused_total{reason="oversize datagram"} 3',
      'dracd_lookups_total{kind="policy",verdict="hit"} 4',
      'dracd_reports_total{reporter="pop1",transport="udp",version="2",outcome="granted"} 2',
      'dracd_reports_total{reporter="pop1",transport="udp",version="2",outcome="full"} 1',
      'dracd_reports_total{reporter="pop1",transport="udp",version="2",outcome="failed"} 0',
      'dracd_grants 12',
      'dracd_admin_certificate_expires_timestamp_seconds{key="client_ca"} 1790000000',
      'dracd_ledger_full 1',
      'dracd_commit_group_grants_bucket{le="8"} 5',
      'dracd_commit_group_grants_bucket{le="+Inf"} 6',
      'dracd_commit_group_grants_sum 40',
      'dracd_commit_group_grants_count 6',
      'dracd_rpcbind_state{state="registered"} 1',
      'dracd_rpcbind_state{state="absent"} 0',
    ]),
  );
});

test('all that is told of this process is a number', async () => {
  const text = await new Metrics(new HandSource()).text();
  for (const name of Object.keys(rows).filter((one) => one.startsWith('dracd_process_')))
    expect(Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1])).toBeGreaterThan(0);
});

test('the number of series does not grow with what is counted', async () => {
  const source = new HandSource();
  source.counters.addLabelled(REPORTS, 'local', 'udp', '1', 'granted');
  const metrics = new Metrics(source);
  const before = lines(await metrics.text()).length;
  for (const name of Object.keys({ ...REFUSED, ...LOOKUPS })) source.counters.add(name, 1_000);
  for (const outcome of OUTCOMES) source.counters.addLabelled(REPORTS, 'local', 'udp', '1', outcome);
  source.now = { ...QUIET, grants: { live: 100_000, max: 1_000_000, full: false } };
  expect(lines(await metrics.text())).toHaveLength(before);
});

test('what the kernel does not tell is left out', async () => {
  const source = new HandSource();
  source.now = { ...QUIET, udpDrops: undefined };
  expect(lines(await new Metrics(source).text()).filter((line) => line.startsWith('dracd_udp'))).toEqual([]);
});

describe('docs/operations.md', () => {
  const table = section('docs/operations.md', 'The metrics');
  const documented = [...table.matchAll(/^\| `(dracd_\w+)(?:\{[^}]*\})?` \|/gm)].map(([, name]) => name);

  test('tells of each metric, and of no other', () => {
    expect([...documented].sort()).toEqual(Object.keys(rows).sort());
  });

  test.each(Object.entries(labelsOf()))('tells of the labels of %s', (name, labels) => {
    for (const label of labels)
      expect(table).toMatch(new RegExp(`^\\| \`${name}\\{[^}]*\\b${label}\\b`, 'm'));
  });
});

/** The labels that metrics have, from a source that has something of everything. */
function labelsOf(): Record<string, string[]> {
  const source = new HandSource();
  source.now = { ...QUIET, certificates: [{ key: 'cert', until: 5_000, leftMs: 0 }] };
  source.counters.addLabelled(REPORTS, 'local', 'udp', '1', 'granted');
  const own = { cpuSeconds: 0, residentBytes: 0, heapBytes: 0, openDescriptors: 0, maxDescriptors: 0 };
  return Object.fromEntries(
    Object.entries(rows).flatMap(([name, { type, values }]) => {
      const labels = Object.keys(values(source, source.sample(), own)[0]?.labels ?? {});
      return type === 'histogram' || labels.length === 0 ? [] : [[name, labels] as const];
    }),
  );
}
