/** A gRPC client that is not ours (Python's grpcio), which learns what it needs by reflection. */
import path from 'node:path';
import { Authority } from '../support/certificates.js';
import { EPOCH, NOW } from '../support/operations.js';
import { mustRun, newDirectory, ROOT } from '../support/processes.js';
import { closeAll, open } from '../unit/admin/doors.js';

const CLIENT = path.join(ROOT, 'test/support/admin-client.py');

afterEach(closeAll);

interface Call {
  readonly call: string;
  readonly request: Readonly<Record<string, unknown>>;
  readonly messages?: number;
  readonly unknown?: string;
}

async function ask(
  server: string,
  calls: readonly Call[],
  files: readonly string[] = [],
): Promise<unknown[]> {
  const input = calls.map((call) => `${JSON.stringify(call)}\n`).join('');
  const output = await mustRun(['/usr/bin/python3', CLIENT, server, ...files], { input });
  return output
    .trim()
    .split('\n')
    .map((line): unknown => JSON.parse(line));
}

test('over the unix socket: acts, looks, watches, and reads what was wrong', async () => {
  const { place, operations } = await open();
  operations.many = 300;
  const subject = '192.0.2.7';
  const answers = await ask(place, [
    { call: 'Pin', request: { subject, reason: 'öffice', lifetime: '90s' } },
    // Fields 99 (a number) and 100 (a text), which no dracd has.
    { call: 'Explain', request: { address: subject }, unknown: '98062aa2060568656c6c6f' },
    { call: 'List', request: { kind: 'KIND_PIN' } },
    { call: 'List', request: { pageSize: 2 } },
    { call: 'Watch', request: { after: { epoch: EPOCH, number: '0' } }, messages: 2 },
    { call: 'Deny', request: { subject: '192.0.2.7/8', reason: '', lifetime: '-5s' } },
    { call: 'Stats', request: {} },
    { call: 'History', request: { address: subject, at: '2000-01-01T00:00:00Z' } },
    { call: 'Forget', request: { address: subject, reason: 'request 12' } },
  ]);
  const row = { kind: 'KIND_PIN', subject, reason: 'öffice', author: 'local' };
  const position = { epoch: EPOCH, number: '1' };
  expect(answers).toMatchObject([
    { row: { ...row, expiresAt: new Date(NOW + 90_000).toISOString().replace('.000', '') } },
    { verdict: 'VERDICT_PERMITTED', rule: 'RULE_PIN', row },
    { position },
    { rows: [row] },
    { position },
    { rows: [row, { kind: 'KIND_GRANT', subject: '11.0.0.0' }] },
    { nextPageToken: expect.stringMatching(/./) as string },
    { position: { epoch: EPOCH } },
    { changes: [{ number: '1', kind: 'KIND_PINNED', row }], position },
    { code: 'INVALID_ARGUMENT', reason: 'BAD_FIELD', fields: ['subject', 'lifetime', 'reason'] },
    {
      stats: [
        { name: 'grants', number: 1 },
        { text: 'well' },
        { flag: false },
        { name: 'watchers', number: 0 },
      ],
    },
    { verdict: 'VERDICT_UNKNOWN', at: '2000-01-01T00:00:00Z', gaps: [{ kind: 'KIND_GAP', count: '5' }] },
    {},
  ]);
});

test('over a port with mutual TLS', async () => {
  const directory = newDirectory('python-tls');
  const authority = await Authority.make(directory, 'ca');
  const server = await authority.sign('server', { names: 'IP:127.0.0.1', use: 'serverAuth' });
  const ann = await authority.sign('ann', { names: 'email:ann@example.org', use: 'clientAuth' });
  const roles = { viewers: ['ann@example.org'], operators: [] };
  const door = await open({ at: '127.0.0.1:0', tls: { ...server, clientCa: authority.cert, ...roles } });
  const calls = [
    { call: 'Stats', request: {} },
    { call: 'Shutdown', request: {} },
  ];
  expect(await ask(door.place, calls, [authority.cert, ann.key, ann.cert])).toMatchObject([
    { stats: [{ name: 'grants', number: 0 }, {}, {}, {}] },
    { code: 'PERMISSION_DENIED', reason: 'NO_ROLE' },
  ]);
  expect(door.operations.calls).toEqual([]);
});
