/**
 * renames - 10,000 publications under readers that open the files every millisecond: none fails, none sees a part
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { Publisher } from '../../src/exports/publisher.js';
import { ExportBench } from '../support/export-bench.js';
import { EXPIRES_AT, grants } from '../support/live-map.js';
import { mapReaders } from '../support/map-readers.js';
import { childEnvironment, newDirectory, pause } from '../support/processes.js';

const FORMATS = ['bdb', 'cdb', 'list'] as const;
const RENAMES = 10_000;
const CLIENTS = 300;

/** Opens each file every millisecond and looks at the whole of it; says what was wrong when its input ends. */
const READER = `
import json, select, struct, sys, time
files = dict(zip(['bdb', 'cdb', 'list'], sys.argv[2:5]))
clients = int(sys.argv[1])
def bdb(data):
    magic, = struct.unpack_from('<I', data, 12)
    last, = struct.unpack_from('<I', data, 32)
    return magic == 0x53162 and len(data) == 4096 * (last + 1) and sum(
        struct.unpack_from('<H', data, p + 20)[0] for p in range(4096, len(data), 4096) if data[p + 25] == 5) == 2 * clients
def cdb(data):
    tables = [struct.unpack_from('<II', data, 8 * i) for i in range(256)]
    return sum(n for _, n in tables) == 2 * clients and max(p + 8 * n for p, n in tables) == len(data)
def lst(data):
    return data.count(b'\\n') == clients and data.endswith(b'\\n')
checks = {'bdb': bdb, 'cdb': cdb, 'list': lst}
wrong, openings, inodes = [], 0, set()
print('ready', flush=True)
while not select.select([sys.stdin], [], [], 0.001)[0]:
    for name, file in files.items():
        openings += 1
        try:
            with open(file, 'rb') as f:
                data = f.read()
            if not checks[name](data): wrong.append(name + ' is a part: %d bytes' % len(data))
            inodes.add((name, data[52:72] if name == 'bdb' else hash(data)))
        except Exception as error:
            wrong.append(repr(error))
print(json.dumps({'openings': openings, 'contents': len(inodes), 'wrong': wrong[:5]}), flush=True)
`;

interface Report {
  readonly openings: number;
  readonly contents: number;
  readonly wrong: readonly string[];
}

async function watching(files: readonly string[], body: () => Promise<void>): Promise<Report> {
  const child = spawn('python3', ['-c', READER, String(CLIENTS), ...files], {
    stdio: ['pipe', 'pipe', 'inherit'],
    env: childEnvironment(),
  });
  try {
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    await once(child.stdout, 'data');
    await body();
    child.stdin.end();
    await once(child, 'close');
    return JSON.parse(said.split('\n')[1] ?? '') as Report;
  } finally {
    child.kill('SIGKILL');
  }
}

afterEach(() => ExportBench.closeAll());

/** Every file published so often, all at the same time, each time with other contents. */
async function publish(benches: readonly ExportBench[], times: number): Promise<void> {
  const all = grants(CLIENTS);
  await Promise.all(
    benches.map(async (bench) => {
      for (let i = 1; i <= times; i += 1) {
        const published = bench.published;
        for (const one of all) bench.live.set(one.client, one);
        await bench.grant(all[i % CLIENTS]?.client ?? '', EXPIRES_AT + i * 1000);
        while (bench.published === published) await new Promise(setImmediate);
      }
    }),
  );
}

/** All three, in one directory. */
async function opened(): Promise<ExportBench[]> {
  const directory = newDirectory('renames');
  const clients = grants(CLIENTS).map(({ client }) => client);
  const benches: ExportBench[] = [];
  for (const format of FORMATS) {
    const file = `${directory}/relay${mapReaders[format].suffix}`;
    const wording = format === 'list' ? { dialects: ['postfix'] as const } : {};
    benches.push(await ExportBench.open(format, { ...wording, path: file, clients, intervalMs: 0 }));
  }
  return benches;
}

test.each(FORMATS.map((format, index) => [format, index] as const))(
  'the readers are awake: %s written in place is seen in part',
  async (_, index) => {
    const files = (await opened()).map(({ path }) => path);
    const file = files[index] ?? '';
    const whole = readFileSync(file);
    const report = await watching(files, async () => {
      for (let i = 0; i < 10; i += 1) {
        writeFileSync(file, whole.subarray(0, whole.length / 2));
        await pause(100);
        appendFileSync(file, whole.subarray(whole.length / 2));
      }
    });
    expect(report.wrong.length).toBeGreaterThan(0);
  },
);

test('10,000 renames: no opening fails, no reader sees a part', async () => {
  const benches = await opened();
  expect(benches.every(({ map }) => map instanceof Publisher)).toBe(true);
  const times = Math.ceil(RENAMES / FORMATS.length);
  const report = await watching(
    benches.map(({ path }) => path),
    () => publish(benches, times),
  );
  expect(report.wrong).toEqual([]);
  expect(report.openings).toBeGreaterThan(1_000);
  // The readers did see many of the files.
  expect(report.contents).toBeGreaterThan(500);
  for (const bench of benches) {
    expect(bench.published).toBeGreaterThanOrEqual(times);
    expect(bench.said.filter(({ level }) => level !== 'debug')).toEqual([]);
    expect((await bench.clients()).length).toBe(CLIENTS);
  }
});
