/**
 * audit-door - the built dracctl asks the built daemon for the past of an address, and has it forgotten
 *
 * The commands are those of docs/audit.md, with a day of the test for the page's: files of long ago would be removed.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AuditRecord, LineMaker, recordIn } from '../../src/audit/record.js';
import { Daemon, killAll } from '../support/daemon.js';
import { blocks, withNames } from '../support/page.js';
import { lookup } from '../support/postmap.js';
import { type Ended, MAIN, mustRun, newDirectory, ROOT, run, until } from '../support/processes.js';
import { SUCCESS, TcpClient } from '../support/rpc-client.js';

const PAGE = 'docs/audit.md';
const PAGE_FILE = '/var/lib/dracd/audit.jsonl';
const PAGE_DAY = '2026-11-25';
const CLIENT = '203.0.113.9';
const NEIGHBOUR = '203.0.113.99';
const REPORTER = '192.0.2.10';
const PATIENCE_MS = 30_000;
const DAY_MS = 86_400_000;
const CTL = path.join(ROOT, 'dist/ctl.js');

afterEach(killAll);

class Site {
  readonly directory = newDirectory('audit-door');
  readonly file = path.join(this.directory, 'audit.jsonl');
  /** The day before today, when all of it has passed. */
  readonly day = new Date(Date.now() - DAY_MS).toISOString().slice(0, 10);
  readonly #maker = new LineMaker();

  start(): Promise<Daemon> {
    const text = blocks(PAGE, 'Recipe').find(({ language }) => language === 'toml')?.text ?? '';
    return Daemon.start({ directory: this.directory, more: withNames(text, { [PAGE_FILE]: this.file }) });
  }

  /** What the page prints, for this site. */
  block(heading: string, index: number, names: Readonly<Record<string, string>> = {}): string {
    return withNames(blocks(PAGE, heading)[index]?.text ?? '', names);
  }

  /** Runs a line of the page in which the programs are the built ones. */
  run(line: string): Promise<Ended> {
    const ours = line.replace(
      /^dracctl /,
      `${process.execPath} ${CTL} --server unix:${this.directory}/admin.sock `,
    );
    return run(['sh', '-c', ours]);
  }

  at(time: string): number {
    return Date.parse(`${this.day}T${time}Z`);
  }

  /** Writes files as a daemon of that day has left them. */
  write(records: readonly AuditRecord[]): void {
    writeFileSync(this.file, records.map((record) => this.#maker.line(record)).join(''));
  }

  text(): string {
    const names = readdirSync(this.directory).filter((name) => name.startsWith('audit.jsonl'));
    return names.map((name) => readFileSync(path.join(this.directory, name), 'latin1')).join('');
  }

  records(): AuditRecord[] {
    const lines = this.text().split('\n');
    return lines.map((line) => recordIn(line)).filter((record) => record !== undefined);
  }
}

/** The page's lease, and one of a neighbour. */
function leases(site: Site): AuditRecord[] {
  const [began, ends] = [site.at('13:58:10.117'), site.at('14:28:10.117')];
  const grant = { at: began, kind: 'grant', subject: CLIENT, reporter: REPORTER, until: ends } as const;
  return [
    grant,
    { ...grant, subject: NEIGHBOUR },
    { at: site.at('14:05:00.000'), kind: 'use', subject: CLIENT, from: site.at('14:03:00.000'), count: 3 },
    { at: site.at('14:28:10.201'), kind: 'expiry', subject: CLIENT, reporter: REPORTER, until: ends },
  ];
}

async function report(daemon: Daemon, ...clients: string[]): Promise<void> {
  const tcp = await TcpClient.open(daemon.port);
  for (const client of clients) expect(await tcp.add(client, PATIENCE_MS)).toBe(SUCCESS);
  tcp.close();
}

test('history: the page’s questions have the page’s answer, as `dracd --who` has it, also after a restart', async () => {
  const site = new Site();
  site.write(leases(site));
  let daemon = await site.start();
  const names = { [PAGE_DAY]: site.day };
  const answer = site.block('Answer an abuse report', 1, names);
  const questions = site.block('Ask the daemon', 0, names).trimEnd().split('\n');
  expect(questions).toHaveLength(2);
  for (const line of questions)
    expect(await site.run(line)).toMatchObject({ code: 0, stdout: answer, stderr: '' });
  const [who = ''] = site.block('Answer an abuse report', 0, names).split('\n');
  const program = `${process.execPath} ${MAIN} --config ${daemon.configFile} `;
  expect(await mustRun(['sh', '-c', who.replace('dracd ', program)])).toBe(answer);

  // What is in no file yet is in the answer all the same.
  await report(daemon, CLIENT, CLIENT);
  const now = await site.run(`dracctl history ${CLIENT}`);
  expect(now).toMatchObject({ code: 0, stderr: '' });
  expect(now.stdout).toContain(`the server 127.0.0.1 reported a mailbox login`);
  expect(now.stdout).toContain('"kind":"renewal"');
  const then = new Date().toISOString();
  expect((await site.run(`dracctl deny ${CLIENT} --reason spam`)).code).toBe(0);
  expect((await site.run(`dracctl history ${CLIENT}`)).code).toBe(1);

  await daemon.stop();
  daemon = await site.start();
  expect(await site.run(questions[0] ?? '')).toMatchObject({ code: 0, stdout: answer, stderr: '' });
  expect((await site.run(`dracctl history ${CLIENT} --at ${then}`)).code).toBe(0);
  const denied = await site.run(`dracctl history ${CLIENT}`);
  expect(denied.code).toBe(1);
  expect(denied.stdout).toMatch(
    /^203\.0\.113\.9 could not relay on .*: it was denied by local .*"spam"\.\n\{/,
  );
  const before = await site.run(`dracctl history ${CLIENT} --at ${site.day}T13:00Z`);
  expect(before.code).toBe(2);
  expect(before.stdout).toContain('no record reaches back to that time');
});

test('forget, as the page says: gone from map, list and every file; that it was done is recorded, all else stays', async () => {
  const site = new Site();
  site.write(leases(site));
  let daemon = await site.start();
  await report(daemon, CLIENT, NEIGHBOUR);
  expect((await site.run(`dracctl authorize ${CLIENT} --reason "for ${CLIENT}"`)).code).toBe(0);
  expect(await lookup(daemon.mapPath, CLIENT)).toBeDefined();
  const listed = async (): Promise<string> => (await site.run('dracctl list')).stdout;
  expect(await listed()).toMatch(/^203\.0\.113\.9 /m);

  const [command = ''] = site.block('Forget somebody', 0).split('\n');
  const naming = await site.run(command.replace('request 12', `of ${CLIENT}`));
  expect(naming.code).toBe(64);
  expect(naming.stderr).toMatch(/^dracctl: --reason: must not name the address/);
  expect(site.text()).toMatch(/203\.0\.113\.9\b/);

  const done = await site.run(command);
  expect(done).toMatchObject({ code: 0, stderr: '' });
  expect(done.stdout).toMatch(/^2 grants and (?:[5-9]|1\d) records are gone\.\n$/);
  expect(await lookup(daemon.mapPath, CLIENT)).toBeUndefined();
  expect(await lookup(daemon.mapPath, NEIGHBOUR)).toBeDefined();
  expect(await listed()).not.toMatch(/203\.0\.113\.9 /);
  await until('it is recorded', PATIENCE_MS, () => site.records().some(({ what }) => what === 'forget'));
  const act = site.records().find(({ what }) => what === 'forget');
  expect(act).toMatchObject({ kind: 'act', reason: 'request 12', outcome: 'done', subject: undefined });
  expect(site.text()).not.toMatch(/203\.0\.113\.9\b/);
  expect(site.text()).toMatch(/203\.0\.113\.99\b/);
  expect(await site.run(command)).toMatchObject({ code: 1, stdout: '0 grants and 0 records are gone.\n' });

  await daemon.stop();
  daemon = await site.start();
  const [grep = '', question = ''] = site.block('Forget somebody', 1).split('\n');
  const counted = (await site.run(withNames(grep, { [PAGE_FILE]: site.file }))).stdout;
  expect(counted).toMatch(/^(?:\S+:0\n){2,}$/);
  expect((await site.run(withNames(question, { [PAGE_DAY]: site.day }))).stdout).toContain('could not relay');
  const other = withNames(question, { [PAGE_DAY]: site.day, [CLIENT]: NEIGHBOUR });
  expect((await site.run(other)).code).toBe(0);
  expect(await lookup(daemon.mapPath, CLIENT)).toBeUndefined();
  expect(await listed()).toMatch(/^203\.0\.113\.99 /m);
});

test('without a file there is nothing to ask, and an address is forgotten all the same', async () => {
  const directory = newDirectory('audit-door');
  const daemon = await Daemon.start({ directory });
  await report(daemon, CLIENT);
  const ctl = (...words: string[]): Promise<Ended> =>
    run([process.execPath, CTL, '--server', `unix:${directory}/admin.sock`, ...words]);
  const asked = await ctl('history', CLIENT);
  expect(asked).toMatchObject({ code: 2, stdout: '' });
  expect(asked.stderr).toContain('audit.file is not set');
  expect(await ctl('forget', CLIENT, '--reason', 'request 12')).toMatchObject({
    code: 0,
    stdout: '1 grant and 0 records are gone.\n',
  });
  expect(await lookup(daemon.mapPath, CLIENT)).toBeUndefined();
});
