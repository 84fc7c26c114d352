/** The doctor with an admin door at hand: a client that may relay is looked for in the maps. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseAddress } from '../../src/core/address.js';
import type { ClientAddress } from '../../src/core/address.js';
import { doctor } from '../../src/doctor.js';
import { systemClock } from '../../src/runtime/clock.js';
import { ExportBench } from '../support/export-bench.js';
import { REPORTER } from '../support/operations.js';
import { closeAll, open } from './admin/doors.js';

const CLIENT = parseAddress('203.0.113.7') as ClientAddress;
const HOUR_MS = 3_600_000;

afterEach(async () => {
  await closeAll();
  await ExportBench.closeAll();
});

interface Line {
  readonly severity: string;
  readonly what: string;
  readonly value: string | null;
}

async function examined(config: string): Promise<{ status: number; lines: Line[] }> {
  let text = '';
  const status = await doctor({
    config,
    only: ['maps'],
    limitMs: 60_000,
    json: true,
    colours: false,
    clock: systemClock,
    write: (more) => void (text += more),
  });
  const lines = text.split('\n').filter((line) => line !== '');
  return { status, lines: lines.map((line) => JSON.parse(line) as Line) };
}

test.each(['lmdb', 'bdb', 'cdb', 'list'] as const)('a canary in %s: there, and missed', async (format) => {
  const endsAt = systemClock.wall() + HOUR_MS;
  const bench = new ExportBench(format, { dialects: ['postfix'], intervalMs: 100 });
  await bench.map.open();
  await bench.grant(CLIENT, endsAt);
  await bench.holds(CLIENT);
  const door = await open();
  door.operations.entries.set(`grant ${CLIENT}`, {
    kind: 'grant',
    subject: CLIENT,
    client: CLIENT,
    expiresAt: endsAt,
    reporter: REPORTER,
    createdAt: systemClock.wall() - HOUR_MS,
  });
  const config = path.join(door.directory, 'dracd.toml');
  writeFileSync(
    config,
    `[store]
directory = "${door.directory}/journal"
[[exports]]
format = "${format}"
path = "${bench.path}"
${format === 'lmdb' ? '' : 'dialect = "postfix"'}
[admin]
listen = ["${door.place}"]
`,
  );
  const well = await examined(config);
  expect(well.status).toBe(0);
  expect(well.lines).toContainEqual(
    expect.objectContaining({ severity: 'ok', what: 'it knows somebody who may relay', value: CLIENT }),
  );
  await bench.revoke(CLIENT);
  await bench.holds();
  const missed = await examined(config);
  expect(missed.status).toBe(2);
  expect(missed.lines.at(-1)).toMatchObject({
    severity: 'error',
    what: 'it does not know somebody who may relay',
    value: CLIENT,
  });
});
