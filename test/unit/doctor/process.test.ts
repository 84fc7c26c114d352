/** A daemon's process, found by the lock file that it holds open: here this process, and what it listens at. */
import { closeSync, openSync } from 'node:fs';
import { createServer } from 'node:net';
import path from 'node:path';
import { daemonOf, descriptorLimit, sharedPorts } from '../../../src/doctor/process.js';
import { newDirectory } from '../../support/processes.js';

test('absent without a lock, and when nobody has it open', async () => {
  const store = newDirectory('store');
  expect(await daemonOf(store)).toBe('absent');
  closeSync(openSync(path.join(store, 'lock'), 'w'));
  expect(await daemonOf(store)).toBe('absent');
  expect(await daemonOf(path.join(store, 'missing'))).toBe('absent');
});

test('whoever has it open, with its ports and its limit', async () => {
  const store = newDirectory('store');
  const fd = openSync(path.join(store, 'lock'), 'w');
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  const found = await daemonOf(store);
  if (typeof found === 'string') throw new Error(found);
  expect(found.pid).toBe(process.pid);
  expect(await sharedPorts(found, ['tcp'])).toContain(port);
  expect(await sharedPorts(found, ['tcp', 'tcp6'])).not.toContain(port);
  expect(await descriptorLimit(process.pid)).toBeGreaterThan(found.descriptors.length);
  server.close();
  closeSync(fd);
});
