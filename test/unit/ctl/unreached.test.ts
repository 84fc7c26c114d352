/** What dracctl says, and with which status it ends, when it does not get to a daemon: sockets, files, TLS as it really fails */
import { writeFileSync } from 'node:fs';
import { createServer as createHttp } from 'node:http';
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import path from 'node:path';
import { Authority, type Certificate } from '../../support/certificates.js';
import { type Ended, newDirectory, run } from '../../support/processes.js';
import { closeAll, open } from '../admin/doors.js';
import { CTL, CountingOperations, stand } from './dracctl.js';

const OPERATOR = 'ann@example.org';
const NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups'];

const directory = newDirectory('unreached');
const at = (name: string): string => path.join(directory, name);
const servers: Server[] = [];
let servingCa: Authority;
let clientCa: Authority;
let mine: Certificate;
const own: Record<string, Certificate> = {};

beforeAll(async () => {
  servingCa = await Authority.make(directory, 'server-ca');
  clientCa = await Authority.make(directory, 'client-ca');
  const other = await Authority.make(directory, 'other-ca');
  const names = `email:${OPERATOR}`;
  mine = await clientCa.sign('operator', { names, use: 'clientAuth' });
  own['over'] = await clientCa.sign('over', { names, use: 'clientAuth', isOver: true });
  own['for servers'] = await clientCa.sign('misused', { names, use: 'serverAuth' });
  own['of another authority'] = await other.sign('wrong', { names, use: 'clientAuth' });
  own['of a viewer'] = await clientCa.sign('viewer', { names: 'DNS:desk.example', use: 'clientAuth' });
});

afterEach(closeAll);
afterAll(() => {
  for (const server of servers) server.close();
});

interface Words {
  readonly cert?: string;
  readonly key?: string;
  readonly ca?: string;
}

function ctl(server: string, words: Words = {}, command: readonly string[] = ['stats']): Promise<Ended> {
  const { cert, key, ca } = { ...mine, ca: servingCa.cert, ...words };
  const identity = ['--cert', cert, '--key', key, '--ca', ca];
  return run([process.execPath, CTL, '--server', server, ...identity, '--timeout', '60s', ...command]);
}

/** A door with TLS whose certificate is for these names. */
async function secure(names: string, isOver = false): Promise<string> {
  const certificate = await servingCa.sign('server', { names, use: 'serverAuth', isOver });
  const tls = { ...certificate, clientCa: clientCa.cert, viewers: ['desk.example'], operators: [OPERATOR] };
  return (await open({ at: '127.0.0.1:0', tls, operations: new CountingOperations() })).place;
}

async function listening(server: Server): Promise<string> {
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** What is said of it, one text; nothing of what grpc-js says itself. */
function told({ code, stdout, stderr }: Ended): { code: number | null; stderr: string } {
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^dracctl: .*\n {2}cure: .*\n$/);
  expect(stderr).not.toMatch(/UNAVAILABLE|No connection established|socket hang up|Failed to connect/);
  return { code, stderr };
}

test('with what belongs together there is a connection', async () => {
  expect(await ctl(await secure('IP:127.0.0.1'))).toMatchObject({ code: 0, stderr: '' });
});

test('a daemon that another authority has signed', async () => {
  const { code, stderr } = told(await ctl(await secure('IP:127.0.0.1'), { ca: clientCa.cert }));
  expect(code).toBe(69);
  expect(stderr).toMatch(/the certificate of 127\.0\.0\.1:\d+ is not signed by the authority in --ca\n/);
  expect(stderr).toContain('not that of admin.tls.client_ca');
});

test('a daemon whose certificate is for another name', async () => {
  const { code, stderr } = told(await ctl(await secure('DNS:dracd.example')));
  expect(code).toBe(69);
  expect(stderr).toMatch(/ is for another name: it has DNS:dracd\.example\n/);
});

test('a daemon whose certificate is over', async () => {
  const { code, stderr } = told(await ctl(await secure('IP:127.0.0.1', true)));
  expect([code, stderr]).toEqual([69, expect.stringMatching(/the certificate of \S+ is over\n.*renew/)]);
});

test.each([
  ['over', /does not take the certificate in --cert: it is over since .* GMT\n/],
  ['for servers', /does not take the certificate in --cert: it is not one for clients\n/],
  [
    'of another authority',
    /does not take the certificate in --cert\n.*an authority of admin\.tls\.client_ca/,
  ],
])('our certificate is %s: not allowed', async (name, words) => {
  const { code, stderr } = told(await ctl(await secure('IP:127.0.0.1'), own[name]));
  expect([code, stderr]).toEqual([77, expect.stringMatching(words)]);
});

test('a viewer who would act, and streams, are told likewise', async () => {
  const place = await secure('IP:127.0.0.1');
  const viewer = await ctl(place, own['of a viewer'], ['rotate']);
  expect(told(viewer)).toMatchObject({ code: 77, stderr: expect.stringContaining('is a viewer') as string });
  const list = await ctl(place, own['over'], ['list']);
  expect(told(list)).toMatchObject({ code: 77, stderr: expect.stringContaining('it is over') as string });
});

const plain = (onSocket: (socket: Socket) => void): Server =>
  createServer((socket) => {
    socket.on('error', () => undefined);
    onSocket(socket);
  });

test.each([
  ['a mail server', plain((socket) => void socket.write('220 mail.example ESMTP\r\n')), /does not speak TLS/],
  ['a web server', createHttp(), /does not speak TLS|hangs up before TLS/],
  ['one that hangs up', plain((socket) => void socket.destroy()), /hangs up before TLS begins/],
])('what listens there is %s', async (_, server, words) => {
  const { code, stderr } = told(await ctl(await listening(server)));
  expect([code, stderr]).toEqual([69, expect.stringMatching(words)]);
  expect(stderr).toContain('is this the port in [admin] listen');
});

test('nobody listens there', async () => {
  const server = plain(() => undefined);
  const place = await listening(server);
  await new Promise((resolve) => server.close(resolve));
  const { code, stderr } = told(await ctl(place));
  expect([code, stderr]).toEqual([69, expect.stringContaining('nobody listens there')]);
});

test('a socket of this host: not there, left behind, of somebody else’s, not for us', async () => {
  const said = async (file: string, before: readonly string[] = []) =>
    told(await run([...before, process.execPath, CTL, '--server', `unix:${file}`, 'stats']));
  const none = await said(at('none'));
  expect([none.code, none.stderr]).toEqual([69, expect.stringContaining(`there is no socket ${at('none')}`)]);
  writeFileSync(at('file'), '');
  const left = await said(at('file'));
  expect([left.code, left.stderr]).toEqual([69, expect.stringContaining('nobody listens at')]);
  const other = plain((socket) => void socket.end('hello\n'));
  servers.push(other);
  await new Promise<void>((resolve) => other.listen(at('other'), resolve));
  const speaks = await said(at('other'));
  expect([speaks.code, speaks.stderr]).toEqual([69, expect.stringContaining('does not speak as dracd does')]);
  const { place, ctl: allowed } = await stand();
  const denied = await said(place.slice('unix:'.length), NOBODY);
  expect([denied.code, denied.stderr]).toEqual([77, expect.stringMatching(/is not for you\n.*ls -l/)]);
  expect((await allowed(['stats'])).code).toBe(0);
});

test.each(['cert', 'key', 'ca'] as const)(
  '--%s: a file that is not there, and one that is none',
  async (option) => {
    const missing = told(await ctl('127.0.0.1:9', { [option]: at('missing.pem') }));
    expect(missing.code).toBe(66);
    expect(missing.stderr).toMatch(new RegExp(`--${option} \\S+missing\\.pem cannot be read: ENOENT`));
    writeFileSync(at('nonsense.pem'), 'nonsense\n');
    const nonsense = told(await ctl('127.0.0.1:9', { [option]: at('nonsense.pem') }));
    expect([nonsense.code, nonsense.stderr]).toEqual([
      78,
      expect.stringContaining(`--${option} ${at('nonsense.pem')}`),
    ]);
  },
);

test('a key of another certificate', async () => {
  const { code, stderr } = told(await ctl('127.0.0.1:9', { key: own['over']?.key ?? '' }));
  expect(code).toBe(78);
  expect(stderr).toMatch(/--key \S+ is not the key of --cert \S+/);
});
