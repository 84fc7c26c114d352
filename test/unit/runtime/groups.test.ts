/** groups - numbers of groups as this host's own tools know them */
import { execFileSync } from 'node:child_process';
import { groupId } from '../../../src/runtime/groups.js';

test.each(['root', 'daemon', 'postfix'])('%s', (name) => {
  const entry = execFileSync('getent', ['group', name], { encoding: 'utf8' });
  expect(groupId(name)).toBe(Number(entry.split(':')[2]));
});

test.each(['no-such-group', '', 'roo', 'root:x', ':', 'root\ndaemon', '0'])('%j is none', (name) => {
  expect(groupId(name)).toBeUndefined();
});
