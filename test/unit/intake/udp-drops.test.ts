import { spawnSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { dropsIn, udpDrops } from '../../../src/intake/udp-drops.js';

const HEAD =
  '   sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops             \n';
const line = (local: string, drops: number): string =>
  ` 3204: ${local} 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 2199 2 0000000000000000 ${drops}         \n`;

test('the drops of all sockets at the port, and of no other', () => {
  const text = HEAD + line('0100007F:12C0', 3) + line('0100007F:12C1', 50) + line('0200007F:12C0', 4);
  expect(dropsIn(text, 0x12c0)).toBe(7);
  expect(dropsIn(text, 0x12c1)).toBe(50);
  expect(dropsIn(text, 0x2c0)).toBe(0);
});

test('IPv6 addresses, and ports of few digits', () => {
  const text = HEAD + line('00000000000000000000000001000000:006F', 9);
  expect(dropsIn(text, 111)).toBe(9);
  expect(dropsIn(text, 0x16f)).toBe(0);
});

test.each(['', 'x', HEAD, `${HEAD}\n\n`, `${HEAD} 1: 0100007F:006F`, `${HEAD} 1: 0100007F:006F x y z\n`])(
  'what is no such file has none: %j',
  (text) => {
    expect(dropsIn(text, 111)).toBe(0);
  },
);

test('the kernel tells of a socket that is too slow', async () => {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 1 });
  await new Promise<void>((resolve) => {
    socket.bind(0, '127.0.0.1', resolve);
  });
  const { port } = socket.address();
  expect(udpDrops(port)).toBe(0);
  // While another program sends, and is waited for, nothing is read here.
  const flood = `import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for _ in range(200): s.sendto(b'x' * 1000, ('127.0.0.1', int(sys.argv[1])))`;
  expect(spawnSync('python3', ['-c', flood, String(port)]).status).toBe(0);
  expect(udpDrops(port)).toBeGreaterThan(0);
  socket.close();
});
