/**
 * first-start - what the README says to try first: dracd without any configuration, and the lines for the second terminal
 *
 * In a namespace, so that its port of HTTP is free, no rpcbind hears of it, and no dracd of the machine is found.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Namespace } from '../support/namespace.js';
import { blocks, withNames } from '../support/page.js';
import { childEnvironment, MAIN, newDirectory, ROOT, run, until } from '../support/processes.js';

const WAIT_MS = 60_000;

test('the lines that the README shows do what stands beside them', async () => {
  const inside = await Namespace.create();
  const directory = newDirectory('first-start');
  const here = (script: string): string[] => [
    ...inside.prefix,
    'sh',
    '-c',
    `cd "$0" && ${script}`,
    directory,
  ];
  const [file = '', ...args] = here(`exec ${process.execPath} ${MAIN}`);
  const daemon = spawn(file, args, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    let log = '';
    daemon.stdout.setEncoding('utf8').on('data', (text: string) => (log += text));
    const port = (): string | undefined => /"port":(\d+),.*"event":"ready"/.exec(log)?.[1];
    await until('it is ready', WAIT_MS, () => {
      if (daemon.exitCode !== null) throw new Error(`it has ended: ${log}`);
      return port() !== undefined;
    });
    const lines = withNames(blocks('README.md', 'Start')[1]?.text ?? '', {
      PORT: port() ?? '',
      'node dist/': `${process.execPath} ${ROOT}/dist/`,
    });
    const { stdout, stderr } = await run(here(`{ ${lines} }`));
    expect(stderr).toBe('');
    expect(stdout.split('\n')).toEqual([
      '203.0.113.7: success',
      expect.stringMatching(/^\d{10}$/),
      expect.stringMatching(/^ADDRESS /),
      expect.stringMatching(/^203\.0\.113\.7 +grant /),
      expect.stringMatching(/^203\.0\.113\.7 may relay: /),
      expect.stringMatching(/^ADDRESS /),
      expect.stringMatching(/^203\.0\.113\.7 +grant /),
      expect.stringMatching(/^ADDRESS /),
      expect.stringMatching(/^203\.0\.113\.7 +deny .* spam$/),
      '',
    ]);
  } finally {
    const ended = once(daemon, 'exit');
    daemon.kill('SIGKILL');
    await ended;
    await inside.stop();
  }
});
