/**
 * build - the benchmark's C programs, made by rpcgen and gcc when it runs
 *
 * load, the load generator; ask, the mail servers that ask look-ups; reflex, what the load generator is measured against; noop and original, libtirpc
 * servers of proto/drac.x. Errors: Wrong, naming the Debian packages of what is missing.
 */
import { accessSync, constants, copyFileSync, existsSync } from 'node:fs';
import path from 'node:path';
import { Wrong, mustRun } from './processes.mjs';

export const ROOT = path.resolve(import.meta.dirname, '../..');
export const MAIN = path.join(ROOT, 'dist/main.js');
const OWN = import.meta.dirname;
/** Where Debian puts commands that are not for everybody, too. */
const SEARCH = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];

/** What is needed, and the Debian package that brings it. */
const COMMANDS = { gcc: 'gcc', rpcgen: 'rpcsvc-proto', postmap: 'postfix' };
const FILES = {
  '/usr/include/stdio.h': 'libc6-dev',
  '/usr/include/tirpc/rpc/rpc.h': 'libtirpc-dev',
  '/usr/lib/postfix/postfix-lmdb.so': 'postfix-lmdb',
};

/** The path of a command, or undefined. @param {string} name */
export function commandPath(name) {
  return SEARCH.map((directory) => path.join(directory, name)).find((file) => {
    try {
      accessSync(file, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}

/** Throws Wrong when something is missing. */
export function checkPrograms() {
  if (!existsSync(MAIN)) throw new Wrong(`${MAIN} is missing: npm run build`);
  const missing = [
    ...Object.entries(COMMANDS).filter(([name]) => commandPath(name) === undefined),
    ...Object.entries(FILES).filter(([file]) => !existsSync(file)),
  ];
  if (missing.length === 0) return;
  const names = missing.map(([name]) => name).join(', ');
  const packages = [...new Set(missing.map(([, name]) => name))].join(' ');
  throw new Wrong(`missing: ${names}. On Debian, as root: apt-get install ${packages}`);
}

/** Makes the programs in a directory. @param {string} cwd */
export async function build(cwd) {
  copyFileSync(path.join(ROOT, 'proto/drac.x'), path.join(cwd, 'drac.x'));
  const made = { '-h': 'drac.h', '-c': 'drac_xdr.c', '-m': 'drac_svc.c' };
  for (const [what, file] of Object.entries(made))
    await mustRun(['rpcgen', what, '-o', file, 'drac.x'], { cwd });
  // No warnings: half of what is compiled is rpcgen's.
  const gcc = ['gcc', '-O2', '-w', '-I.', `-I${OWN}`, '-I/usr/include/tirpc'];
  const libtirpc = [path.join(OWN, 'server.c'), 'drac_svc.c', 'drac_xdr.c', '-ltirpc'];
  const compile = (/** @type {string} */ name, /** @type {string[]} */ more) =>
    mustRun([...gcc, '-o', name, path.join(OWN, `${name}.c`), ...more], { cwd });
  await Promise.all([
    compile(
      'load',
      ['load-probe.c', 'load-common.c'].map((file) => path.join(OWN, file)),
    ),
    compile('ask', [path.join(OWN, 'load-common.c')]),
    compile('reflex', []),
    compile('noop', libtirpc),
    compile('original', libtirpc),
  ]);
}
