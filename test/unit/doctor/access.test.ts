/** Who may do what with a file, by its modes; the kernel is the judge. */
import { chmodSync, chownSync, mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { barrier, permits, READ, type User, userNamed, WRITE } from '../../../src/doctor/access.js';
import { newDirectory, run } from '../../support/processes.js';

const user: User = { name: 'u', uid: 4_001, gids: [4_002] };

test.each([
  { mode: 0o400, uid: 4_001, gid: 0, may: true },
  { mode: 0o040, uid: 4_001, gid: 4_002, may: false },
  { mode: 0o040, uid: 0, gid: 4_002, may: true },
  { mode: 0o004, uid: 0, gid: 4_002, may: false },
  { mode: 0o004, uid: 0, gid: 0, may: true },
  { mode: 0o440, uid: 0, gid: 0, may: false },
])(
  'mode $mode, owner $uid, group $gid: may read: $may, as the kernel says',
  async ({ mode, uid, gid, may }) => {
    expect(permits({ mode, uid, gid }, user, READ)).toBe(may);
    const directory = newDirectory('access');
    const file = path.join(directory, 'f');
    writeFileSync(file, '');
    chmodSync(file, mode);
    chownSync(file, uid, gid);
    const { code } = await run(['setpriv', '--reuid=4001', '--regid=4002', '--clear-groups', 'cat', file]);
    expect(code === 0).toBe(may);
  },
);

test('root may everything', () => {
  expect(permits({ mode: 0, uid: 1, gid: 1 }, { name: 'root', uid: 0, gids: [0] }, WRITE)).toBe(true);
});

test('the first that stops a user is named: a directory on the way, else the file', async () => {
  const directory = newDirectory('access');
  const inner = path.join(directory, 'inner');
  const file = path.join(inner, 'f');
  mkdirSync(inner, { mode: 0o755 });
  writeFileSync(file, '');
  chmodSync(file, 0o600);
  expect(await barrier(file, user, READ)).toEqual({ path: file, modes: '0600, owner 0, group 0' });
  chmodSync(inner, 0o700);
  expect((await barrier(file, user, READ))?.path).toBe(inner);
  chmodSync(inner, 0o755);
  chmodSync(file, 0o644);
  expect(await barrier(file, user, READ)).toBeUndefined();
});

test('a user of this host, with the primary group alone', () => {
  expect(userNamed('root')).toEqual({ name: 'root', uid: 0, gids: [0] });
  expect(userNamed('no-such-user')).toBeUndefined();
});
