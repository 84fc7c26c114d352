/**
 * exim - Debian's Exim as if it were installed, in a namespace of its own, and clients at the other end of a cable
 *
 * The packages are unpacked, not installed: overlays make them part of /usr, /etc and /var for the processes
 * inside, and what is changed there goes with the namespace. What the packages' scripts would set up is set
 * up here: the user, the spool, the answers to debconf's questions. So paths, commands, ports and the
 * generated configuration are those that an administrator has. dracd runs beside it as its own user.
 *
 * Mail goes nowhere: there is no network but the cable.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { isIPv6 } from 'node:net';
import path from 'node:path';
import { Daemon } from './daemon.js';
import { Namespace } from './namespace.js';
import { blocks } from './page.js';
import { ROOT, childEnvironment, mustRun, newDirectory, settlesWithin, until } from './processes.js';
import { SmtpDialogue } from './smtp-dialogue.js';

export const PAGE = 'docs/exim.md';
/** A recipient of Exim's own domain: inbound mail. */
export const LOCAL_RECIPIENT = 'somebody@local.test';
/** A recipient elsewhere: relaying. */
export const FOREIGN_RECIPIENT = 'somebody@foreign.example';
/** Debian's file for an administrator's macros; the other with its split configuration. */
export const LOCAL_MACROS = '/etc/exim4/exim4.conf.localmacros';
export const SPLIT_MACROS = '/etc/exim4/conf.d/main/000_localmacros';

const SERVER = { v4: '198.51.100.1', v6: '2001:db8::1' };

/** The number-th client at the other end of the cable, from 10 to 99. */
export function clientAddress(number: number, family: 'v4' | 'v6'): string {
  return family === 'v4' ? `198.51.100.${number}` : `2001:db8::c:${number}`;
}

const INSTALL = `
for directory in etc var; do
  mkdir -p /run/overlay/$directory /run/copying/$directory
  mount -t overlay overlay -o "lowerdir=$1/$directory:/$directory,upperdir=/run/overlay/$directory,workdir=/run/copying/$directory" /$directory
done
mount -t overlay overlay -o "lowerdir=$1/usr:/usr" /usr
useradd --system --no-create-home --home-dir /var/spool/exim4 Debian-exim
useradd --no-create-home somebody
systemd-sysusers "$2/systemd/sysusers.d/dracd.conf"
systemd-tmpfiles --create "$2/systemd/tmpfiles.d/dracd.conf"
install -d -o Debian-exim -g Debian-exim -m 2750 /var/spool/exim4 /var/log/exim4 /run/exim4
echo local.test > /etc/mailname
echo nameserver 127.0.0.1 > /etc/resolv.conf
cat > /etc/exim4/update-exim4.conf.conf <<'EOF'
dc_eximconfig_configtype='internet'
dc_other_hostnames='local.test'
dc_local_interfaces=''
dc_readhost=''
dc_relay_domains=''
dc_minimaldns='false'
dc_relay_nets=''
dc_smarthost=''
CFILEMODE='644'
dc_use_split_config='false'
dc_hide_mailname=''
dc_mailname_in_oh='true'
dc_localdelivery='mail_spool'
EOF
update-exim4.conf
ip address add 192.0.2.10/32 dev lo
ip address add 2001:db8:2::10/128 dev lo
ip address add ${SERVER.v6}/64 dev cable nodad
`;

const CLIENTS = `
for number in $(seq 10 99); do
  ip address add 198.51.100.$number/24 dev cable
  ip address add 2001:db8::c:$number/64 dev cable nodad
done
`;

/** Standard input and output become a connection from this address. */
const PLUG = `
const [host, port, localAddress] = process.argv.slice(1);
const socket = require('node:net').connect({ host, port: Number(port), localAddress });
process.stdin.pipe(socket).pipe(process.stdout);
socket.on('error', () => process.exit(1)).on('close', () => process.exit(0));
`;

/** What stands for sudo, systemd and the installed dracauth in the page's commands. */
const STAND_INS = `
sudo() { "$@"; }
systemctl() { test "$1 $2" != 'reload exim4' || kill -HUP "$(cat /run/exim4/exim.pid)"; }
dracauth() { ${process.execPath} ${ROOT}/dist/dracauth.js "$@"; }
`;

/** The page's recipes, by the headings they stand below. */
export const sections = [
  'cdb',
  'dbm',
  'list',
  'socketmap through a unix socket',
  'socketmap over TCP',
] as const;
/** The cdb again, for leases that cover networks. */
export const NETWORKS = 'Networks';
export type Section = (typeof sections)[number];

interface Recipe {
  /** For dracd.toml. */
  readonly toml: string;
  /** For exim4.conf.localmacros. */
  readonly macros: string;
}

export function recipe(section: Section): Recipe {
  const found = blocks(PAGE, section);
  const toml = found.find(({ language }) => language === 'toml')?.text;
  const macros = found.find(({ text }) => text.startsWith('hostlist dracd_clients'))?.text;
  if (toml === undefined || macros === undefined) throw new Error(`${PAGE} has no recipe in "${section}"`);
  return { toml, macros };
}

/** A section's commands. */
export function commands(section: string): string {
  const found = blocks(PAGE, section).filter(({ language }) => language === 'sh');
  if (found.length === 0) throw new Error(`${PAGE} has no commands in "${section}"`);
  return found.map(({ text }) => text).join('');
}

/** The directory in which packages are unpacked, under a name. */
export async function unpacked(name: string, ...packages: readonly string[]): Promise<string> {
  const directory = path.join(ROOT, 'var/unpacked', name);
  const command = ['bash', path.join(ROOT, 'test/support/unpack-debian'), directory, ...packages];
  await mustRun(command, { limitMs: 300_000 });
  return directory;
}

export class Exim {
  readonly inside: Namespace;
  readonly #outside: Namespace;
  #daemon: ChildProcess | undefined;
  readonly #draft = path.join(newDirectory('exim-draft'), 'draft');
  readonly #sessions: SmtpDialogue[] = [];

  private constructor(inside: Namespace, outside: Namespace) {
    this.inside = inside;
    this.#outside = outside;
  }

  /** A daemon with Debian's default configuration for an Internet site. */
  static async start(): Promise<Exim> {
    const packages = await unpacked('exim', 'exim4-daemon-heavy', 'exim4-base', 'exim4-config');
    const exim = new Exim(await Namespace.create(), await Namespace.create());
    try {
      await exim.#install(packages);
    } catch (error) {
      await exim.stop();
      throw error;
    }
    return exim;
  }

  async #install(packages: string): Promise<void> {
    await this.inside.join(this.#outside, SERVER.v4, '198.51.100.2');
    await this.inside.run('bash', '-ec', INSTALL, 'install', packages, ROOT);
    await this.#outside.run('bash', '-ec', CLIENTS);
    await this.shell(commands('socketmap through a unix socket'));
    const [file, ...args] = [...this.inside.prefix, 'exim4', '-bdf', '-oP', '/run/exim4/exim.pid'];
    this.#daemon = spawn(file, args, { env: childEnvironment(), stdio: 'ignore' });
    await this.#started(1);
  }

  /** dracd beside it: its own user, and all recipes of the page. Started where another has been, it goes on from there. */
  async dracd(lifetime: string, directory = newDirectory('exim')): Promise<Daemon> {
    await this.inside.run('chown', 'dracd:', directory);
    const more = sections.map((section) => recipe(section).toml).join('');
    return Daemon.start({ directory, lifetime, more, prefix: this.asDracd });
  }

  /** dracd whose grants are networks, with the maps that can say them. */
  async dracdOfNetworks(grants: string): Promise<Daemon> {
    const directory = newDirectory('exim-networks');
    await this.inside.run('chown', 'dracd:', directory);
    const more = recipe('cdb').toml + recipe('list').toml;
    return Daemon.start({ directory, grants, more, prefix: this.asDracd });
  }

  /** The words that run what follows them inside, as dracd's own user. */
  get asDracd(): readonly string[] {
    return [...this.inside.prefix, 'setpriv', '--reuid=dracd', '--regid=dracd', '--clear-groups'];
  }

  /** Runs lines of a shell inside, as the page prints them. */
  shell(lines: string): Promise<string> {
    return this.inside.run('bash', '-ec', STAND_INS + lines);
  }

  /** Makes this the content of a file inside; a new file can be read by all. */
  async write(file: string, content: string | Uint8Array): Promise<void> {
    writeFileSync(this.#draft, content);
    await this.inside.run('cp', this.#draft, file);
  }

  /** Debian's way, for sessions that are played: the daemon that runs goes on as it was. */
  async prepare(macros: string, file = LOCAL_MACROS): Promise<void> {
    await this.write(file, macros);
    await this.shell('update-exim4.conf');
  }

  /** Debian's way: local macros, then the page's commands; the daemon that runs follows. */
  async configure(macros: string, file = LOCAL_MACROS): Promise<void> {
    await this.write(file, macros);
    const before = startsIn(await this.log());
    await this.shell(commands('cdb'));
    await this.#started(before + 1);
  }

  /** Exim's main log. */
  log(): Promise<string> {
    return this.inside.run('sh', '-c', 'cat /var/log/exim4/mainlog 2>/dev/null || true');
  }

  async #started(times: number): Promise<void> {
    await until('the daemon has started', 20_000, async () => {
      if (this.#daemon?.exitCode !== null) throw new Error(`exim4 ended\n${await this.log()}`);
      return startsIn(await this.log()) >= times;
    });
  }

  /** A session of a client at the other end of the cable; it stays open. */
  live(client: string, port = 25): Promise<SmtpDialogue> {
    const server = isIPv6(client) ? SERVER.v6 : SERVER.v4;
    return this.#open([...this.#outside.prefix, process.execPath, '-e', PLUG, server, `${port}`, client]);
  }

  /** A session as `exim4 -bh` plays it with any client. */
  played(client: string, ...options: readonly string[]): Promise<SmtpDialogue> {
    return this.#open([...this.inside.prefix, 'exim4', ...options, '-bh', client]);
  }

  async #open(command: readonly string[]): Promise<SmtpDialogue> {
    const session = await SmtpDialogue.open(command);
    this.#sessions.push(session);
    return session;
  }

  /** The code that a recipient gets at a new connection. */
  async ask(client: string, recipient: string, how: 'live' | 'played' = 'live'): Promise<number> {
    const session = await this[how](client);
    const code = await session.recipient(recipient);
    session.close();
    return code;
  }

  /** Ends the sessions, the daemon and the namespaces; safe to call twice. */
  async stop(): Promise<void> {
    for (const session of this.#sessions) session.close();
    const daemon = this.#daemon;
    if (daemon?.exitCode === null && daemon.signalCode === null) {
      const exited = new Promise((resolve) => daemon.once('exit', resolve));
      daemon.kill('SIGTERM');
      if (!(await settlesWithin(exited, 5_000))) daemon.kill('SIGKILL');
    }
    await this.#outside.stop();
    await this.inside.stop();
  }
}

function startsIn(log: string): number {
  return log.split(' daemon started: ').length - 1;
}
