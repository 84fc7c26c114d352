/**
 * postfix - a private Postfix: own configuration, queue, data and log; several smtpd on loopback ports
 *
 * Needs root, as Postfix's master does. Client addresses are set with XCLIENT. Mail is never sent on:
 * what is accepted goes to discard(8). Each smtpd has relay restrictions of its own.
 */
import { chownSync, copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, isIPv6 } from 'node:net';
import type { Socket } from 'node:net';
import path from 'node:path';
import { Dialogue } from './dialogue.js';
import { blocks } from './page.js';
import { ROOT, descendants, freePort, mustRun, newDirectory, run, until } from './processes.js';

/** A recipient of the Postfix's own domain: inbound mail. */
export const LOCAL_RECIPIENT = 'somebody@local.test';
/** A recipient elsewhere: relaying. */
export const FOREIGN_RECIPIENT = 'somebody@foreign.example';

/** What the smtpd with this index is told, and whether it runs in a chroot as Debian's does. */
export interface Restrictions {
  readonly text: string;
  readonly chroot: boolean;
  /** More of main.cf for this smtpd alone, as `-o` says it: "max_use=1". */
  readonly options?: readonly string[];
}

/** A section's recipe in docs/postfix.md: the tables for dracd.toml, and the words for main.cf, with its names replaced. */
export function recipe(
  section: string,
  names: Readonly<Record<string, string>>,
): { readonly toml: string; readonly mainCf: string } {
  const found = blocks('docs/postfix.md', section);
  const toml = found.find(({ language }) => language === 'toml')?.text ?? '';
  const mainCf =
    /^smtpd_relay_restrictions =\n((?: +.*\n)+)/m.exec(found.map(({ text }) => text).join('\n'))?.[1] ?? '';
  if (toml === '' || mainCf === '') throw new Error(`docs/postfix.md has no recipe in "${section}"`);
  const replaced = (recipeText: string): string =>
    Object.entries(names).reduce((all, [name, instead]) => {
      if (!toml.includes(name) && !mainCf.includes(name)) throw new Error(`"${section}" names no ${name}`);
      return all.replaceAll(name, instead);
    }, recipeText);
  return { toml: replaced(toml), mainCf: replaced(mainCf).trim().replace(/\s+/g, ' ') };
}

/** The README's recipe for main.cf, with the map that it names replaced by `table`. */
export function relayRestrictions(table: string): string {
  const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8');
  const recipe = /^smtpd_relay_restrictions =\n((?: +.*\n)+)/m.exec(readme)?.[1] ?? '';
  const words = recipe.split(/\s+/).filter((word) => word !== '');
  const named = 'lmdb:/var/lib/dracd/relay,';
  if (!words.includes(named)) throw new Error(`the README's recipe names no ${named}`);
  return words.map((word) => (word === named ? `${table},` : word)).join(' ');
}

const MAIN_CF = (directory: string): string => `compatibility_level = 3.6
queue_directory = ${directory}/queue
data_directory = ${directory}/data
maillog_file = ${directory}/mail.log
maillog_file_prefixes = ${directory}
myhostname = mail.local.test
mydestination = local.test
mynetworks = 127.9.9.9/32
inet_interfaces = 127.0.0.1
inet_protocols = all
local_recipient_maps =
alias_maps =
alias_database =
local_transport = discard
default_transport = discard
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_hard_error_limit = 10000
smtpd_soft_error_limit = 10000
in_flow_delay = 0
smtpd_timeout = 300s
`;

const SERVICES = `cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
postlog unix-dgram n - n - 1 postlogd
`;

export class Postfix {
  readonly directory: string;
  /** Port of each smtpd, in the order of the restrictions given. */
  readonly ports: readonly number[];
  readonly #sessions: SmtpSession[] = [];

  private constructor(directory: string, ports: readonly number[]) {
    this.directory = directory;
    this.ports = ports;
  }

  /** Starts an instance with one smtpd for each smtpd_relay_restrictions given, and more lines of main.cf. */
  static async start(restrictions: readonly (string | Restrictions)[], mainCf = ''): Promise<Postfix> {
    if (process.getuid?.() !== 0) throw new Error('a private Postfix needs root: run the tests as root');
    const directory = newDirectory('postfix');
    const ports: number[] = [];
    while (ports.length < restrictions.length) {
      const port = await freePort();
      // The system may offer one again that nobody has taken yet.
      if (!ports.includes(port)) ports.push(port);
    }
    writeFileSync(path.join(directory, 'main.cf'), `${MAIN_CF(directory)}${mainCf}`);
    const doors = restrictions.map((one, index) => {
      const { text, chroot, options = [] } = typeof one === 'string' ? { text: one, chroot: false } : one;
      const more = options.map((option) => `  -o { ${option} }\n`).join('');
      return `127.0.0.1:${ports[index] ?? 0} inet n - ${chroot ? 'y' : 'n'} - - smtpd\n  -o { smtpd_relay_restrictions = ${text} }\n${more}`;
    });
    writeFileSync(path.join(directory, 'master.cf'), doors.join('') + SERVICES);
    copyFileSync('/etc/postfix/dynamicmaps.cf', path.join(directory, 'dynamicmaps.cf'));
    mkdirSync(path.join(directory, 'queue'));
    mkdirSync(path.join(directory, 'data'));
    const owner = await mustRun(['id', '-u', 'postfix']);
    const group = await mustRun(['id', '-g', 'postfix']);
    chownSync(path.join(directory, 'data'), Number(owner), Number(group));
    const postfix = new Postfix(directory, ports);
    await mustRun(['postfix', '-c', directory, 'start']);
    await until('smtpd answers', 10_000, () => reachable(ports[0] ?? 0));
    return postfix;
  }

  /** Ends all sessions and the instance; safe to call twice. */
  async stop(): Promise<void> {
    for (const session of this.#sessions) session.close();
    await run(['postfix', '-c', this.directory, 'stop']);
  }

  /** All that the instance has logged. */
  log(): string {
    const file = path.join(this.directory, 'mail.log');
    return existsSync(file) ? readFileSync(file, 'utf8') : '';
  }

  /** All processes of the instance. */
  processes(): Set<number> {
    return new Set(
      descendants(Number(readFileSync(path.join(this.directory, 'queue/pid/master.pid'), 'utf8'))),
    );
  }

  /** A session as the given client, at the smtpd with this index; it stays open. */
  async session(client: string, smtpd = 0): Promise<SmtpSession> {
    const session = await SmtpSession.open(this.ports[smtpd] ?? 0);
    this.#sessions.push(session);
    await session.become(client);
    return session;
  }

  /** The reply code of one recipient in a session of its own, and the process that gave it. */
  async askWhom(
    client: string,
    recipient: string,
    smtpd = 0,
  ): Promise<{ readonly code: number; readonly process: number }> {
    const session = await this.session(client, smtpd);
    const answer = { code: await session.recipient(recipient), process: await session.process() };
    session.close();
    return answer;
  }

  /** The reply code of one recipient in a session of its own. */
  async ask(client: string, recipient: string, smtpd = 0): Promise<number> {
    const session = await this.session(client, smtpd);
    const code = await session.recipient(recipient);
    session.close();
    return code;
  }
}

function reachable(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('error', () => {
      resolve(false);
    });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
  });
}

/** A session whose client Postfix is told. */
export class SmtpSession extends Dialogue {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    super({ said: socket, heard: [socket], whole: socket, end: () => socket.destroy() });
    this.#socket = socket;
  }

  static async open(port: number): Promise<SmtpSession> {
    const session = new SmtpSession(connect(port, '127.0.0.1'));
    await session.greeted();
    return session;
  }

  /** Speaks as this client from now on. */
  async become(client: string): Promise<void> {
    this.expect(250, await this.say('EHLO client.example'));
    const address = isIPv6(client) ? `IPV6:${client}` : client;
    this.expect(220, await this.say(`XCLIENT ADDR=${address} NAME=[UNAVAILABLE]`));
    this.expect(250, await this.say('EHLO client.example'));
  }

  /** The smtpd process at the other side. */
  async process(): Promise<number> {
    const { localPort = 0, remotePort = 0 } = this.#socket;
    const line = await mustRun(['ss', '-Htnp', `sport = :${remotePort} and dport = :${localPort}`]);
    const [, pid] = /pid=(\d+)/.exec(line) ?? [];
    if (pid === undefined) throw new Error(`nobody holds the session: ${line}`);
    return Number(pid);
  }
}
