/**
 * firewall - the README's nftables recipe, loaded by a real nft in front of a daemon in a namespace
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { Namespace } from '../support/namespace.js';
import { ROOT, mustRun } from '../support/processes.js';

/** What the recipe names. */
const PORT = 4_800;
const REPORTER = '192.0.2.10';
const STRANGER = '192.0.2.11';
const OWN = '192.0.2.1';

const namespaces: Namespace[] = [];
afterAll(async () => {
  await killAll();
  for (const namespace of namespaces) await namespace.stop();
});

test('lets the named reporter and this host through, over UDP and TCP, and nobody else', async () => {
  const programs = await LibTirpc.build();
  const inside = await Namespace.create();
  const outside = await Namespace.create();
  namespaces.push(inside, outside);
  await inside.join(outside, OWN, REPORTER);
  await outside.run('ip', 'address', 'add', `${STRANGER}/24`, 'dev', 'cable');
  await Daemon.start({
    addresses: ['0.0.0.0', '::'],
    allow: ['127.0.0.1', '::1', REPORTER, STRANGER],
    port: PORT,
    prefix: inside.prefix,
  });
  const from = async (namespace: Namespace, host: string, source: string): Promise<string[]> => {
    const answers = [];
    for (const transport of ['udp', 'tcp'] as const) {
      const ended = await programs.call({
        version: 1,
        host,
        transport,
        address: '198.51.100.1',
        port: PORT,
        source,
        limit: 5,
        prefix: namespace.prefix,
      });
      answers.push(ended.code === 0 ? ended.stdout.trim() : 'no answer');
    }
    return answers;
  };
  // Control: without the recipe the other one gets through.
  expect(await from(outside, OWN, STRANGER)).toEqual(['0', '0']);

  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const recipe = /```nft\n([^`]*)```/.exec(readme)?.[1] ?? '';
  await mustRun([...inside.prefix, 'nft', '-f', '-'], { input: recipe });
  expect(await from(outside, OWN, REPORTER)).toEqual(['0', '0']);
  expect(await from(inside, '127.0.0.1', '127.0.0.1')).toEqual(['0', '0']);
  expect(await from(inside, '::1', '::1')).toEqual(['0', '0']);
  expect(await from(outside, OWN, STRANGER)).toEqual(['no answer', 'no answer']);
});
