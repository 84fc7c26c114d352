/** What rpc.dracd takes for given: from the database that it finds, under a configuration, and where its state goes. */
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type Config, parseConfig } from '../../src/config.js';
import { Fault } from '../../src/core/fault.js';
import { findDropIn, refuseHash } from '../../src/drop-in.js';
import { builds, nameOf, OriginalDatabase } from '../support/original-database.js';
import { newDirectory } from '../support/processes.js';

let original: OriginalDatabase;
let database: string;

beforeAll(async () => {
  original = await OriginalDatabase.build();
});
beforeEach(() => {
  database = path.join(newDirectory('drop-in'), 'dracd.db');
});

const find = () => findDropIn({ database, stateDirectory: '/var/lib/rpc-dracd' });
const config = (text = ''): Config => parseConfig(text, 'dracd.toml', find());

describe('without a configuration', () => {
  test('all addresses, the database alone, the original’s plain wording, state where it was told', () => {
    const { rpc, exports, reporters, store, grants } = config();
    expect(rpc.addresses).toEqual(['0.0.0.0', '::']);
    expect(exports).toEqual([
      expect.objectContaining({
        format: 'bdb',
        path: database,
        dialects: ['drac'],
        cidrKey: false,
        termKd: false,
        intervalMs: 200,
        mode: 0o644,
      }),
    ]);
    expect(reporters).toMatchObject({ allow_file: '/etc/mail/dracd.allow' });
    expect(reporters.allow).toBeUndefined();
    expect(store.directory).toBe('/var/lib/rpc-dracd/journal');
    expect(grants.lifetime).toBe(30 * 60_000);
  });

  test.each(builds.map((build) => [nameOf(build), build] as const))(
    'the wording of a database with %s is kept',
    async (_, build) => {
      await original.enter(database, { '192.0.2.7': 1_790_000_000, '2001:db8::6': 5 }, build);
      expect(config().exports).toEqual([
        expect.objectContaining({ cidrKey: build.cidr ?? false, termKd: build.term ?? false }),
      ]);
      expect(find()).toMatchObject({ problem: undefined, survey: { records: 2 } });
    },
  );
});

describe('under a configuration', () => {
  test('what it says holds, what it does not say is the original’s', () => {
    const { rpc, exports, reporters } = config(
      '[rpc]\nport = 4800\n[reporters]\nallow = ["192.0.2.10"]\n[[exports]]\nformat = "lmdb"\npath = "/x/relay.lmdb"\n',
    );
    expect(rpc).toMatchObject({ port: 4800, addresses: ['0.0.0.0', '::'] });
    expect(reporters).toMatchObject({ allow_file: '/etc/mail/dracd.allow' });
    expect(exports.map((one) => one.path)).toEqual(['/x/relay.lmdb', database]);
    expect(config('[rpc]\naddresses = ["127.0.0.1"]\n').rpc.addresses).toEqual(['127.0.0.1']);
    expect(config('[reporters]\nallow_file = "/x/allow"\n').reporters.allow_file).toBe('/x/allow');
  });

  test('that names the database, its wording is the one', () => {
    const text = `[[exports]]\nformat = "bdb"\npath = "${database}"\ndialect = ["sendmail", "exim"]\n`;
    expect(config(text).exports).toEqual([expect.objectContaining({ dialects: ['sendmail', 'exim'] })]);
  });

  test.each(['rpc = 5\n', 'exports = 7\n', 'reporters = []\n', 'exports = [1]\n'])(
    '%j is still refused',
    (text) => {
      expect(() => config(text)).toThrow(Fault);
    },
  );
});

test('where a database is no file it is told, and the rest holds', () => {
  mkdirSync(database);
  expect(find().problem?.message).toContain(`${database} is a directory`);
  expect(find().survey).toBeUndefined();
  expect(config().exports).toHaveLength(1);
});

test('state: without a service manager beside the database, if /var/lib/dracd cannot be ours', () => {
  const { stateDirectory } = findDropIn({ database });
  expect(['/var/lib/dracd', database.replace('.db', '.state')]).toContain(stateDirectory);
});

test('a hash is refused with the way out, a btree is not', async () => {
  await original.enter(database, { '192.0.2.7': 1_790_000_000 }, { method: 'hash' });
  expect(() => refuseHash(find())).toThrow(/is a hash file.*btree instead of hash.*db5\.3_dump/);
  writeFileSync(database, 'rubbish');
  refuseHash(find());
});
