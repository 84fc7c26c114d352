/** tls, caller - every call with every kind of certificate, over real TLS; and configurations that must not start */
import { chmodSync, copyFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { AdminClient } from '../../../src/admin/client.js';
import type { TlsOptions } from '../../../src/admin/tls.js';
import { Fault } from '../../../src/core/fault.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { Authority, type Certificate } from '../../support/certificates.js';
import { mustRun, newDirectory, until } from '../../support/processes.js';
import { closeAll, open, type Opened, refusal } from './doors.js';

const OPERATOR = 'ann@example.org';
const VIEWER = 'spiffe://example.org/desk';

let directory: string;
let tls: TlsOptions;
let serverCa: string;
let authority: Authority;
const clients: Record<string, Certificate> = {};

beforeAll(async () => {
  directory = newDirectory('tls');
  const [own, ca, other] = await Promise.all(
    ['server-ca', 'client-ca', 'other-ca'].map((name) => Authority.make(directory, name)),
  );
  if (own === undefined || ca === undefined || other === undefined) throw new Error('no authorities');
  serverCa = own.cert;
  authority = own;
  const server = await own.sign('server', { names: 'IP:127.0.0.1', use: 'serverAuth' });
  tls = { ...server, clientCa: ca.cert, viewers: [VIEWER], operators: [OPERATOR] };
  const use = 'clientAuth';
  clients['operator'] = await ca.sign('operator', { names: `email:${OPERATOR}`, use });
  clients['viewer'] = await ca.sign('viewer', { names: `DNS:desk.example,URI:${VIEWER}`, use });
  clients['stranger'] = await ca.sign('stranger', { names: `DNS:${OPERATOR}`, use });
  clients['nameless'] = await ca.sign(OPERATOR, { use });
  clients['over'] = await ca.sign('over', { names: `email:${OPERATOR}`, use, isOver: true });
  clients['wrong-ca'] = await other.sign('wrong', { names: `email:${OPERATOR}`, use });
  clients['server-use'] = await ca.sign('misused', { names: `email:${OPERATOR}`, use: 'serverAuth' });
});

afterEach(closeAll);

const start = (): Promise<Opened> => open({ at: '127.0.0.1:0', tls });

const withCertificate = (door: Opened, name: string): AdminClient => {
  const certificate = clients[name];
  if (certificate === undefined) throw new RangeError(name);
  return door.client({ tls: { ...certificate, ca: serverCa } });
};

const subject = '192.0.2.7';
const reason = 'x';
const views: Record<string, (admin: AdminClient) => Promise<unknown>> = {
  Explain: (admin) => admin.explain({ address: subject }),
  List: (admin) => admin.list({}).next(),
  Watch: (admin) => admin.watch({}).next(),
  History: (admin) => admin.history({ address: subject }),
  Stats: (admin) => admin.stats(),
};
const acts: Record<string, (admin: AdminClient) => Promise<unknown>> = {
  Authorize: (admin) => admin.authorize({ subject, reason }),
  Revoke: (admin) => admin.revoke({ within: subject, reason }),
  Pin: (admin) => admin.pin({ subject, reason }),
  Unpin: (admin) => admin.unpin({ subject, reason }),
  Deny: (admin) => admin.deny({ subject, reason }),
  Undeny: (admin) => admin.undeny({ subject, reason }),
  Forget: (admin) => admin.forget({ address: subject, reason }),
  Reload: (admin) => admin.reload(),
  Rotate: (admin) => admin.rotate(),
  Shutdown: (admin) => admin.shutdown(),
};
const calls = Object.entries({ ...views, ...acts });
const outcome = (call: Promise<unknown>): Promise<string> =>
  call.then(
    () => 'done',
    (thrown: unknown) => (thrown as { status: string }).status,
  );

/** What each call is answered, and whether anything was done. */
async function answers(door: Opened, name: string): Promise<Record<string, string>> {
  const admin = withCertificate(door, name);
  const found: Record<string, string> = {};
  for (const [call, make] of calls) found[call] = await outcome(make(admin));
  return found;
}

const all = (answer: string): Record<string, string> =>
  Object.fromEntries(calls.map(([call]) => [call, answer]));

test('an operator may everything, and is the author', async () => {
  const door = await start();
  expect(await answers(door, 'operator')).toEqual(all('done'));
  expect(door.operations.calls.map(({ author }) => author)).toEqual(Object.keys(acts).map(() => OPERATOR));
});

test('a viewer may look, and nothing else', async () => {
  const door = await start();
  const acting = Object.fromEntries(Object.keys(acts).map((call) => [call, 'PERMISSION_DENIED']));
  expect(await answers(door, 'viewer')).toEqual({ ...all('done'), ...acting });
  expect(door.operations.calls).toEqual([]);
  const { reason: why, message } = await refusal(withCertificate(door, 'viewer').rotate());
  expect([why, message]).toEqual(['NO_ROLE', `${VIEWER} is a viewer; this call is for operators`]);
});

const LISTS =
  'admin.tls.viewers or admin.tls.operators (an entry with "@" means an email name, with "://" a URI, any other a DNS name); its common name does not count';

test.each([
  ['stranger', `none of the certificate's subject alternative names (DNS:${OPERATOR}) is in`],
  ['nameless', 'the certificate has no subject alternative name (DNS, email or URI) that could be in'],
])('%s: a certificate in neither list may nothing, and is told why', async (name, words) => {
  const door = await start();
  expect(await answers(door, name)).toEqual(all('PERMISSION_DENIED'));
  expect(door.operations.calls).toEqual([]);
  expect((await refusal(withCertificate(door, name).stats())).message).toBe(`${words} ${LISTS}`);
});

test.each(['over', 'wrong-ca', 'server-use'])('%s: no connection', async (name) => {
  const door = await start();
  expect(await answers(door, name)).toEqual(all('UNAVAILABLE'));
  expect(door.operations.calls).toEqual([]);
  expect(door.said.filter(({ event }) => event === 'admin: a connection was refused')).toHaveLength(1);
  expect((await refusal(withCertificate(door, name).stats())).cure).toMatch(/certificate/);
});

test('no certificate, and no TLS: nothing is heard', async () => {
  const door = await start();
  const port = Number(door.place.split(':')[1]);
  const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['h2'], rejectUnauthorized: false });
  const code = await new Promise((resolve) => {
    socket.on('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code);
    });
    socket.on('close', () => {
      resolve('closed');
    });
    socket.resume();
  });
  expect(code).toBe('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED');
  await until('it is forgotten', 5_000, () => door.server.load.connections === 0);
});

test('TLS 1.2 is too old', async () => {
  const door = await start();
  const { cert, key } = clients['operator'] ?? { cert: '', key: '' };
  const tried = (version: 'TLSv1.2' | 'TLSv1.3') =>
    new Promise<string>((resolve) => {
      const socket = connectTls({
        port: Number(door.place.split(':')[1]),
        host: '127.0.0.1',
        ca: readFileSync(serverCa),
        cert: readFileSync(cert),
        key: readFileSync(key),
        ALPNProtocols: ['h2'],
        minVersion: version,
        maxVersion: version,
      });
      socket.on('error', (error: NodeJS.ErrnoException) => {
        resolve(error.code ?? '');
      });
      socket.on('secureConnect', () => {
        resolve('connected');
        socket.destroy();
      });
    });
  expect(await tried('TLSv1.2')).toBe('ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION');
  expect(await tried('TLSv1.3')).toBe('connected');
});

test('a client tells a daemon that is another', async () => {
  const door = await start();
  const certificate = clients['operator'] ?? { cert: '', key: '' };
  const { status } = await refusal(door.client({ tls: { ...certificate, ca: tls.clientCa } }).stats());
  expect(status).toBe('UNAVAILABLE');
});

test('renew: other roles for open connections, and another certificate for new ones', async () => {
  const door = await start();
  const admin = withCertificate(door, 'operator');
  await admin.rotate();
  expect(() => {
    door.server.renew({ ...tls, key: path.join(directory, 'none') });
  }).toThrow(`key admin.tls.key = "${directory}/none": cannot be read: ENOENT`);
  await admin.rotate();
  door.server.renew({ ...tls, operators: [], viewers: [OPERATOR] });
  expect((await refusal(admin.rotate())).status).toBe('PERMISSION_DENIED');
  await admin.stats();
});

/** A watch that has begun, and the status it ends with. */
async function watching(door: Opened, name: string): Promise<{ readonly ended: () => string }> {
  const stream = withCertificate(door, name).watch({});
  await stream.next();
  let ended = '';
  stream.next().then(
    () => (ended = 'a message'),
    (thrown: unknown) => (ended = (thrown as { status: string }).status),
  );
  return { ended: () => ended };
}

test('a watch ends when a reload takes the role of its certificate, and others go on', async () => {
  const door = await start();
  const [operator, viewer] = [await watching(door, 'operator'), await watching(door, 'viewer')];
  door.server.renew({ ...tls, viewers: [] });
  await until('the viewer is gone', 20_000, () => viewer.ended() !== '');
  await until('one is left', 20_000, () => door.server.load.connections === 1);
  expect(door.server.load.watchers).toBe(1);
  expect(operator.ended()).toBe('');
});

test('a connection ends when its certificate does', async () => {
  let later = 0;
  const clock = { ...systemClock, wall: () => systemClock.wall() + later };
  const door = await open({ at: '127.0.0.1:0', tls, clock });
  const operator = await watching(door, 'operator');
  later = 90 * 86_400_000;
  await until('it is gone', 20_000, () => operator.ended() !== '');
  await until('nobody watches', 20_000, () => door.server.load.watchers === 0);
  expect(door.said.map(({ event }) => event)).toContain('admin: a connection was ended');
});

test('connections end when other authorities are asked for; the same in another place are no others', async () => {
  const door = await start();
  const operator = await watching(door, 'operator');
  const copy = path.join(directory, 'copy.pem');
  copyFileSync(tls.clientCa, copy);
  door.server.renew({ ...tls, clientCa: copy });
  await withCertificate(door, 'operator').stats();
  const other = path.join(directory, 'other-ca.pem');
  door.server.renew({ ...tls, clientCa: other });
  expect(operator.ended()).toBe('');
  await until('it is gone', 20_000, () => operator.ended() !== '');
  expect((await refusal(withCertificate(door, 'operator').stats())).status).toBe('UNAVAILABLE');
  await withCertificate(door, 'wrong-ca').stats();
});

async function failure(options: TlsOptions | undefined): Promise<string> {
  const error: unknown = await open({ at: '127.0.0.1:0', tls: options }).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(Fault);
  expect((error as Fault).code).toBe('CONFIG');
  return (error as Fault).message;
}

test('a port without mutual TLS is refused', async () => {
  expect(await failure(undefined)).toBe(
    'key admin.listen: 127.0.0.1:0 needs cert, key and client_ca in [admin.tls]; or listen on a unix socket only',
  );
});

test('files that will not do are named, with what is wrong and the cure', async () => {
  const nonsense = path.join(directory, 'nonsense');
  writeFileSync(nonsense, 'nonsense\n');
  expect(existsSync(tls.cert)).toBe(true);
  const encrypted = path.join(directory, 'encrypted.key');
  await mustRun(['openssl', 'pkey', '-in', tls.key, '-aes256', '-passout', 'pass:x', '-out', encrypted]);
  const damaged = path.join(directory, 'damaged.pem');
  const whole = readFileSync(tls.clientCa, 'utf8');
  writeFileSync(damaged, `${whole}${whole.replace(/\n[A-Za-z0-9+/]{64}\n/, '\n')}`);
  const mustBe = 'must be a certificate in PEM form';
  const ofCert = 'must be the private key of admin.tls.cert';
  const cases: [Partial<TlsOptions>, string][] = [
    [{ cert: nonsense }, `key admin.tls.cert = "${nonsense}": ${mustBe} (-----BEGIN CERTIFICATE-----)`],
    [{ cert: tls.key }, `${mustBe} (-----BEGIN CERTIFICATE-----); there is a private key in it and no`],
    [{ clientCa: nonsense }, `key admin.tls.client_ca = "${nonsense}": ${mustBe}`],
    [{ clientCa: damaged }, `key admin.tls.client_ca = "${damaged}": ${mustBe}: number 2 in it is damaged`],
    [{ key: nonsense }, `key admin.tls.key = "${nonsense}": ${ofCert}, in PEM form`],
    [{ key: encrypted }, `key admin.tls.key = "${encrypted}": is encrypted, and nobody is there to say its`],
    [{ key: encrypted }, `take it off: openssl pkey -in ${encrypted} -out NEW`],
    [
      { key: clients['viewer']?.key ?? '' },
      `${ofCert}; it is not that of the first certificate in "${tls.cert}"`,
    ],
  ];
  for (const [wrong, words] of cases) expect(await failure({ ...tls, ...wrong })).toContain(words);
});

test('a key that everybody may read, and certificates that are over or soon will be, are told of', async () => {
  const soon = await authority.sign('soon', { names: 'IP:127.0.0.1', use: 'serverAuth', days: 3 });
  chmodSync(soon.key, 0o644);
  const door = await open({
    at: '127.0.0.1:0',
    tls: { ...tls, ...soon, clientCa: clients['over']?.cert ?? '' },
  });
  expect(door.said.filter(({ level }) => level === 'warn').map(({ event }) => event)).toEqual([
    'admin: a certificate is over in 2 days; renew it and reload',
    'admin: a certificate is over; renew it and reload',
    'admin: everybody may read the private key; chmod o-r it',
  ]);
  const [own, ca] = door.server.certificates;
  expect([own?.key, ca?.key]).toEqual(['cert', 'client_ca']);
  const dayOf = (until = 0): number => Math.round((until - Date.now()) / 86_400_000);
  expect([dayOf(own?.until), dayOf(ca?.until)]).toEqual([3, -1]);
  door.server.renew({ ...tls });
  expect(dayOf(door.server.certificates[0]?.until)).toBe(60);
});
