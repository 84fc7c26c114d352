/**
 * asking - mail servers that ask dracd's look-ups: those of ask.c, and ones that only keep their connections
 */
import { connect } from 'node:net';
import path from 'node:path';
import { BASE } from './load.mjs';
import { Wrong, run } from './processes.mjs';
import { KINDS, cpuSeconds } from './servers.mjs';

/** @typedef {import('./load.mjs').Load & {serverCpuUs: number}} Load */
/** @typedef {{through: 'unix' | 'tcp', sockets: number, window: number}} Shape sockets: of each kind */
/** @typedef {Record<(typeof KINDS)[number], Load>} Heard */
/** @typedef {Pick<import('./servers.mjs').Dracd, 'file' | 'doors' | 'pid'>} Answering */

/** One question of each kind. */
const QUESTIONS = {
  socketmap: '15:relay 192.0.2.1,',
  policy: 'request=smtpd_access_policy\nclient_address=192.0.2.1\n\n',
};

/** How ask.c is told where a look-up listens. @param {Answering} dracd @param {{kind: string, through: 'unix' | 'tcp'}} which */
function placeOf(dracd, { kind, through }) {
  return through === 'unix' ? dracd.file(kind) : (dracd.doors[kind] ?? '').replace(/^.*:/, '');
}

export class Asking {
  /** @param {string} programs where build.mjs has made ask */
  constructor(programs) {
    this.program = path.join(programs, 'ask');
  }

  /**
   * Asks both kinds at once about `set` clients that hold a grant and as many that do not; none: only about the latter.
   * @param {Answering} dracd
   * @param {Shape & {seconds: number, warm: number, set: number, none?: 0 | 1}} how
   * @returns {Promise<Heard>} serverCpuUs: of the server, for each answer of either kind
   */
  async drive(dracd, { through, sockets, window, seconds, warm, set, none = 0 }) {
    const options = { base: BASE, sockets, window, seconds, warm, set, none };
    const words = [
      ...Object.entries(options).map(([name, value]) => `${name}=${value}`),
      ...KINDS.map((kind) => `${kind}=${placeOf(dracd, { kind, through })}`),
    ];
    const before = cpuSeconds(dracd.pid);
    const { code, stdout, stderr } = await run([this.program, ...words]);
    if (code !== 0) throw new Wrong(`ask ${words.join(' ')}: ${stderr}`);
    const loads = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const answers = loads.reduce((sum, { replies }) => sum + replies, 0);
    const serverCpuUs = ((cpuSeconds(dracd.pid) - before) * 1e6) / Math.max(1, answers);
    const [socketmap, policy] = loads.map((load) => ({ ...load, serverCpuUs }));
    return { socketmap, policy };
  }
}

/** A connection that has asked once. @param {import('./servers.mjs').Dracd} dracd @param {{kind: (typeof KINDS)[number], through: 'unix' | 'tcp'}} which @returns {Promise<import('node:net').Socket>} */
function openOne(dracd, { kind, through }) {
  const place = placeOf(dracd, { kind, through });
  const socket = through === 'unix' ? connect(place) : connect(Number(place), '127.0.0.1');
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.once('close', () => reject(new Wrong(`${kind}: a connection was closed`)));
    socket.once('data', () => resolve(socket));
    socket.write(QUESTIONS[kind]);
  });
}

/** Opens connections, one after the other, as many through each door, and keeps them. @param {import('./servers.mjs').Dracd} dracd @param {{kind: (typeof KINDS)[number], count: number}} which */
export async function keepOpen(dracd, { kind, count }) {
  /** @type {import('node:net').Socket[]} */
  const sockets = [];
  while (sockets.length < count)
    sockets.push(await openOne(dracd, { kind, through: sockets.length % 2 === 0 ? 'unix' : 'tcp' }));
  return {
    close: () => {
      for (const socket of sockets) socket.destroy();
    },
  };
}
