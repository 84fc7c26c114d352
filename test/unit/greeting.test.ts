/** greeting - the lines that can be pasted name the programs, the port, the map and the socket of this daemon */
import { parseConfig } from '../../src/config.js';
import { greeting, type GreetingOptions } from '../../src/greeting.js';

const config = parseConfig('', 'built-in defaults', { stateDirectory: '/site/var' });
const options: GreetingOptions = {
  version: '1.2.3',
  config,
  addresses: ['127.0.0.1', '::1'],
  port: 41_021,
  rpcbind: 'absent',
  lookups: [],
  admin: ['unix:/site/var/admin.sock'],
  reporter: 'dist/dracauth.js',
};

test('what to try next: report somebody, ask the map, list', () => {
  const lines = greeting(options).split('\n');
  const from = lines.findIndex((line) => line.includes('Try next'));
  expect(lines.slice(from + 1, from + 5)).toEqual([
    '    node dist/dracauth.js -p 41021 203.0.113.7',
    '    /usr/sbin/postmap -q 203.0.113.7 lmdb:/site/var/relay',
    '    node dist/ctl.js --server unix:/site/var/admin.sock list',
    '',
  ]);
});

test('no line for what there is not', () => {
  const said = greeting({ ...options, config: { ...config, exports: [] }, admin: ['192.0.2.1:9480'] });
  expect(said).not.toMatch(/postmap|ctl\.js|--server/);
});
