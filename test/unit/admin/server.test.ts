/** server - every call through a unix socket: what is done, on whose word, and what is refused in which words */
import { existsSync, lstatSync } from 'node:fs';
import { connect } from 'node:net';
import { MAX_HISTORIES } from '../../../src/admin/service.js';
import { Fault } from '../../../src/core/fault.js';
import { diskFault, EPOCH, FIRST_RECORD, NOW, REPORTER } from '../../support/operations.js';
import { until } from '../../support/processes.js';
import { closeAll, LIFETIME_MS, open, refusal } from './doors.js';

afterEach(closeAll);

const seconds = (ms: number) => ({ seconds: ms / 1_000, nanos: 0 });

describe('what an operator does', () => {
  test('authorize: for the lifetime that is configured, or said', async () => {
    const { client, operations } = await open();
    const admin = client();
    const { row } = await admin.authorize({ subject: '192.0.2.7', reason: 'ticket 7' });
    expect(row).toMatchObject({
      kind: 'KIND_GRANT',
      subject: '192.0.2.7',
      expiresAt: seconds(NOW + LIFETIME_MS),
      author: 'local',
    });
    await admin.authorize({ subject: '2001:DB8::/48', reason: 'x', user: 'ann', lifetime: { seconds: 60 } });
    expect(operations.calls).toEqual([
      {
        call: 'authorize',
        subject: '192.0.2.7',
        lifetimeMs: LIFETIME_MS,
        user: undefined,
        reason: 'ticket 7',
        author: 'local',
      },
      {
        call: 'authorize',
        subject: '2001:db8::/48',
        lifetimeMs: 60_000,
        user: 'ann',
        reason: 'x',
        author: 'local',
      },
    ]);
  });

  test('pin and deny without an end, and with one; unpin and undeny tell whether there was one', async () => {
    const { client, operations } = await open();
    const admin = client({ author: 'ann' });
    expect((await admin.pin({ subject: '192.0.2.0/24', reason: 'office' })).row).toMatchObject({
      kind: 'KIND_PIN',
      expiresAt: null,
      author: 'local (says: ann)',
    });
    expect(
      (await admin.deny({ subject: '192.0.2.7', reason: 'spam', lifetime: { seconds: 365 * 86_400 } })).row,
    ).toMatchObject({ kind: 'KIND_DENY', expiresAt: seconds(NOW + 365 * 86_400_000) });
    expect(await admin.unpin({ subject: '192.0.2.0/24', reason: 'moved' })).toEqual({ removed: true });
    expect(await admin.unpin({ subject: '192.0.2.0/24', reason: 'moved' })).toEqual({ removed: false });
    expect(await admin.undeny({ subject: '192.0.2.7', reason: 'cleaned' })).toEqual({ removed: true });
    expect(operations.calls.map(({ call, author }) => `${call} ${author ?? ''}`)).toEqual([
      'pin local (says: ann)',
      'deny local (says: ann)',
      'unpin local (says: ann)',
      'unpin local (says: ann)',
      'undeny local (says: ann)',
    ]);
  });

  test('revoke: within a network, of a reporter, all', async () => {
    const { client, operations } = await open();
    const admin = client();
    await admin.authorize({ subject: '192.0.2.7', reason: 'x' });
    expect(await admin.revoke({ within: '192.0.2.0/24', reason: 'a' })).toEqual({ revoked: 1 });
    expect(await admin.revoke({ reporter: REPORTER, reason: 'b' })).toEqual({ revoked: 0 });
    await admin.revoke({ all: true, reason: 'c' });
    expect(operations.calls.slice(1)).toEqual([
      { call: 'revoke', selection: { within: '192.0.2.0/24' }, author: 'local', reason: 'a' },
      { call: 'revoke', selection: { reporter: REPORTER }, author: 'local', reason: 'b' },
      { call: 'revoke', selection: { all: true }, author: 'local', reason: 'c' },
    ]);
  });

  test('explain: the verdict, its rule and the row behind it', async () => {
    const { client } = await open();
    const admin = client();
    await admin.deny({ subject: '192.0.2.7', reason: 'spam' });
    expect(await admin.explain({ address: '::ffff:192.0.2.7' })).toMatchObject({
      address: '192.0.2.7',
      verdict: 'VERDICT_NOT',
      rule: 'RULE_DENY',
      row: { kind: 'KIND_DENY', reason: 'spam' },
      endedAt: null,
    });
    expect(await admin.explain({ address: '192.0.2.8' })).toMatchObject({ rule: 'RULE_NONE', row: null });
  });

  test('history: the verdict at a time, with every field of the records behind it', async () => {
    const { client } = await open();
    const admin = client();
    await admin.authorize({ subject: '192.0.2.7', reason: 'x', user: 'ann', lifetime: { seconds: 60 } });
    const nothing = { what: '', client: '', reporter: '', outcome: '', firstAt: null, expiresAt: null };
    const nobody = { ...nothing, user: '', author: '', reason: '', privacy: 'PRIVACY_UNSPECIFIED' };
    const subject = '192.0.2.7';
    expect(await admin.history({ address: '::ffff:192.0.2.7', at: seconds(NOW) })).toEqual({
      address: subject,
      at: seconds(NOW),
      verdict: 'VERDICT_PERMITTED',
      words: '192.0.2.7 could relay: x',
      records: [
        {
          ...nobody,
          at: seconds(NOW),
          kind: 'KIND_GRANT',
          subject,
          expiresAt: seconds(NOW + 60_000),
          count: 0,
          user: 'ann',
          author: 'local',
          reason: 'x',
        },
        {
          ...nobody,
          at: { seconds: NOW / 1_000, nanos: 2_000_000 },
          kind: 'KIND_USE',
          subject,
          firstAt: { seconds: NOW / 1_000, nanos: 1_000_000 },
          count: 3,
          privacy: 'PRIVACY_HASHED',
        },
      ],
      uses: 3,
      onlyTo: '192.0.2.0/24',
      gaps: [],
    });
    expect(await admin.history({ address: subject, at: seconds(FIRST_RECORD - 1_000) })).toMatchObject({
      verdict: 'VERDICT_UNKNOWN',
      records: [],
      onlyTo: '',
      gaps: [{ kind: 'KIND_GAP', count: 5, reason: 'no room' }],
    });
    const before = Date.now();
    const now = await admin.history({ address: '192.0.2.8' });
    expect(now.verdict).toBe('VERDICT_NOT');
    expect(now.at?.seconds).toBeGreaterThanOrEqual(Math.floor(before / 1_000));
  });

  test('forget: what there was, and a reason that is kept', async () => {
    const { client, operations } = await open();
    const admin = client();
    await admin.authorize({ subject: '192.0.2.7', reason: 'x' });
    const wanted = { address: '192.0.2.7', reason: 'request 12' };
    expect(await admin.forget(wanted)).toEqual({ grants: 1, records: 7 });
    expect(await admin.forget(wanted)).toEqual({ grants: 0, records: 0 });
    const noted = { call: 'forget', client: '192.0.2.7', author: 'local', reason: 'request 12' };
    expect(operations.calls.slice(1)).toEqual([noted, noted]);
  });

  test('stats, reload, rotate, shutdown', async () => {
    const { client, operations } = await open();
    const admin = client();
    expect((await admin.stats()).stats).toMatchObject([
      { name: 'grants', number: 0 },
      { name: 'state', text: 'well' },
      { name: 'degraded', flag: false },
      { name: 'watchers', number: 0 },
    ]);
    expect(await admin.reload()).toEqual({ changed: ['log.level'], needsRestart: ['rpc.port'] });
    await admin.rotate();
    await admin.shutdown();
    expect(operations.calls.map(({ call }) => call)).toEqual(['reload', 'rotate', 'shutdown']);
  });
});

describe('what cannot be done', () => {
  test('a disk that refuses writes: unavailable, and try again', async () => {
    const { client, operations, said } = await open();
    operations.fault = diskFault();
    expect(await refusal(client().pin({ subject: '192.0.2.7', reason: 'x' }))).toEqual({
      status: 'UNAVAILABLE',
      reason: 'STORE',
      message: 'journal: the disk refuses writes: ENOSPC',
      fields: [],
      cure: 'try again in a moment',
    });
    expect(said.filter(({ level }) => level === 'error')).toHaveLength(1);
  });

  test('more questions about the past than are answered at once; when one is, there is room again', async () => {
    const { client, operations } = await open();
    operations.holds = true;
    const askAs = (author: string) => client({ author }).history({ address: '192.0.2.7' });
    const ask = () => askAs('ann');
    const asked = Array.from({ length: MAX_HISTORIES }, (_, i) => askAs(i % 2 === 0 ? 'ann' : 'bob'));
    await until('they are being answered', 20_000, () => operations.held.length === MAX_HISTORIES);
    expect(await refusal(ask())).toMatchObject({ status: 'RESOURCE_EXHAUSTED', reason: 'TOO_MANY' });
    operations.held[0]?.();
    await Promise.any(asked);
    const one = ask();
    await until('it is being answered', 20_000, () => operations.held.length > MAX_HISTORIES);
    for (const goOn of operations.held) goOn();
    await Promise.all([...asked, one]);
    // Those that fail make room as well.
    operations.holds = false;
    for (let i = 0; i <= MAX_HISTORIES; i += 1) {
      operations.fault = new Fault('STORE', 'the audit cannot be read: EIO');
      expect(await refusal(ask())).toMatchObject({ status: 'UNAVAILABLE', reason: 'STORE' });
    }
    expect((await ask()).verdict).toBe('VERDICT_NOT');
  });

  test('a wrong configuration: a failed precondition', async () => {
    const { client, operations } = await open();
    operations.fault = new Fault('CONFIG', 'dracd.toml: key rpc.port: \u202enonsense');
    expect(await refusal(client().reload())).toMatchObject({
      status: 'FAILED_PRECONDITION',
      reason: 'CONFIG',
      message: 'dracd.toml: key rpc.port: \\u202enonsense',
    });
  });

  test('a bug: internal, and not a word of it but in the log', async () => {
    const { client, operations, said } = await open();
    operations.fault = new TypeError('secret is not a function');
    const { status, message } = await refusal(client().rotate());
    expect({ status, message }).toEqual({
      status: 'INTERNAL',
      message: "dracd failed: an error of dracd's own; its log tells more",
    });
    expect(said.at(-1)?.fields).toMatchObject({ error: 'TypeError: secret is not a function' });
  });
});

test('a claim of a name that is no name', async () => {
  const { client, operations } = await open();
  expect((await refusal(client({ author: `ann${' '.repeat(90)}bob` }).rotate())).fields).toEqual([
    'x-dracd-author',
  ]);
  expect(operations.calls).toEqual([]);
});

test('requests larger than 64 KiB', async () => {
  const { client, operations } = await open();
  const { status } = await refusal(client().pin({ subject: '192.0.2.7', reason: 'x'.repeat(70_000) }));
  expect(status).toBe('RESOURCE_EXHAUSTED');
  expect(operations.calls).toEqual([]);
});

test('the socket has its mode, is gone at the end, and who is connected and says nothing does not hold it up', async () => {
  const { server, place, directory } = await open();
  const file = `${directory}/s`;
  expect(place).toBe(`unix:${file}`);
  expect(lstatSync(file).mode & 0o777).toBe(0o660);
  const silent = connect(file)
    .on('error', () => undefined)
    .resume();
  await until('it is connected', 5_000, () => server.load.connections === 1);
  const closed = new Promise((resolve) => silent.once('close', resolve));
  await server.stop();
  await closed;
  expect(existsSync(file)).toBe(false);
});

test('a client that has gone leaves nothing behind', async () => {
  const { server, client } = await open();
  const admin = client();
  await admin.stats();
  expect(server.load.connections).toBe(1);
  admin.close();
  await until('its connection is closed', 5_000, () => server.load.connections === 0);
});

test('the position of an epoch that is another', async () => {
  const { client } = await open();
  const watch = client().watch({ after: { epoch: 'another', number: 0 } });
  expect((await refusal(watch.next())).reason).toBe('HISTORY_GONE');
  expect(
    (
      await refusal(
        client()
          .watch({ after: { epoch: EPOCH, number: 1 } })
          .next(),
      )
    ).status,
  ).toBe('OUT_OF_RANGE');
});
