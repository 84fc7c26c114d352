/**
 * doctor - `dracctl doctor` on real programs: faults of the daemon, rpcbind, maps and the machine, planted one by one
 *
 * Each is found, with its cure, by the check whose business it is. Those between dracd and Postfix: doctor-postfix.test.ts.
 */
import { chmodSync, chownSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { CTL, configured, doctor, troubles, within } from '../support/doctor.js';
import { Namespace } from '../support/namespace.js';
import { blocks, withNames } from '../support/page.js';
import { ROOT, mustRun, newDirectory, run, until } from '../support/processes.js';
import { NODE, SystemdHost, TREE } from '../support/systemd-host.js';

const CLIENT = '203.0.113.7';

const namespaces: Namespace[] = [];

async function namespace(): Promise<Namespace> {
  const created = await Namespace.create();
  namespaces.push(created);
  return created;
}

const sockets: Socket[] = [];

afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.destroy();
  await killAll();
  for (const one of namespaces.splice(0)) await one.stop();
});

describe('the daemon', () => {
  test('does not run', async () => {
    const daemon = await Daemon.start();
    const args = ['--config', daemon.configFile, '--only', 'daemon'];
    expect((await doctor(args)).code).toBe(0);
    await daemon.kill();
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(troubles(found)).toEqual([
      expect.objectContaining({
        severity: 'error',
        what: expect.stringContaining('dracd does not run') as string,
        file: daemon.journal,
        cure: expect.stringContaining('systemctl start dracd') as string,
      }),
    ]);
  });

  test('runs and does not answer: each door is named', async () => {
    const daemon = await Daemon.start({ addresses: ['127.0.0.1'] });
    daemon.signal('SIGSTOP');
    const { code, found } = await doctor([
      '--timeout',
      '20s',
      '--config',
      daemon.configFile,
      '--only',
      'daemon',
    ]);
    daemon.signal('SIGCONT');
    expect(code).toBe(2);
    expect(troubles(found)).toEqual([
      expect.objectContaining({
        what: expect.stringContaining('reporters get no answer') as string,
        value: 'udp 127.0.0.1; tcp 127.0.0.1',
      }),
    ]);
  });

  test('has hardly a descriptor left', async () => {
    const LIMIT = 120;
    const door = path.join(newDirectory('door'), 'socketmap');
    const daemon = await Daemon.start({
      prefix: ['prlimit', `--nofile=${LIMIT}`],
      more: `[[lookups]]\nkind = "socketmap"\nlisten = ["unix:${door}"]\n`,
    });
    const args = ['--config', daemon.configFile, '--only', 'descriptors'];
    expect((await doctor(args)).code).toBe(0);
    for (let n = 0; n < LIMIT; n += 1) sockets.push(connect(door).on('error', () => undefined));
    const used = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length;
    await until('its descriptors are used up', 20_000, () => used() >= LIMIT - 2);
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(troubles(found)).toEqual([
      expect.objectContaining({
        what: 'the daemon has hardly a descriptor left',
        value: expect.stringMatching(new RegExp(`^1[12]\\d of ${LIMIT} used$`)) as string,
        cure: expect.stringContaining('LimitNOFILE=') as string,
      }),
    ]);
  });
});

describe('rpcbind', () => {
  const started = async (
    ...options: string[]
  ): Promise<{ inside: Namespace; daemon: Daemon; args: string[] }> => {
    const inside = await namespace();
    await inside.rpcbind(...options);
    const daemon = await Daemon.start({ rpcbind: 'required', prefix: inside.prefix });
    return { inside, daemon, args: ['--config', daemon.configFile, '--only', 'rpcbind'] };
  };

  test('has lost the registration', async () => {
    const { inside, daemon, args } = await started();
    expect((await doctor(args, within(inside))).code).toBe(0);
    // So that it cannot register again meanwhile.
    daemon.signal('SIGSTOP');
    for (const version of ['1', '2']) await inside.run('rpcinfo', '-d', '900101', version);
    const { code, found } = await doctor(args, within(inside));
    daemon.signal('SIGCONT');
    expect(code).toBe(2);
    const [lost] = troubles(found);
    expect(lost?.what).toContain('rpcbind does not know us');
    expect(lost?.value).toContain('version 2 tcp6');
    expect(lost?.cure).toContain('registers again within ten seconds');
  });

  test('names a port that is not ours', async () => {
    const { inside, daemon, args } = await started();
    daemon.signal('SIGSTOP');
    await inside.run('rpcinfo', '-d', '900101', '1');
    const send = path.join(ROOT, 'test/support/rpc-send.mjs');
    const text = (value: string): string => {
      const padded = Buffer.alloc(Math.ceil(value.length / 4) * 4);
      padded.write(value);
      return word(value.length) + padded.toString('hex');
    };
    const word = (value: number): string => value.toString(16).padStart(8, '0');
    const header = [7, 0, 2, 100_000, 4, 1, 0, 0, 0, 0].map(word).join('');
    const entry = word(900_101) + word(1) + text('udp') + text('0.0.0.0.48.57') + text('');
    await inside.run(process.execPath, send, 'unix:/run/rpcbind.sock', '300', header + entry);
    const { found } = await doctor(args, within(inside));
    daemon.signal('SIGCONT');
    const foreign = troubles(found).find(({ what }) => what.includes('not ours'));
    expect(foreign).toMatchObject({ severity: 'error', value: 'version 1 udp: port 12345' });
  });

  test('forwards calls', async () => {
    const { inside, args } = await started('-r');
    const { code, found } = await doctor(args, within(inside));
    expect(code).toBe(2);
    expect(troubles(found)).toEqual([
      expect.objectContaining({
        what: expect.stringContaining('forwards calls of strangers') as string,
        cure: expect.stringContaining('restart rpcbind without -r') as string,
      }),
    ]);
  });

  test('is not there: an error when nobody could know the port otherwise', async () => {
    const inside = await namespace();
    const any = configured({ rpcbind: 'auto' });
    const fixed = configured({ rpcbind: 'auto', port: 4_800 });
    const ask = (file: string) => doctor(['--config', file, '--only', 'rpcbind'], within(inside));
    const [unknown] = (await ask(any.file)).found;
    expect(unknown).toMatchObject({
      severity: 'error',
      what: expect.stringContaining('rpcbind does not answer') as string,
      cure: expect.stringContaining('systemctl start rpcbind') as string,
    });
    expect((await ask(fixed.file)).code).toBe(0);
  });
});

describe('maps', () => {
  const others = (directory: string): string =>
    [
      ['bdb', 'relay.db'],
      ['cdb', 'relay.cdb'],
      ['list', 'relay.list'],
      ['tcprules', 'tcp.cdb'],
    ]
      .map(
        ([format, name]) => `[[exports]]\nformat = "${format ?? ''}"\npath = "${directory}/${name ?? ''}"\n`,
      )
      .join('');

  test('each is read by its tool; garbage in its place is found', async () => {
    const directory = newDirectory('maps');
    const daemon = await Daemon.start({ directory, more: others(directory) });
    const args = ['--config', daemon.configFile, '--only', 'maps'];
    const well = await doctor(args);
    expect(troubles(well.found)).toEqual([]);
    const files = ['relay.lmdb', 'relay.db', 'relay.cdb', 'relay.list', 'tcp.cdb'].map((name) =>
      path.join(directory, name),
    );
    expect(well.found.map(({ file }) => file)).toEqual(files);
    await daemon.stop();
    for (const file of files) writeFileSync(file, Buffer.alloc(9_000, 0xa5));
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(found.map(({ severity, file }) => [severity, file])).toEqual(files.map((file) => ['error', file]));
    for (const { what, cure } of found) {
      expect(what).toMatch(/^it cannot be read \(/);
      expect(cure).toContain('systemctl restart dracd');
    }
  });

  test('is not there', async () => {
    const { directory, file } = configured();
    const { code, found } = await doctor(['--config', file, '--only', 'maps']);
    expect(code).toBe(2);
    expect(found).toEqual([
      expect.objectContaining({
        severity: 'error',
        file: path.join(directory, 'relay.lmdb'),
        cure: expect.stringContaining('start dracd') as string,
      }),
    ]);
  });

  test('says yes to a key that no client has; DUNNO is no yes', async () => {
    const { directory, file } = configured();
    const args = ['--config', file, '--only', 'maps'];
    const write = (value: string): Promise<string> =>
      mustRun(['postmap', '-r', '-i', `lmdb:${path.join(directory, 'relay')}`], {
        input: `no-such-client.invalid ${value}\n`,
      });
    await write('DUNNO');
    expect((await doctor(args)).code).toBe(0);
    await write('OK');
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(troubles(found)[0]).toMatchObject({
      what: 'it says yes to a key that no client has',
      value: 'no-such-client.invalid: OK',
    });
  });

  test('lets relay whose time is long over', async () => {
    const { directory, file } = configured();
    const map = path.join(directory, 'relay');
    const write = (end: number): Promise<string> =>
      mustRun(['postmap', '-i', `lmdb:${map}`], { input: `${CLIENT} ${Math.floor(end / 1_000)}\n` });
    const args = ['--config', file, '--only', 'maps'];
    await write(Date.now() + 3_600_000);
    expect((await doctor(args)).code).toBe(0);
    await mustRun(['postmap', '-d', CLIENT, `lmdb:${map}`]);
    await write(Date.now() - 3_600_000);
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    const [stale] = troubles(found);
    expect(stale?.what).toContain('lets relay who may no longer');
    expect(stale?.value).toContain(`${CLIENT} ended at 20`);
    expect(stale?.cure).toContain('dracd-expire.timer');
  });
});

describe('the machine', () => {
  test('a disk that is full, or out of inodes', async () => {
    const inside = await namespace();
    const { directory, file } = configured();
    const args = ['--config', file, '--only', 'space'];
    const journal = path.join(directory, 'journal');
    mkdirSync(journal);
    await inside.run('mount', '-t', 'tmpfs', '-o', 'size=1m,nr_inodes=20', 'tmpfs', journal);
    expect((await doctor(args, within(inside))).code).toBe(0);
    await inside.run('dd', 'if=/dev/zero', `of=${journal}/filler`, 'bs=1k', 'count=980');
    const full = await doctor(args, within(inside));
    expect(full.code).toBe(2);
    expect(troubles(full.found)).toEqual([
      expect.objectContaining({
        severity: 'error',
        what: expect.stringContaining('the disk is full') as string,
        file: journal,
        key: 'store.directory',
        value: expect.stringMatching(/^\d+ KiB free, \d+ inodes$/) as string,
        cure: expect.stringContaining('make room') as string,
      }),
    ]);
    await inside.run('rm', `${journal}/filler`);
    for (let n = 0; n < 15; n += 1) await inside.run('touch', `${journal}/${n}`);
    expect((await doctor(args, within(inside))).code).toBe(2);
  });

  test('everybody may write where dracd writes; the allow file cannot be read', async () => {
    const directory = newDirectory('open');
    const listed = path.join(directory, 'relay.list');
    const daemon = await Daemon.start({
      directory,
      more: `[[exports]]\nformat = "list"\npath = "${listed}"\n`,
    });
    const args = ['--config', daemon.configFile, '--only', 'config', 'permissions'];
    expect((await doctor(args)).code).toBe(0);
    // It would give its files their modes back.
    await daemon.stop();
    const allow = path.join(daemon.directory, 'dracd.allow');
    writeFileSync(allow, '255.255.255.0 192.0.2.0\nnonsense\n', { mode: 0o600 });
    chmodSync(daemon.directory, 0o777);
    chmodSync(listed, 0o666);
    chownSync(daemon.journal, 65_534, 65_534);
    const { code, found } = await doctor(args);
    expect(code).toBe(2);
    expect(troubles(found).map(({ severity, file, cure }) => [severity, file, cure])).toEqual([
      ['error', directory, `chmod go-w ${directory}`],
      ['error', listed, `chmod go-w ${listed}`],
      ['error', allow, expect.stringContaining('let uid 65534 read it')],
      ['warning', allow, expect.stringContaining('correct the line')],
    ]);
    expect(troubles(found).map(({ what }) => what)).toEqual([
      expect.stringContaining('may write here, and so let anybody relay'),
      expect.stringContaining('may write here, and so let anybody relay'),
      expect.stringContaining("the daemon's user cannot read it"),
      expect.stringContaining('a line says less than it seems to'),
    ]);
  });

  test('a configuration with mistakes: each is told, and nothing else is done', async () => {
    const { file } = configured({ more: '[log]\nlevel = "loud"\n', port: 70_000 });
    const { code, found } = await doctor(['--config', file]);
    expect(code).toBe(2);
    expect(found.map(({ check, severity }) => [check, severity])).toEqual([
      ['config', 'error'],
      ['config', 'error'],
    ]);
    expect(found[0]?.what).toContain('rpc.port = 70000');
    expect(found[0]?.cure).toContain('dracd --check-config says the same');
    expect((await doctor(['--config', `${file}.missing`])).code).toBe(2);
  });

  test('the page says what may be typed', async () => {
    const { file } = configured({ port: 4_800 });
    const [first] = blocks('docs/doctor.md', 'In a monitoring system');
    const script = withNames(first?.text ?? '', {
      dracctl: `${process.execPath} ${CTL}`,
      '/etc/dracd/dracd.toml': file,
    });
    const ended = await run(['sh', '-c', script]);
    expect(ended).toMatchObject({ code: 2, stderr: '' });
    expect(ended.stdout).toContain('dracd does not run');
  });
});

describe("the dead man's switch", () => {
  test('not enabled, on, and not installed; and the service as it is', async () => {
    const inside = await namespace();
    const host = await SystemdHost.boot(inside, '');
    try {
      const command = [...host.prefix, NODE, `${TREE}/dist/ctl.js`];
      const args = ['--only', 'expiry'];
      const off = await doctor(args, command);
      expect(off.code).toBe(1);
      expect(off.found).toEqual([
        expect.objectContaining({
          severity: 'warning',
          what: expect.stringContaining('it is not enabled') as string,
          value: 'disabled, inactive',
          cure: 'systemctl enable --now dracd-expire.timer',
        }),
      ]);
      await host.run('systemctl', 'enable', '--now', 'dracd-expire.timer');
      expect(await doctor(args, command)).toMatchObject({
        code: 0,
        found: [{ severity: 'ok', value: 'enabled, active' }],
      });
      // The service as its unit runs it is found, by a user who has no other hint.
      await host.run('systemctl', 'start', 'dracd.service');
      const service = await doctor(
        ['--only', 'config', 'daemon', 'maps', 'space', 'descriptors', 'permissions'],
        command,
      );
      expect(troubles(service.found)).toEqual([]);
      expect(service.found).toContainEqual(expect.objectContaining({ what: 'reporters are answered' }));
      expect(service.found).toContainEqual(
        expect.objectContaining({ severity: 'ok', file: '/var/lib/dracd/relay.lmdb' }),
      );
      expect(service.found).toContainEqual(
        expect.objectContaining({ severity: 'ok', what: 'there are descriptors left' }),
      );
      await host.run('systemctl', 'disable', '--now', 'dracd-expire.timer');
      await host.run('rm', '/etc/systemd/system/dracd-expire.timer');
      await host.run('systemctl', 'daemon-reload');
      const gone = await doctor(args, command);
      expect(gone.code).toBe(1);
      expect(gone.found[0]?.what).toContain('it is not installed');
    } finally {
      await host.stop();
    }
  });
});
