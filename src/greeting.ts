/** greeting - what a person who started dracd on a terminal wants to know first */
import path from 'node:path';
import type { Config } from './config.js';
import { formats } from './exports/formats.js';

export interface GreetingOptions {
  readonly version: string;
  readonly config: Config;
  readonly addresses: readonly string[];
  readonly port: number;
  readonly rpcbind: string;
  /** Where look-ups listen. */
  readonly lookups: readonly string[];
  /** Where operators come in. */
  readonly admin: readonly string[];
  /** The program's path as it was started, for lines that can be pasted. */
  readonly reporter: string;
}

const EXAMPLE_CLIENT = '203.0.113.7';

/** Lines for the terminal: where it listens, which map it writes, what to try next. */
export function greeting(options: GreetingOptions): string {
  const { config, port } = options;
  const transports = [config.rpc.udp ? 'UDP' : '', config.rpc.tcp ? 'TCP' : '']
    .filter((name) => name !== '')
    .join(' and ');
  const lines = [
    '',
    `dracd ${options.version} is ready.`,
    `  listening  ${options.addresses.join(', ')}: ${transports} port ${port}, ONC RPC program 900101`,
    `  rpcbind    ${options.rpcbind === 'registered' ? 'registered: POP3 servers find the port by themselves' : `${options.rpcbind}: clients must be told the port`}`,
  ];
  for (const { format, path: map } of config.exports) lines.push(`  map        ${map} (${format})`);
  for (const place of options.lookups) lines.push(`  look-up    ${place}`);
  for (const place of options.admin) lines.push(`  operators  ${place}`);
  lines.push(
    '',
    '  Try next, in another terminal:',
    `    node ${options.reporter} -p ${port} ${EXAMPLE_CLIENT}`,
  );
  const [table] = config.exports.flatMap(({ format, path: map }) => formats[format].table?.(map) ?? []);
  if (table !== undefined) lines.push(`    /usr/sbin/postmap -q ${EXAMPLE_CLIENT} ${table}`);
  const [door] = options.admin.filter((place) => place.startsWith('unix:'));
  if (door !== undefined) {
    const operator = path.join(path.dirname(options.reporter), 'ctl.js');
    lines.push(`    node ${operator} --server ${door} list`);
  }
  lines.push('', '  Stop with Ctrl-C.', '');
  return `${lines.join('\n')}\n`;
}
