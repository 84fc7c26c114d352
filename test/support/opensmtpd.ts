/**
 * opensmtpd - a host with Debian's OpenSMTPD and dracd, both as services, and another that has its clients
 *
 * OpenSMTPD is unpacked, not installed: what its package's scripts would do (two users, a set-group-ID bit) is done
 * here. The hosts are joined by a cable; the clients have the addresses that are given.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { Dialogue } from './dialogue.js';
import { Namespace } from './namespace.js';
import { ROOT, mustRun, newDirectory } from './processes.js';
import { SystemdHost } from './systemd-host.js';

export const SERVER_IPV4 = '10.77.7.1';
export const SERVER_IPV6 = '2001:db8:7::1';
const UNPACKED = path.join(ROOT, 'var/unpacked/opensmtpd');

export interface OpenSmtpdOptions {
  /** The files of the host, by their names; those below /etc/systemd/system are units. */
  readonly files: Readonly<Record<string, string>>;
  /** The addresses of all clients. */
  readonly clients: readonly string[];
}

/** What the package's scripts would do, and the files given. */
const setup = (files: string): string => `
echo 'opensmtpd:x:991:991::/var/lib/opensmtpd/empty:/usr/sbin/nologin' >> /etc/passwd
echo 'opensmtpq:x:992:992::/var/lib/opensmtpd/empty:/usr/sbin/nologin' >> /etc/passwd
printf 'opensmtpd:x:991:\\nopensmtpq:x:992:\\n' >> /etc/group
mkdir -p /var/lib/opensmtpd/empty
cp ${UNPACKED}/usr/sbin/smtpd ${UNPACKED}/usr/sbin/smtpctl /usr/local/sbin/
chgrp opensmtpq /usr/local/sbin/smtpctl
chmod 2755 /usr/local/sbin/smtpctl
find ${UNPACKED}/usr/lib -name '*.so*' -printf '%h\\n' | sort -u > /etc/ld.so.conf.d/opensmtpd.conf
ldconfig
touch /etc/aliases
sed 's:/usr/sbin/smtpd:/usr/local/sbin/smtpd:' ${UNPACKED}/lib/systemd/system/opensmtpd.service > /usr/lib/systemd/system/opensmtpd.service
cp -r ${files}/. /
`;

export class OpenSmtpd {
  readonly host: SystemdHost;
  readonly #namespaces: readonly Namespace[];
  readonly #outside: Namespace;
  readonly #dialogues: Dialogue[] = [];

  private constructor(host: SystemdHost, inside: Namespace, outside: Namespace) {
    this.host = host;
    this.#outside = outside;
    this.#namespaces = [inside, outside];
  }

  /** Debian's own smtpd.conf. */
  static async configuration(): Promise<string> {
    await unpack();
    return mustRun(['cat', path.join(UNPACKED, 'etc/smtpd.conf')]);
  }

  /** Starts the hosts; no service runs yet. */
  static async create({ files, clients }: OpenSmtpdOptions): Promise<OpenSmtpd> {
    await unpack();
    const tree = newDirectory('opensmtpd');
    for (const [name, text] of Object.entries(files)) {
      const file = path.join(tree, name);
      await mustRun(['mkdir', '-p', path.dirname(file)]);
      writeFileSync(file, text);
    }
    const inside = await Namespace.create();
    const outside = await Namespace.create();
    try {
      await connect(inside, outside, clients);
      return new OpenSmtpd(await SystemdHost.boot(inside, setup(tree)), inside, outside);
    } catch (thrown) {
      await inside.stop();
      await outside.stop();
      throw thrown;
    }
  }

  /** A session of a client; it stays open. */
  async session(client: string): Promise<Dialogue> {
    const server = client.includes(':') ? SERVER_IPV6 : SERVER_IPV4;
    const dialogue = Dialogue.from(this.#outside.prefix, [client, server, '25']);
    this.#dialogues.push(dialogue);
    await dialogue.greet();
    return dialogue;
  }

  /** The code of one recipient in a session of its own. */
  async ask(client: string, recipient: string): Promise<number> {
    const session = await this.session(client);
    const code = await session.recipient(recipient);
    session.close();
    return code;
  }

  async stop(): Promise<void> {
    for (const dialogue of this.#dialogues) dialogue.close();
    await this.host.stop();
    for (const namespace of this.#namespaces) await namespace.stop();
  }
}

/** A cable between server and clients, each with its addresses. */
async function connect(inside: Namespace, outside: Namespace, clients: readonly string[]): Promise<void> {
  await inside.join(outside, SERVER_IPV4, '10.77.7.2');
  await inside.run('ip', 'address', 'add', `${SERVER_IPV6}/64`, 'dev', 'cable', 'nodad');
  await outside.run('ip', 'address', 'add', '2001:db8:7::2/64', 'dev', 'cable', 'nodad');
  for (const client of clients) {
    const [network, ...options] = client.includes(':') ? [`${client}/128`, 'nodad'] : [`${client}/32`];
    await outside.run('ip', 'address', 'add', network, 'dev', 'cable', ...options);
    await inside.run('ip', 'route', 'add', network, 'dev', 'cable');
  }
}

async function unpack(): Promise<void> {
  const command = [path.join(ROOT, 'test/support/unpack-debian'), UNPACKED, 'opensmtpd'];
  await mustRun(command, { limitMs: 120_000 });
}
