/** turnstile, line - clients that leave in the midst of what they are told, and the daemon that goes on */
import { type ChangeKind } from '../../../src/admin/operations.js';
import { lease } from '../../support/operations.js';
import { closeAll, open } from './doors.js';

afterEach(closeAll);

const TIMES = 150;

test('clients that hang up while changes are told to them: no error of theirs is one of the daemon', async () => {
  const door = await open();
  const change = (kind: ChangeKind): void => {
    door.operations.change(kind, lease(1));
  };
  for (let n = 0; n < TIMES; n += 1) {
    const leaving = door.client();
    const stream = leaving.watch({});
    await stream.next();
    change('granted');
    leaving.close();
    change('renewed');
    // It is told that the connection is gone, or of a change that was on its way.
    const next = await stream.next().then(
      () => 'a change',
      (thrown: unknown) => (thrown as { status: string }).status,
    );
    expect(['a change', 'UNAVAILABLE']).toContain(next);
  }
  await door.client().stats();
});

test('streams that are given up, at once, after a message, or by who reads them', async () => {
  const door = await open();
  door.operations.many = 5_000;
  const client = door.client();
  for (let n = 0; n < TIMES; n += 1) {
    const early = client.watch({});
    const first = early.next();
    early.cancel();
    expect((await first).done).toBe(true);
    const watching = client.watch({});
    await watching.next();
    watching.cancel();
    expect((await watching.next()).done).toBe(true);
    for await (const { position } of client.list({})) {
      expect(position).not.toBeNull();
      break;
    }
  }
  expect((await client.stats()).stats.length).toBeGreaterThan(0);
});

test('a connection that has gone is made anew for the next call', async () => {
  const door = await open();
  const client = door.client();
  await client.stats();
  const stream = client.watch({});
  await stream.next();
  await door.server.stop();
  await expect(stream.next()).rejects.toMatchObject({ status: 'UNAVAILABLE', reason: 'STOPPING' });
  await expect(client.stats()).rejects.toMatchObject({ status: 'UNAVAILABLE', reason: '' });
  const again = await open({ at: door.place });
  expect((await client.stats()).stats.length).toBeGreaterThan(0);
  await again.server.stop();
});
