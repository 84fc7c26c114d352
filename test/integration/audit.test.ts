/**
 * audit - the built daemon records what happens, and the records answer: across rotation, restart, kill -9, a full disk
 *
 * The page docs/audit.md is what is run here. Mounting the small disk needs root.
 */
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import type { Answer } from '../../src/audit/who.js';
import { type AuditRecord, LineMaker, recordIn } from '../../src/audit/record.js';
import { Asker } from '../support/asker.js';
import { ask as askHttp } from '../support/http.js';
import { Operated } from '../support/operated.js';
import { blocks, withNames } from '../support/page.js';
import { MAIN, mustRun, newDirectory, run, until } from '../support/processes.js';
import { PERM, SUCCESS, TcpClient } from '../support/rpc-client.js';

const PAGE = 'docs/audit.md';
const PAGE_FILE = '/var/lib/dracd/audit.jsonl';
const DAY_MS = 86_400_000;
/** For whatever waits for the daemon, on the slowest machine. */
const PATIENCE_MS = 30_000;
const by = { author: 'ann', reason: 'abuse report' };
const mounts: string[] = [];

afterAll(async () => {
  await Operated.killAll();
  for (const directory of mounts) await run(['umount', directory]);
});

/** A daemon's place: its configuration is the page's, with names of the test. */
class Site {
  readonly directory = newDirectory('audit');
  readonly file = path.join(this.directory, 'audit.jsonl');
  readonly options;

  constructor({ block = 0, file, more = '' }: { block?: number; file?: string; more?: string } = {}) {
    if (file !== undefined) this.file = file;
    const heading = block === 0 ? 'Recipe' : 'Personal data';
    const text = blocks(PAGE, heading).find(({ language }) => language === 'toml')?.text ?? '';
    this.options = {
      directory: this.directory,
      grants: 'ipv6_prefix = 64\nalways = ["198.51.100.0/24"]\nnever = ["203.0.113.128/25"]',
      more: `${withNames(text, { [PAGE_FILE]: this.file })}
[[lookups]]
kind = "socketmap"
listen = ["unix:${this.door}"]
${more}`,
    };
  }

  get door(): string {
    return path.join(this.directory, 'socketmap');
  }

  start(): Promise<Operated> {
    return Operated.start(this.options);
  }

  /** All files of the audit, the oldest first. */
  files(): string[] {
    const directory = path.dirname(this.file);
    const names = readdirSync(directory).filter((name) => name.startsWith(path.basename(this.file)));
    return [...names.filter((name) => name !== path.basename(this.file)).sort(), path.basename(this.file)]
      .map((name) => path.join(directory, name))
      .filter((file) => existsSync(file));
  }

  text(): string {
    return this.files()
      .map((file) => readFileSync(file, 'latin1'))
      .join('');
  }

  records(): AuditRecord[] {
    const lines = this.text().split('\n');
    return lines.map((line) => recordIn(line)).filter((record) => record !== undefined);
  }

  /** Waits until there is such a record. */
  async recorded(wanted: Partial<AuditRecord>): Promise<AuditRecord> {
    const fits = (record: AuditRecord): boolean =>
      Object.entries(wanted).every(([key, value]) => record[key as keyof AuditRecord] === value);
    let found: AuditRecord | undefined;
    await until(`a record ${JSON.stringify(wanted)}`, PATIENCE_MS, () => {
      found = this.records().find(fits);
      return found !== undefined;
    });
    return found as AuditRecord;
  }
}

async function report(daemon: Operated, ...clients: string[]): Promise<(number | undefined)[]> {
  const tcp = await TcpClient.open(daemon.port);
  const statuses = await Promise.all(clients.map((client) => tcp.add(client, PATIENCE_MS)));
  tcp.close();
  return statuses;
}

const ask = async (daemon: Operated, client: string, at: number): Promise<Answer> =>
  (await daemon.call('history', client, at)) as Answer;

test('each kind of thing has its record, on whose word, and questions are answered by them', async () => {
  const site = new Site();
  const daemon = await site.start();
  expect(await report(daemon, '192.0.2.7', '192.0.2.8', '2001:db8:1:2::7')).toEqual([
    SUCCESS,
    SUCCESS,
    SUCCESS,
  ]);
  expect(await report(daemon, '192.0.2.7', '203.0.113.200')).toEqual([SUCCESS, PERM]);
  const asker = await Asker.open(`unix:${site.door}`, 'socketmap');
  for (const client of ['192.0.2.7', '192.0.2.7', '192.0.2.9', '198.51.100.3']) await asker.ask(client);
  asker.socket.destroy();
  await daemon.call('pin', { subject: '198.18.0.0/24', ...by });
  await daemon.call('deny', { subject: '192.0.2.8', ...by });
  await daemon.call('authorize', { subject: '198.19.0.1', lifetimeMs: 1_000, user: 'carol', ...by });
  await daemon.call('remove', 'pin', '198.18.0.0/24', by);
  await daemon.call('revoke', { within: '192.0.2.7' }, by);
  await daemon.call('reload', 'ann');
  await expect(daemon.call('pin', { subject: '127.0.0.1', ...by })).rejects.toThrow('no client can have');

  const reporter = '127.0.0.1';
  await site.recorded({ kind: 'grant', subject: '192.0.2.7', reporter });
  await site.recorded({ kind: 'grant', subject: '2001:db8:1:2::/64', client: '2001:db8:1:2::7', reporter });
  const renewal = await site.recorded({ kind: 'renewal', subject: '192.0.2.7', reporter, count: 1 });
  await site.recorded({ kind: 'use', subject: '192.0.2.7', count: 2 });
  const revoke = await site.recorded({ kind: 'revoke', subject: '192.0.2.7', reporter });
  await site.recorded({ kind: 'revoke', subject: '192.0.2.8', reporter });
  const pin = await site.recorded({ kind: 'pin', subject: '198.18.0.0/24', ...by });
  const deny = await site.recorded({ kind: 'deny', subject: '192.0.2.8', ...by });
  const unpin = await site.recorded({ kind: 'unpin', subject: '198.18.0.0/24', ...by });
  const granted = await site.recorded({ kind: 'grant', subject: '198.19.0.1', user: 'carol', ...by });
  const expiry = await site.recorded({ kind: 'expiry', subject: '198.19.0.1', what: 'grant' });
  await site.recorded({ kind: 'act', what: 'revoke', subject: '192.0.2.7', count: 1, outcome: 'done' });
  await site.recorded({ kind: 'act', what: 'reload', author: 'ann' });
  await site.recorded({ kind: 'act', what: 'pin', subject: '127.0.0.1' });

  expect(await ask(daemon, '192.0.2.7', renewal.at)).toMatchObject({ verdict: 'permitted', uses: 2 });
  expect((await ask(daemon, '192.0.2.7', renewal.at)).words).toContain('it was revoked on');
  const revoked = await ask(daemon, '192.0.2.7', revoke.at);
  expect(revoked.verdict).toBe('not');
  expect(revoked.words).toContain('by ann: "abuse report"');
  expect(await ask(daemon, '198.18.0.77', pin.at)).toMatchObject({
    verdict: 'permitted',
    records: [{ author: 'ann' }],
  });
  expect((await ask(daemon, '198.18.0.77', unpin.at)).verdict).toBe('not');
  expect((await ask(daemon, '192.0.2.8', deny.at)).verdict).toBe('not');
  expect((await ask(daemon, '192.0.2.8', deny.at)).words).toContain('it was denied by ann');
  expect((await ask(daemon, '198.19.0.1', granted.at)).words).toContain('by ann on');
  expect((await ask(daemon, '198.19.0.1', expiry.at)).verdict).toBe('not');
  expect((await ask(daemon, '2001:db8:1:2:aaaa::1', Date.now())).verdict).toBe('permitted');
  expect((await ask(daemon, '198.51.100.9', deny.at)).words).toContain('grants.always');
  expect((await ask(daemon, '203.0.113.200', deny.at)).words).toContain('grants.never');
  await site.recorded({ kind: 'use', subject: '198.51.100.0/24', what: 'site', count: 1 });
  await site.recorded({ kind: 'refusal', subject: '203.0.113.200', outcome: 'unusable', reporter });
  expect((await ask(daemon, '192.0.2.99', deny.at)).words).toContain('no login from it had been reported');
  expect(statSync(site.file).mode & 0o777).toBe(0o640);

  const said = daemon.logs.filter(({ event }) => event === 'audit');
  expect(said.find((line) => line['kind'] === 'grant')).toMatchObject({
    subject: '192.0.2.7',
    reporter,
    level: 'info',
  });
  await daemon.stop();
  expect(site.records().at(-1)?.kind).toBe('stop');
  expect(daemon.noise).toEqual([]);
});

test('a lease that ends by itself', async () => {
  const site = new Site();
  const daemon = await Operated.start({ ...site.options, lifetime: '1s' });
  await report(daemon, '192.0.2.20');
  const { at } = await site.recorded({ kind: 'expiry', subject: '192.0.2.20', reporter: '127.0.0.1' });
  expect((await ask(daemon, '192.0.2.20', at)).verdict).toBe('not');
  const grant = await site.recorded({ kind: 'grant', subject: '192.0.2.20' });
  expect((await ask(daemon, '192.0.2.20', grant.at)).verdict).toBe('permitted');
  await daemon.stop();
});

test('across kill -9: no grant that was answered with success is missing, renewals neither, and what stands stands', async () => {
  const site = new Site();
  let daemon = await site.start();
  const clients = Array.from({ length: 200 }, (_, i) => `70.0.0.${i + 1}`);
  await daemon.call('pin', { subject: '198.18.0.7', ...by });
  const half = clients.slice(0, 100);
  expect(await report(daemon, ...half)).toEqual(half.map(() => SUCCESS));
  const first = await site.recorded({ kind: 'grant', subject: '70.0.0.1' });
  // Renewed just now, which is gathered and in no file yet.
  expect(await report(daemon, ...clients)).toEqual(clients.map(() => SUCCESS));
  await daemon.kill();
  const killed = Date.now();
  appendFileSync(site.file, '{"at":"2026-11-25T1');

  daemon = await site.start();
  await site.recorded({ kind: 'start', what: 'unclean' });
  for (const client of clients) await site.recorded({ kind: 'grant', what: 'restored', subject: client });
  for (const client of ['70.0.0.1', '70.0.0.200', '198.18.0.7'])
    expect((await ask(daemon, client, killed)).verdict).toBe('permitted');
  const [renewed] = (await ask(daemon, '70.0.0.1', killed)).records;
  expect(renewed?.until).toBeGreaterThan(first.until ?? Infinity);
  expect(site.text()).toContain('{"at":"2026-11-25T1\n{');

  // After a start that follows a stop nothing is recorded again.
  await daemon.stop();
  const restored = site.records().filter(({ what }) => what === 'restored').length;
  daemon = await site.start();
  await site.recorded({ kind: 'start', what: 'clean', at: site.records().at(-1)?.at ?? 0 });
  expect(site.records().filter(({ what }) => what === 'restored')).toHaveLength(restored);
  expect((await ask(daemon, '70.0.0.1', Date.now())).verdict).toBe('permitted');
  await daemon.stop();
  daemon = await Operated.start(site.options, { init: true });
  await until('it is told', PATIENCE_MS, () => site.records().some(({ what }) => what === 'forgot'));
  expect((await ask(daemon, '70.0.0.1', Date.now())).verdict).toBe('not');
  expect((await ask(daemon, '70.0.0.1', killed)).verdict).toBe('permitted');
  expect((await ask(daemon, '198.18.0.7', Date.now())).verdict).toBe('permitted');
  await daemon.stop();
});

test('across days: yesterday’s file is completed, answered from, and removed when its time is over', async () => {
  const site = new Site();
  const maker = new LineMaker();
  const now = Date.now();
  const [yesterday, lastYear] = [now - DAY_MS, now - 365 * DAY_MS];
  const day = (at: number): string => new Date(at).toISOString().slice(0, 10);
  const lease = (at: number): string =>
    maker.line({ at, kind: 'grant', subject: '192.0.2.7', reporter: '192.0.2.1', until: at + 600_000 });
  writeFileSync(site.file, lease(yesterday));
  writeFileSync(`${site.file}.${day(lastYear)}.1`, lease(lastYear));
  const daemon = await site.start();
  await until('it is completed', PATIENCE_MS, () => existsSync(`${site.file}.${day(yesterday)}.1`));
  await until('it is removed', PATIENCE_MS, () => !existsSync(`${site.file}.${day(lastYear)}.1`));
  expect((await ask(daemon, '192.0.2.7', yesterday + 1_000)).words).toContain(
    'the server 192.0.2.1 reported',
  );
  expect((await ask(daemon, '192.0.2.7', yesterday + 700_000)).verdict).toBe('not');
  expect((await ask(daemon, '192.0.2.7', lastYear + 1_000)).verdict).toBe('unknown');
  await daemon.stop();
});

test('forget: gone from leases, maps and every file; that it was done is recorded, and all else stays', async () => {
  const site = new Site();
  let daemon = await site.start();
  await report(daemon, '192.0.2.7', '192.0.2.77');
  await daemon.call('authorize', {
    subject: '192.0.2.7',
    lifetimeMs: 600_000,
    ...by,
    reason: 'for 192.0.2.7.',
  });
  expect(await daemon.call('forget', '192.0.2.7', by)).toMatchObject({ grants: 2 });
  await site.recorded({ kind: 'act', what: 'forget', ...by });
  for (const file of site.files()) expect(readFileSync(file, 'utf8')).not.toMatch(/192\.0\.2\.7(?!7)/);
  expect(await daemon.rows()).toMatchObject([{ subject: '192.0.2.77' }]);
  const later = Date.now();
  expect((await ask(daemon, '192.0.2.7', later)).verdict).toBe('not');
  expect((await ask(daemon, '192.0.2.77', later)).verdict).toBe('permitted');
  expect(await report(daemon, '192.0.2.7')).toEqual([SUCCESS]);
  expect((await ask(daemon, '192.0.2.7', Date.now())).verdict).toBe('permitted');
  await daemon.kill();
  daemon = await site.start();
  expect((await ask(daemon, '192.0.2.77', later)).verdict).toBe('permitted');
  await daemon.stop();
});

test('hashed, as the page says: no address in files and log, whole answers, a key for the daemon alone', async () => {
  const site = new Site({ block: 1 });
  let daemon = await site.start();
  await report(daemon, '192.0.2.7');
  await daemon.call('pin', { subject: '198.18.0.0/16', user: 'carol', ...by });
  const { at } = await site.recorded({ kind: 'pin', privacy: 'hashed' });
  await site.recorded({ kind: 'grant', reporter: '127.0.0.1' });
  const key = path.join(site.directory, 'journal/audit.key');
  expect(statSync(key).mode & 0o777).toBe(0o600);
  expect((await ask(daemon, '198.18.9.9', at)).verdict).toBe('permitted');
  await daemon.stop();
  const everything = site.text() + JSON.stringify(daemon.logs);
  for (const secret of ['192.0.2.7', '198.18.0.0', 'carol']) expect(everything).not.toContain(secret);
  // By hand, from the files, with the key.
  const answer = await who(site, '192.0.2.7', new Date(at + 1_000).toISOString());
  expect(answer).toContain('192.0.2.7 could relay on');
  daemon = await site.start();
  // The store does not take it for a stranger's file.
  expect(JSON.stringify(daemon.logs)).not.toContain('audit.key');
  await daemon.stop();
  rmSync(key);
  expect(await who(site, '192.0.2.7', new Date(at + 1_000).toISOString())).toContain('could not relay');
});

/** What `dracd --who` prints. */
function who(site: Site, address: string, at: string): Promise<string> {
  const config = path.join(site.directory, 'dracd.toml');
  return mustRun([process.execPath, MAIN, '--config', config, '--who', address, '--at', at]);
}

test('the page’s questions have the page’s answer', async () => {
  const site = new Site();
  const daemon = await site.start();
  await daemon.stop();
  const [questions, answer, greps] = blocks(PAGE, 'Answer an abuse report');
  const at = (text: string): number => Date.parse(`2026-11-25T${text}Z`);
  const maker = new LineMaker();
  const [subject, reporter] = ['203.0.113.9', '192.0.2.10'];
  const records: AuditRecord[] = [
    { at: at('13:58:10.117'), kind: 'grant', subject, reporter, until: at('14:28:10.117') },
    { at: at('14:05:00.000'), kind: 'use', subject, from: at('14:03:00.000'), count: 3 },
    { at: at('14:28:10.201'), kind: 'expiry', subject, reporter, until: at('14:28:10.117') },
    { at: at('15:00:00.000'), kind: 'grant', subject: '203.0.113.99', reporter, until: at('15:30:00.000') },
    { at: at('15:00:00.000'), kind: 'act', what: 'reload', author: 'ann', outcome: 'done' },
  ];
  writeFileSync(site.file, records.map((record) => maker.line(record)).join(''));
  const config = path.join(site.directory, 'dracd.toml');
  const commands = (questions?.text ?? '').trimEnd().split('\n');
  expect(commands).toHaveLength(2);
  for (const command of commands) {
    const [program, ...args] = command.split(' ');
    expect(program).toBe('dracd');
    expect(await mustRun([process.execPath, MAIN, '--config', config, ...args])).toBe(answer?.text);
  }
  writeFileSync(`${site.file}.2026-11-24.1`, '');
  const lines = (greps?.text ?? '').trimEnd().split('\n');
  const found = await Promise.all(
    lines.map((line) => mustRun(['sh', '-c', withNames(line, { [PAGE_FILE]: site.file })])),
  );
  expect(found.map((text) => text.trimEnd().split('\n').length)).toEqual([3, 1]);

  const wrong = await run([
    process.execPath,
    MAIN,
    '--config',
    config,
    '--who',
    subject,
    '--at',
    '2026-11-25 14:03',
  ]);
  expect(wrong).toMatchObject({ code: 2 });
  expect(wrong.stderr).toContain('a time with its zone');
});

test('without a file there is nothing to ask, and a file that can never be written ends the start', async () => {
  const directory = newDirectory('audit');
  const plain = await Operated.start({ directory });
  await report(plain, '192.0.2.7');
  await until('the log has it', PATIENCE_MS, () => plain.logs.some(({ event }) => event === 'audit'));
  await plain.stop();
  const config = path.join(directory, 'dracd.toml');
  const asked = await run([process.execPath, MAIN, '--config', config, '--who', '192.0.2.7']);
  expect(asked).toMatchObject({ code: 2 });
  expect(asked.stderr).toContain('audit.file is not set');
  writeFileSync(config, `${readFileSync(config, 'utf8')}[audit]\nfile = "/nowhere/audit.jsonl"\n`);
  const started = await run([process.execPath, MAIN, '--config', config]);
  expect(started).toMatchObject({ code: 2 });
  expect(started.stderr).toContain('audit.file /nowhere/audit.jsonl cannot be written');
});

test('a full disk: grants go on, the log says it once, the state is shown, and all is written when there is room', async () => {
  const disk = path.join(newDirectory('audit'), 'disk');
  mkdirSync(disk);
  await mustRun(['mount', '-t', 'tmpfs', '-o', 'size=1m,mode=0755', 'tmpfs', disk]).catch(
    (error: unknown) => {
      throw new Error(`cannot mount a tmpfs (run the tests as root): ${String(error)}`);
    },
  );
  mounts.push(disk);
  const http = '[http]\nlisten = "127.0.0.1:0"';
  const site = new Site({ file: path.join(disk, 'audit.jsonl'), more: http });
  const daemon = await site.start();
  await site.recorded({ kind: 'start' });
  const { bavail, bsize } = statfsSync(disk);
  writeFileSync(path.join(disk, 'filler'), Buffer.alloc(bavail * bsize));
  const clients = Array.from({ length: 2_000 }, (_, i) => `70.1.${i >> 8}.${i & 255}`);
  for (let i = 0; i < clients.length; i += 500) {
    const statuses = await report(daemon, ...clients.slice(i, i + 500));
    expect(statuses.filter((status) => status !== SUCCESS)).toEqual([]);
  }
  const degraded = async (): Promise<unknown> =>
    ((await daemon.call('stats')) as { auditDegraded: string }).auditDegraded;
  await until('it shows', PATIENCE_MS, async () => String(await degraded()).includes('no space left'));
  const ready = await askHttp(
    Number(daemon.logs.find(({ event }) => event === 'http: listening')?.['port']),
    '/readyz',
  );
  expect(ready.status).toBe(200);
  expect(JSON.parse(ready.body)).toMatchObject({ status: 'ok', reasons: [{ part: 'audit' }] });
  rmSync(path.join(disk, 'filler'));
  await until('it is over', PATIENCE_MS, async () => (await degraded()) === '');
  for (const client of clients.slice(-3)) await site.recorded({ kind: 'grant', subject: client });
  const subjects = site
    .records()
    .filter(({ kind }) => kind === 'grant')
    .map(({ subject }) => subject);
  expect(subjects.sort()).toEqual([...clients].sort());
  expect(
    site
      .text()
      .split('\n')
      .filter((line) => line !== '' && recordIn(line) === undefined),
  ).toEqual([]);
  const said = daemon.logs.filter(({ event }) => event.startsWith('audit: records'));
  expect(said.map(({ level }) => level)).toEqual(['error', 'info']);
  expect(await daemon.call('stats')).toMatchObject({ auditLost: 0 });
  await daemon.stop();
});
