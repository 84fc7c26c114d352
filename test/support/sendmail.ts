/**
 * sendmail - a mail host with Debian's Sendmail, in a namespace: its own /etc, /run, /var/lib, addresses and clients
 *
 * Sendmail is not installed (it would drive out Postfix) but unpacked, and stands in its places inside of the
 * namespace only, so that the documentation's paths and commands are used as they are. The configuration is the
 * one that the package brings, made by its own Makefile, with lines of the documentation in it. Mail that is
 * accepted stays in the queue. dracd runs there as a user of its own. Needs root.
 *
 * The clients' addresses are routed to the namespace without being its own, because dracd never grants an
 * address of its host. They have no names.
 */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Daemon, type DaemonOptions } from './daemon.js';
import { Dialogue, codeOf } from './dialogue.js';
import { Namespace } from './namespace.js';
import { withNames } from './page.js';
import {
  type Ended,
  MAIN,
  ROOT,
  childEnvironment,
  mustRun,
  newDirectory,
  run,
  settlesWithin,
  until,
} from './processes.js';

/** A recipient of the host's own domain: inbound mail. */
export const LOCAL_RECIPIENT = 'somebody@local.test';
/** A recipient elsewhere: relaying. */
export const FOREIGN_RECIPIENT = 'somebody@other.example';
/** A client that relay-domains lets relay, and one that the access map does. */
export const OWN_CLIENT = '198.51.100.99';
export const ACCESS_CLIENT = '198.51.100.98';

const UNPACKED = path.join(ROOT, 'var/unpacked/sendmail');
const DEBIAN_MC = path.join(UNPACKED, 'usr/share/sendmail/cf/debian/sendmail.mc');
const DRACAUTH = path.join(ROOT, 'dist/dracauth.js');
const SMTP = 25;
const CF = '/etc/mail/sendmail.cf';
const HOST_NAME = 'mail.local.test';
const ADDRESS = { 4: '192.0.2.25', 6: '2001:db8:25::25' } as const;

/** Outside of the namespace nothing is changed: what is written to is a copy, or in memory. */
const SETUP = `
unpacked=$1
cp -a /etc /run/etc
mount --bind /run/etc /etc
for part in sbin share; do
  mkdir -p "/run/usr/$part" "/run/usr/real-$part"
  mount --bind "/usr/$part" "/run/usr/real-$part"
  ln -s "/run/usr/real-$part"/* "/run/usr/$part/"
  ln -sfn "$unpacked/usr/$part"/* "/run/usr/$part/"
done
ln -sfn "$unpacked/usr/libexec/sendmail/sendmail" /run/usr/sbin/sendmail
for part in sbin share; do mount --bind "/run/usr/$part" "/usr/$part"; done
# LD_LIBRARY_PATH would not do: Sendmail is set-group-ID.
ls -d "$unpacked"/usr/lib/*-linux-gnu >/etc/ld.so.conf.d/sendmail.conf
ldconfig -X
for user in smmta:64001 smmsp:64002 dracd:64003; do
  name=\${user%:*} id=\${user#*:}
  echo "$name:x:$id:$id::/nonexistent:/usr/sbin/nologin" >>/etc/passwd
  echo "$name:x:$id:" >>/etc/group
done
printf '127.0.0.1 localhost\\n::1 localhost\\n${ADDRESS[4]} ${HOST_NAME}\\n' >/etc/hosts
printf '%s: files\\n' passwd group hosts services protocols >/etc/nsswitch.conf

mount -t tmpfs -o mode=0755 tmpfs /var/lib
mount -t tmpfs -o mode=0755 tmpfs /var/spool
install -d -o dracd -g dracd -m 0755 /var/lib/dracd
install -d -o dracd -g dracd -m 0750 /run/dracd
install -d -o smmta -g smmsp -m 2750 /var/spool/mqueue
install -d -o smmsp -g smmsp -m 2770 /var/spool/mqueue-client
install -d /var/lib/sendmail /run/sendmail/mta /run/sendmail/stampdir /etc/mail
cp -a "$unpacked/etc/mail/." /etc/mail/
cp /usr/share/sendmail/cf/debian/submit.mc /etc/mail/
touch /etc/mail/m4/dialup.m4 /etc/mail/m4/provider.m4 /etc/aliases
echo local.test >/etc/mail/local-host-names
echo ${OWN_CLIENT} >/etc/mail/relay-domains
printf 'Connect:${ACCESS_CLIENT}\\tRELAY\\nFrom:foreign.example\\tOK\\n' >/etc/mail/access

ip address add ${ADDRESS[4]}/24 dev lo
ip address add ${ADDRESS[6]}/64 dev lo nodad
ip route add local 198.51.100.0/24 dev lo
ip route add local 203.0.113.0/24 dev lo
ip route add local 2001:db8:7::/48 dev lo
echo 1 >/proc/sys/net/ipv6/ip_nonlocal_bind
`;

/** What a sendmail.mc of these lines reads like, put where the documentation says, and open to all addresses. */
function mcText(lines: string): string {
  const text = withNames(readFileSync(DEBIAN_MC, 'utf8'), {
    'dnl DAEMON_OPTIONS(`Family=inet6': 'DAEMON_OPTIONS(`Family=inet6',
    '\nDAEMON_OPTIONS(`Family=inet, ': '\ndnl DAEMON_OPTIONS(`Family=inet, ',
    ', Addr=::1': '',
    // What slows down those who ask often.
    "FEATURE(`greet_pause', `1000')dnl": 'dnl',
    "define(`confBAD_RCPT_THROTTLE',`3')dnl": 'dnl',
    "define(`confCONNECTION_RATE_THROTTLE', `15')dnl": 'dnl',
  });
  return withNames(text, { MAILER_DEFINITIONS: `${lines}MAILER_DEFINITIONS` });
}

export interface Listening {
  /** Default: what the configuration says, which is 25 and 587. */
  readonly port?: number;
  /** Default: the configuration that `configure` has made. */
  readonly cf?: string;
}

export class MailHost {
  /** Files that its programs are given. */
  readonly directory = newDirectory('sendmail');
  readonly #namespace: Namespace;
  readonly #daemons: ChildProcess[] = [];
  readonly #sessions: Dialogue[] = [];

  private constructor(namespace: Namespace) {
    this.#namespace = namespace;
  }

  static async create(): Promise<MailHost> {
    const unpack = path.join(ROOT, 'test/support/unpack-debian');
    await mustRun(['bash', unpack, UNPACKED, 'sendmail-bin', 'sendmail-cf', 'm4'], { limitMs: 120_000 });
    const namespace = await Namespace.create();
    try {
      await mustRun([...namespace.prefix, 'bash', '-ec', SETUP, 'setup', UNPACKED]);
    } catch (error) {
      await namespace.stop();
      throw error;
    }
    return new MailHost(namespace);
  }

  /** The words that run what follows them on this host, as root. */
  get prefix(): readonly string[] {
    const named = `hostname ${HOST_NAME}; PATH=${UNPACKED}/usr/bin:$PATH; exec "$@"`;
    return [...this.#namespace.prefix, 'unshare', '--uts', 'sh', '-ec', named, 'sh'];
  }

  /** The same as the user that dracd runs as. */
  get asDracd(): readonly string[] {
    return [...this.prefix, 'setpriv', '--reuid=dracd', '--regid=dracd', '--clear-groups'];
  }

  /** Runs a shell script on this host to its end; its standard output. */
  shell(script: string): Promise<string> {
    return mustRun([...this.prefix, 'bash', '-ec', script]);
  }

  /** Starts dracd as its service does: state in /var/lib/dracd, sockets in /run/dracd. */
  dracd(options: DaemonOptions): Promise<Daemon> {
    return Daemon.start({
      directory: this.directory,
      journal: '/var/lib/dracd/journal',
      map: '/var/lib/dracd/relay.lmdb',
      admin: '[admin]\nlisten = ["unix:/run/dracd/admin.sock"]',
      prefix: this.asDracd,
      ...options,
    });
  }

  /** Runs dracd with its last configuration and these words more. */
  dracdOnce(...words: readonly string[]): Promise<Ended> {
    const config = path.join(this.directory, 'dracd.toml');
    return run([...this.asDracd, process.execPath, MAIN, '--config', config, ...words]);
  }

  /** Reports clients to the dracd at this port. */
  async report(port: number, ...clients: readonly string[]): Promise<void> {
    await mustRun([...this.prefix, ...this.dracauth(port), ...clients]);
  }

  /** The words of `dracauth` on this host, which has no rpcbind to tell the port. */
  dracauth(port: number): readonly string[] {
    return [process.execPath, DRACAUTH, '-p', String(port)];
  }

  /** Puts lines into /etc/mail/sendmail.mc and runs what the documentation says (`make -C /etc/mail`). */
  async configure(lines: string, command: string): Promise<void> {
    await this.#putMc('sendmail', lines);
    await this.shell(
      `perl /usr/share/sendmail/update_conf && perl /usr/share/sendmail/update_mk && ${command}`,
    );
  }

  /** Makes a configuration beside; its path. */
  async variant(name: string, lines: string): Promise<string> {
    await this.#putMc(name, lines);
    await this.shell(`m4 /etc/mail/${name}.mc >/etc/mail/${name}.cf`);
    return `/etc/mail/${name}.cf`;
  }

  async #putMc(name: string, lines: string): Promise<void> {
    const file = path.join(this.directory, `${name}.mc`);
    writeFileSync(file, mcText(lines));
    await mustRun([...this.prefix, 'cp', file, '/etc/mail/']);
  }

  /** Starts a Sendmail; resolves when it answers at the port. */
  async sendmail({ port = SMTP, cf = CF }: Listening = {}): Promise<void> {
    const more = port === SMTP ? [] : ['-O', `DaemonPortOptions=Family=inet6,Name=MTA,Port=${port}`];
    const [file = '', ...args] = [...this.prefix, 'sendmail', '-C', cf, '-bD', '-odq', ...more];
    const child = spawn(file, args, { env: childEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
    this.#daemons.push(child);
    let said = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (said += text));
    await until('sendmail answers', 20_000, async () => {
      if (child.exitCode !== null) throw new Error(`sendmail ended: ${said}`);
      return (await this.session('203.0.113.250', port).catch(() => undefined)) !== undefined;
    });
  }

  /** `sendmail -bt`: what it says to these lines, without its greeting and prompts. */
  async test(lines: readonly string[], cf = CF): Promise<string[]> {
    const input = `${lines.join('\n')}\n`;
    // Its exit status tells of the last question only.
    const { stdout } = await run([...this.prefix, 'sendmail', '-C', cf, '-bt'], { input });
    return stdout
      .split('\n')
      .slice(2)
      .map((line) => line.replace(/^(?:> ?)+/, ''))
      .filter((line) => line !== '');
  }

  /** A session from this client's address; it stays open. */
  async session(client: string, port = SMTP): Promise<Dialogue> {
    const server = client.includes(':') ? ADDRESS[6] : ADDRESS[4];
    const dialogue = Dialogue.from(this.prefix, [client, server, String(port)]);
    this.#sessions.push(dialogue);
    await dialogue.greet();
    return dialogue;
  }

  /** The reply to one recipient in a session of its own. */
  async reply(client: string, recipient: string, port = SMTP): Promise<string> {
    const session = await this.session(client, port);
    const reply = await session.reply(recipient);
    session.close();
    return reply;
  }

  /** Its code. */
  async ask(client: string, recipient: string, port = SMTP): Promise<number> {
    return codeOf(await this.reply(client, recipient, port));
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.close();
    for (const child of this.#daemons) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const exited = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await settlesWithin(exited, 5_000);
    }
    await this.#namespace.stop();
  }
}
