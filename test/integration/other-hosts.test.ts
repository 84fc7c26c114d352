/**
 * other-hosts - operators who come through a port with the certificates that docs/operations.md makes
 *
 * The page's recipes are run as they stand there, by the real openssl, in a directory of the test's; for dracd's host
 * stands loopback.
 */
import { readFileSync, statSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { connect } from 'node:tls';
import { Daemon, killAll } from '../support/daemon.js';
import { blocks, withNames } from '../support/page.js';
import { type Ended, freePort, mustRun, newDirectory, ROOT, run, until } from '../support/processes.js';

const [making, installing, toml, asOperator, asViewer] = blocks('docs/operations.md', 'From other hosts').map(
  ({ text }) => text,
);
const CTL = path.join(ROOT, 'dist/ctl.js');
const NOT_ALLOWED = 77;
const WAIT_MS = 60_000;
const EC = '-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes';

afterEach(killAll);

/** The operators' machine, on which the authority is; and the daemon that believes it. */
class Site {
  readonly directory = newDirectory('other-hosts');
  readonly authority = path.join(this.directory, 'dracd-ca');
  readonly #port: number;

  private constructor(port: number) {
    this.#port = port;
    symlinkSync(CTL, path.join(this.directory, 'dracctl'));
  }

  static async make(): Promise<Site> {
    const site = new Site(await freePort());
    await mustRun(['sh', '-ec', site.making()], { cwd: site.directory });
    await mustRun(['mkdir', path.join(site.directory, 'etc')]);
    await site.install();
    return site;
  }

  /** The page's script. */
  making(): string {
    return withNames(making ?? '', { 'IP:192.0.2.1': 'IP:127.0.0.1' });
  }

  async install(): Promise<void> {
    const script = withNames(installing ?? '', {
      'sudo ': '',
      '-g dracd': '-g root',
      '/etc/dracd/': `${this.directory}/etc/`,
    });
    await mustRun(['sh', '-ec', script], { cwd: this.authority });
  }

  start(): Promise<Daemon> {
    const admin = withNames(toml ?? '', {
      '/run/dracd/': `${this.directory}/`,
      '192.0.2.1:9480': `127.0.0.1:${this.#port}`,
      '/etc/dracd/': `${this.directory}/etc/`,
    });
    return Daemon.start({ directory: this.directory, admin });
  }

  /** Each of the page's lines, as typed where the certificates are. */
  async type(lines: string): Promise<Ended[]> {
    const text = withNames(lines, { '192.0.2.1:9480': `127.0.0.1:${this.#port}` });
    const env = { PATH: `${this.directory}:${process.env['PATH'] ?? ''}` };
    const ended: Ended[] = [];
    for (const line of text.trimEnd().split('\n'))
      ended.push(await run(['sh', '-c', line], { cwd: this.authority, env }));
    return ended;
  }

  /** A certificate of the authority without any name but a common one. */
  async nameless(name: string): Promise<void> {
    const script = `openssl req ${EC} -subj "/CN=${name}" -keyout bare.key -out bare.csr
printf 'extendedKeyUsage=clientAuth\\n' > bare.ext
openssl x509 -req -in bare.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile bare.ext -out bare.pem`;
    await mustRun(['sh', '-ec', script], { cwd: this.authority });
  }

  /** The number of the certificate that dracd shows. */
  shown(): Promise<string> {
    const read = (name: string): Buffer => readFileSync(path.join(this.authority, name));
    const [cert, key, ca] = ['ann.pem', 'ann.key', 'ca.pem'].map(read);
    return new Promise((resolve, reject) => {
      const socket = connect({ host: '127.0.0.1', port: this.#port, cert, key, ca, ALPNProtocols: ['h2'] });
      socket.once('secureConnect', () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      });
      socket.once('error', reject);
    });
  }
}

test('an operator does, a viewer looks; a common name alone, and another authority, let nobody in', async () => {
  const site = await Site.make();
  const mode = (name: string): number => statSync(path.join(site.authority, name)).mode & 0o077;
  expect(['ca.key', 'ann.key', 'desk.key'].map(mode)).toEqual([0, 0, 0]);
  const daemon = await site.start();
  expect(daemon.logs.filter(({ level }) => level === 'warn')).toEqual([]);

  expect(await site.type(asOperator ?? '')).toMatchObject([{ code: 0, stderr: '' }]);
  const [listed, refused] = await site.type(asViewer ?? '');
  expect(listed).toMatchObject({ code: 0, stderr: '' });
  expect(listed?.stdout).toMatch(/^203\.0\.113\.8 +deny .*ann@example\.org.* spam$/m);
  expect(refused?.code).toBe(NOT_ALLOWED);
  const [still] = await site.type((asViewer ?? '').split('\n')[0] ?? '');
  expect(still?.stdout).not.toContain('203.0.113.9');

  await site.nameless('ann@example.org');
  const [list = ''] = withNames(asViewer ?? '', { 'desk.': 'bare.' }).split('\n');
  // A connection without a role may be ended before it has its answer; it is let in by no means.
  await until('it is told why', WAIT_MS, async () => {
    const [bare] = await site.type(list);
    expect(bare?.code).not.toBe(0);
    expect(bare?.stdout).toBe('');
    return bare?.code === NOT_ALLOWED;
  });

  const other = await Site.make();
  const theirs = withNames(list, { 'bare.': `${other.authority}/ann.` });
  const [foreign] = await site.type(theirs);
  expect(foreign?.code).not.toBe(0);
  expect(foreign?.stdout).toBe('');
});

test('the files are read at the start and at a reload, and not in between', async () => {
  const site = await Site.make();
  await site.start();
  const first = await site.shown();
  // The page's own line, once more: a new certificate for the server.
  const lines = site.making().split('\n');
  const again = lines.filter((line) => !/^(?:mkdir|openssl|sign (?:ann|desk)) /.test(line)).join('\n');
  await mustRun(['sh', '-ec', again], { cwd: site.authority });
  await site.install();
  expect(await site.shown()).toBe(first);
  const door = `unix:${path.join(site.directory, 'admin.sock')}`;
  await mustRun([process.execPath, CTL, '--server', door, 'reload']);
  expect(await site.shown()).not.toBe(first);
});
