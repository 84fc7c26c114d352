/**
 * namespace - a network and mount namespace of its own, in which a test has its own rpcbind and port 111
 *
 * /run is empty in it. Two namespaces can be joined by a cable. Everything ends with `stop`.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { childEnvironment, mustRun, settlesWithin, until } from './processes.js';

const SETUP = `
mount -t tmpfs -o mode=0755 tmpfs /run
mkdir /run/rpcbind && chown _rpc /run/rpcbind
ip link set lo up
echo ready
exec sleep 3600`;

export interface RpcbindProcess {
  /** Ends it at once, as a crash does. */
  kill(): Promise<void>;
}

export class Namespace {
  readonly #keeper: ChildProcess;
  readonly #rpcbinds: ChildProcess[] = [];

  private constructor(keeper: ChildProcess) {
    this.#keeper = keeper;
  }

  static async create(): Promise<Namespace> {
    if (process.getuid?.() !== 0) throw new Error('namespaces need root: run the tests as root');
    const keeper = spawn('unshare', ['--net', '--mount', 'bash', '-ec', SETUP], { env: childEnvironment() });
    let said = '';
    keeper.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    keeper.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until('the namespace is ready', 10_000, () => {
      if (keeper.exitCode !== null) throw new Error(`no namespace: ${said}`);
      return said.includes('ready');
    });
    return new Namespace(keeper);
  }

  /** The words that run what follows them inside. */
  get prefix(): readonly string[] {
    return ['nsenter', '-t', String(this.#keeper.pid), '--net', '--mount', '--wd=/', '--'];
  }

  /** Joins this namespace and another by a cable with an address at either end (prefix length 24). */
  async join(other: Namespace, own: string, others: string): Promise<void> {
    const peer = String(other.#keeper.pid);
    await mustRun([
      ...this.prefix,
      'ip',
      'link',
      'add',
      'cable',
      'type',
      'veth',
      'peer',
      'name',
      'cable',
      'netns',
      peer,
    ]);
    for (const [namespace, address] of [
      [this, own],
      [other, others],
    ] as const) {
      await mustRun([...namespace.prefix, 'ip', 'address', 'add', `${address}/24`, 'dev', 'cable']);
      await mustRun([...namespace.prefix, 'ip', 'link', 'set', 'cable', 'up']);
    }
  }

  /** Starts rpcbind with these options; resolves when it answers. */
  async rpcbind(...options: readonly string[]): Promise<RpcbindProcess> {
    const [file = '', ...args] = [...this.prefix, 'rpcbind', '-f', ...options];
    const child = spawn(file, args, { env: childEnvironment(), stdio: 'ignore' });
    this.#rpcbinds.push(child);
    const exited = new Promise((resolve) => child.once('exit', resolve));
    await until('rpcbind answers', 10_000, async () => {
      if (child.exitCode !== null) throw new Error(`rpcbind ended with ${child.exitCode}`);
      return mustRun([...this.prefix, 'rpcinfo', '-T', 'udp', '127.0.0.1', '100000', '2']).then(
        () => true,
        () => false,
      );
    });
    return {
      kill: async () => {
        child.kill('SIGKILL');
        await exited;
      },
    };
  }

  /** Runs a program inside to its end; its standard output. */
  run(...command: readonly string[]): Promise<string> {
    return mustRun([...this.prefix, ...command]);
  }

  async stop(): Promise<void> {
    for (const child of [...this.#rpcbinds, this.#keeper]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await settlesWithin(exited, 5_000);
    }
  }
}
