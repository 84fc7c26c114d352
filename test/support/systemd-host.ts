/**
 * systemd-host - a namespace in which a real systemd is process 1, for services as their units run them
 *
 * It has the namespace's network and mounts, an /etc that is a copy, /tmp, /var/lib and /var/spool of its own, and of
 * this machine's units only what it is given: nothing that a start of Debian would do is done. dracd's units are
 * installed as the README says, but for the tree, which is at TREE, and Node, at NODE, where a sandbox can see them.
 * Everything ends with `stop`.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import type { Namespace } from './namespace.js';
import { ROOT, childEnvironment, descendants, mustRun, run, settlesWithin, until } from './processes.js';

export const TREE = '/srv/dracd';
export const NODE = '/srv/node';
/** What dracd.service has said. */
export const LOG = '/run/dracd.log';
const SYSTEMD = '/lib/systemd/systemd';
const CGROUPS = '/run/cgroups';
/** Empty at first, and not the machine's. */
const OWN_DIRECTORIES = [
  '/var/lib',
  '/var/spool',
  '/usr/local/sbin',
  '/etc/systemd/system',
  '/usr/lib/systemd/system',
  '/usr/lib/systemd/system-generators',
];

/** In the namespace: mounts, the caller's own setup, and a control group to be the root of all. Each step must succeed. */
const setup = (more: string): string => `
mount -t tmpfs -o mode=0755 tmpfs /srv
mkdir ${TREE}
mount --bind ${ROOT} ${TREE}
touch ${NODE}
mount --bind ${process.execPath} ${NODE}
cp -a /etc /run/etc
mount --bind /run/etc /etc
for directory in ${OWN_DIRECTORIES.join(' ')}; do
  mount -t tmpfs -o mode=0755 tmpfs "$directory"
done
for target in sysinit sockets timers basic multi-user shutdown; do
  printf '[Unit]\\nDefaultDependencies=no\\n' > /usr/lib/systemd/system/$target.target
done
systemd-sysusers ${TREE}/systemd/sysusers.d/dracd.conf
systemd-tmpfiles --create ${TREE}/systemd/tmpfiles.d/dracd.conf
for unit in ${TREE}/systemd/*.service ${TREE}/systemd/*.timer; do
  sed 's:/usr/bin/node:${NODE}:; s:/usr/lib/dracd/dist:${TREE}/dist:' "$unit" > "/etc/systemd/system/\${unit##*/}"
  mkdir "/etc/systemd/system/\${unit##*/}.d"
done
printf '[Service]\\nStandardOutput=append:${LOG}\\nStandardError=append:${LOG}\\n' > /etc/systemd/system/dracd.service.d/log.conf
printf 'Wants=sockets.target\\nAfter=sysinit.target sockets.target\\n' >> /usr/lib/systemd/system/basic.target
${more}
mkdir ${CGROUPS}
mount -t cgroup2 none ${CGROUPS}
group=$(mktemp -d ${CGROUPS}/dracd-test-XXXXXX)
echo $$ > "$group/cgroup.procs"
echo "group $group"
exec unshare --cgroup --pid --mount --uts --ipc --fork --kill-child bash -ec '
mount -t proc proc /proc
mount --bind /proc/sys /proc/sys
mount -o remount,bind,ro /proc/sys
mount -t cgroup2 none /sys/fs/cgroup
mount -t tmpfs -o mode=1777 tmpfs /tmp
mount -t tmpfs -o mode=1777 tmpfs /var/tmp
exec env -i container=dracd-test ${SYSTEMD} --system --unit=multi-user.target --log-target=console --show-status=no'
`;

export class SystemdHost {
  readonly #namespace: Namespace;
  readonly #keeper: ChildProcess;
  #said = '';

  private constructor(namespace: Namespace, more: string) {
    this.#namespace = namespace;
    const [file, ...args] = [...namespace.prefix, 'bash', '-ec', setup(more)];
    this.#keeper = spawn(file, args, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [this.#keeper.stdout, this.#keeper.stderr])
      stream?.setEncoding('utf8').on('data', (text: string) => (this.#said += text));
  }

  /** Starts it; `more` is run before systemd is, by bash, and puts users, files and units in place. */
  static async boot(namespace: Namespace, more: string): Promise<SystemdHost> {
    const host = new SystemdHost(namespace, more);
    try {
      await until('systemd has started', 20_000, () => host.#isUp());
    } catch (thrown) {
      await host.stop();
      throw thrown;
    }
    return host;
  }

  async #isUp(): Promise<boolean> {
    if (this.#keeper.exitCode !== null) throw new Error(`no systemd: ${this.#said}`);
    if (this.#init === undefined) return false;
    const { stdout } = await run([...this.prefix, 'systemctl', 'is-active', 'multi-user.target']);
    return stdout === 'active\n';
  }

  /** Its process 1. */
  get #init(): number | undefined {
    return descendants(this.#keeper.pid ?? 0)[0];
  }

  /** The words that run what follows them inside. */
  get prefix(): readonly string[] {
    return ['nsenter', '-t', String(this.#init ?? 0), '--net', '--mount', '--pid', '--uts', '--wd=/', '--'];
  }

  /** Runs a program inside to its end; its standard output. */
  run(...command: readonly string[]): Promise<string> {
    return mustRun([...this.prefix, ...command]);
  }

  /** Ends all that runs in it, at once. */
  async stop(): Promise<void> {
    if (this.#keeper.exitCode === null && this.#keeper.signalCode === null) {
      const exited = new Promise((resolve) => this.#keeper.once('exit', resolve));
      this.#keeper.kill('SIGKILL');
      await settlesWithin(exited, 5_000);
    }
    const [, group = ''] = /^group (\S+)$/m.exec(this.#said) ?? [];
    if (group !== '') await this.#removeGroup(group);
  }

  async #removeGroup(group: string): Promise<void> {
    await until('its control groups are empty', 10_000, async () => {
      await run([
        ...this.#namespace.prefix,
        'find',
        group,
        '-depth',
        '-type',
        'd',
        '-exec',
        'rmdir',
        '{}',
        '+',
      ]);
      return (await run([...this.#namespace.prefix, 'test', '-d', group])).code !== 0;
    });
  }
}
