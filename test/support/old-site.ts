/**
 * old-site - a host where the original rpc.dracd has run: its own network, rpcbind, /etc and /var/lib
 *
 * There is no systemd in a test. Its commands, as the documentation names them, stand in /bin of the site as short
 * scripts: `systemctl enable --now UNIT` starts what the unit file in systemd/ starts, with its environment
 * file and state directory, and returns when it is ready; `drac` is the original, which has its database open.
 */
import { spawn } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { LogLine } from './daemon.js';
import { Namespace } from './namespace.js';
import { MAIN, ROOT, childEnvironment, type Ended, mustRun, newDirectory, run, until } from './processes.js';

const DATABASE = '/etc/mail/dracd.db';

const SYSTEMCTL = `
stop() { # unit
  [ -e "$SITE/$1.pid" ] || return 0
  pid=$(cat "$SITE/$1.pid"); rm "$SITE/$1.pid"
  kill -TERM "$pid" || return 0
  for _ in $(seq 600); do [ -e "/proc/$pid" ] || return 0; sleep 0.1; done
  echo "$1 does not stop" >&2; exit 1
}
start() { # unit
  log="$SITE/$1.log"
  if [ "$1" = drac ]; then
    "$SITE/original" ${DATABASE} btree <<<wait >"$log" 2>&1 &
    echo $! >"$SITE/$1.pid"
    ready=waiting
  else
    file=$ROOT/systemd/$1
    value() { sed -n "s/^$1=-\\{0,1\\}//p" "$file"; }
    environment=$(value EnvironmentFile)
    if [ -e "$environment" ]; then . "$environment"; fi
    state=/var/lib/$(value StateDirectory)
    mkdir -p "$state"
    command=$(value ExecStart | sed "s,/usr/bin/node,$NODE,; s,/usr/sbin/rpc.dracd,$SITE/bin/rpc.dracd,; s,/usr/lib/dracd/,$ROOT/,")
    export STATE_DIRECTORY=$state RPC_DRACD_OPTIONS=\${RPC_DRACD_OPTIONS:-}
    eval "exec $command" </dev/null >"$log" 2>&1 &
    echo $! >"$SITE/$1.pid"
    ready='"event":"ready"'
  fi
  for _ in $(seq 600); do
    grep -q "$ready" "$log" && return 0
    [ -e "/proc/$(cat "$SITE/$1.pid")" ] || break
    sleep 0.1
  done
  cat "$log" >&2; exit 1
}
action=$1; shift
[ "$1" = --now ] || exit 64
shift
for unit in "$@"; do
  case "$action $unit" in
    *.timer) echo "$action $unit" >>"$SITE/timers" ;;
    enable\\ *) start "$unit" ;;
    disable\\ *.service | disable\\ drac) stop "$unit" ;;
    *) exit 64 ;;
  esac
done`;

const SCRIPTS: Readonly<Record<string, string>> = {
  systemctl: SYSTEMCTL,
  sudo: '[ "$1" = -u ] && shift 2\nexec "$@"',
  journalctl: 'cat "$SITE/$2.service.log"',
};

export class OldSite {
  readonly directory: string;
  readonly namespace: Namespace;
  readonly #env: Readonly<Record<string, string>>;
  readonly #started: Foreground[] = [];

  private constructor(directory: string, namespace: Namespace) {
    this.directory = directory;
    this.namespace = namespace;
    const bin = path.join(directory, 'bin');
    this.#env = {
      SITE: directory,
      ROOT,
      NODE: process.execPath,
      PATH: `${bin}:${process.env['PATH'] ?? ''}:/usr/sbin:/sbin`,
    };
  }

  /** Makes the host, with rpcbind. `original` is the program that has the database open. */
  static async create(original: string): Promise<OldSite> {
    const directory = newDirectory('site');
    const bin = path.join(directory, 'bin');
    mkdirSync(bin);
    for (const [name, text] of Object.entries(SCRIPTS)) {
      writeFileSync(path.join(bin, name), `#!/bin/bash\nset -eu\n${text}\n`);
      chmodSync(path.join(bin, name), 0o755);
    }
    symlinkSync(original, path.join(directory, 'original'));
    for (const name of ['dracd', 'rpc.dracd']) symlinkSync(MAIN, path.join(bin, name));
    symlinkSync(path.join(ROOT, 'dist/dracauth.js'), path.join(bin, 'dracauth'));
    await mustRun(['cp', '-a', '/etc', path.join(directory, 'etc')]);
    mkdirSync(path.join(directory, 'etc/mail'), { recursive: true });
    const site = new OldSite(directory, await Namespace.create());
    await site.namespace.run('mount', '--bind', path.join(directory, 'etc'), '/etc');
    await site.namespace.run('mount', '-t', 'tmpfs', '-o', 'mode=0755', 'tmpfs', '/var/lib');
    await site.namespace.rpcbind();
    return site;
  }

  /** Where a file of the site is for us. Only /etc is ours to see. */
  file(name: string): string {
    return path.join(this.directory, name);
  }

  get database(): string {
    return this.file(DATABASE);
  }

  /** Runs lines of a shell inside, as an administrator does. */
  shell(text: string): Promise<Ended> {
    return run([...this.namespace.prefix, 'bash', '-euc', text], { env: this.#env });
  }

  /** The same; what goes wrong is an error with its words. */
  async mustShell(text: string): Promise<string> {
    const { code, stdout, stderr } = await this.shell(text);
    if (code !== 0) throw new Error(`${text}: exit ${String(code)}\n${stdout}${stderr}`);
    return stdout;
  }

  /** What a unit has said, the latest start only. */
  logOf(unit: string): LogLine[] {
    const file = this.file(`${unit}.log`);
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n') : [];
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine);
  }

  /** Starts rpc.dracd in the foreground, with these words; resolves when it is ready. */
  async foreground(...words: readonly string[]): Promise<Foreground> {
    const command = [...this.namespace.prefix, this.file('bin/rpc.dracd'), ...words];
    const one = new Foreground(command, childEnvironment(this.#env));
    this.#started.push(one);
    await one.ready();
    return one;
  }

  /** Ends everything that runs on it. */
  async stop(): Promise<void> {
    await Promise.all(this.#started.map((one) => one.end('SIGKILL')));
    await this.shell(
      'for file in "$SITE"/*.pid; do [ -e "$file" ] && kill -KILL "$(cat "$file")"; done; true',
    );
    await this.namespace.stop();
  }
}

/** An rpc.dracd that a test has started itself. */
export class Foreground {
  readonly #child;
  readonly #exited: Promise<number | null>;
  readonly logs: LogLine[] = [];
  #said = '';

  constructor(command: readonly string[], env: NodeJS.ProcessEnv) {
    const [file = '', ...args] = command;
    this.#child = spawn(file, args, { env });
    const take = (text: string): void => {
      this.#said += text;
      const lines = this.#said.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
      this.logs.splice(0, this.logs.length, ...lines.map((line) => JSON.parse(line) as LogLine));
    };
    this.#child.stdout.setEncoding('utf8').on('data', take);
    this.#child.stderr.setEncoding('utf8').on('data', take);
    this.#exited = new Promise((resolve) => this.#child.once('exit', resolve));
  }

  async ready(): Promise<void> {
    await until('rpc.dracd is ready', 15_000, () => {
      if (this.#child.exitCode !== null) throw new Error(`it ended: ${this.#said}`);
      return this.line('ready') !== undefined;
    });
  }

  /** The last line with this event. */
  line(event: string): LogLine | undefined {
    return this.logs.findLast((line) => line.event === event);
  }

  /** Ends it if it runs; answers its exit status. nsenter has become the daemon, so that signals reach it. */
  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    this.#child.kill(signal);
    return this.#exited;
  }
}
