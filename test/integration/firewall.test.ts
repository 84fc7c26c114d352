/**
 * firewall - the nftables recipes of docs/security.md, loaded by a real nft in front of a daemon in a namespace
 */
import path from 'node:path';
import { Daemon, killAll } from '../support/daemon.js';
import { LibTirpc } from '../support/libtirpc.js';
import { Namespace } from '../support/namespace.js';
import { blocks, withNames } from '../support/page.js';
import { ROOT, mustRun, run } from '../support/processes.js';

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

  const [recipe] = blocks('docs/security.md', 'Close the port');
  await mustRun([...inside.prefix, 'nft', '-f', '-'], { input: recipe?.text ?? '' });
  expect(await from(outside, OWN, REPORTER)).toEqual(['0', '0']);
  expect(await from(inside, '127.0.0.1', '127.0.0.1')).toEqual(['0', '0']);
  expect(await from(inside, '::1', '::1')).toEqual(['0', '0']);
  expect(await from(outside, OWN, STRANGER)).toEqual(['no answer', 'no answer']);
});

test('users of the host: those whom the recipe names report, others do not, by either transport', async () => {
  const inside = await Namespace.create();
  namespaces.push(inside);
  await Daemon.start({ port: PORT, prefix: inside.prefix });
  const as = async (user: string, ...transport: readonly string[]): Promise<number | null> => {
    const dracauth = [process.execPath, path.join(ROOT, 'dist/dracauth.js'), ...transport];
    const who = ['setpriv', `--reuid=${user}`, '--clear-groups'];
    const words = ['-s', '127.0.0.1', '-p', String(PORT), '203.0.113.7'];
    return (await run([...inside.prefix, ...who, ...dracauth, ...words])).code;
  };
  // Control: without the recipe everybody may.
  expect([await as('nobody'), await as('nobody', '--tcp')]).toEqual([0, 0]);
  const [recipe] = blocks('docs/security.md', 'Users of this host');
  const here = withNames(recipe?.text ?? '', { 'dracd, dovecot': 'daemon, mail' });
  await mustRun([...inside.prefix, 'nft', '-f', '-'], { input: here });
  for (const user of ['root', 'mail']) expect([await as(user), await as(user, '--tcp')]).toEqual([0, 0]);
  for (const transport of [[], ['--tcp']]) expect([69, 75]).toContain(await as('nobody', ...transport));
});
