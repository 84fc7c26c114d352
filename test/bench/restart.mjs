/**
 * restart - how long a daemon with many grants is deaf when it is started again, and what the map says meanwhile
 *
 * The time is from the start of the process to the first right answer to an ADD, which is sent every
 * ASK_MS to the port of before. All the while, from before the stop, look-ups ask for grants that are alive.
 * Every other time the daemon is not stopped but killed.
 */
import { createSocket } from 'node:dgram';
import { BASE } from './load.mjs';
import { Wrong } from './processes.mjs';

const ASK_MS = 5;
const LIMIT_MS = 60_000;
const LOOK_UP_EVERY_MS = 50;
const REPLY = Buffer.from('000000010000000000000000000000000000000000000000', 'hex');

/** An ADD of the first address. @param {number} xid */
function encodeAdd(xid) {
  const call = Buffer.alloc(44);
  [xid, 0, 2, 900_101, 1, 1, 0, 0, 0, 0, BASE].forEach((word, i) => call.writeUInt32BE(word, 4 * i));
  return call;
}

/** Asks until there is an answer; resolves when it comes. Rejects with Wrong when it is not SUCCESS. @param {number} port @returns {Promise<void>} */
function firstAnswer(port) {
  const socket = createSocket('udp4');
  let xid = 0;
  return new Promise((resolve, reject) => {
    const asking = setInterval(() => {
      xid += 1;
      socket.send(encodeAdd(xid), port, '127.0.0.1');
    }, ASK_MS);
    const late = setTimeout(
      () => end(new Wrong(`dracd: no answer ${LIMIT_MS} ms after its start`)),
      LIMIT_MS,
    );
    const end = (/** @type {Error | undefined} */ error) => {
      clearInterval(asking);
      clearTimeout(late);
      socket.close();
      if (error === undefined) resolve();
      else reject(error);
    };
    socket.once('message', (reply) => {
      const right = reply.subarray(4).equals(REPLY) && reply.readUInt32BE(0) <= xid;
      end(right ? undefined : new Wrong(`dracd: wrong reply after a restart: ${reply.toString('hex')}`));
    });
  });
}

/**
 * @param {import('./servers.mjs').Dracd} dracd which runs, and runs again afterwards
 * @param {{postmap: import('./postmap.mjs').Postmap, grants: number, rounds: number}} options
 */
export async function measureRestarts(dracd, { postmap, grants, rounds }) {
  const answered = [];
  const watch = postmap.watch(dracd.map, { grants, everyMs: LOOK_UP_EVERY_MS });
  for (let round = 0; round < rounds; round += 1) {
    await dracd.stop(round % 2 === 0 ? 'SIGTERM' : 'SIGKILL');
    const from = performance.now();
    dracd.launch();
    await firstAnswer(dracd.port);
    answered.push((performance.now() - from) / 1_000);
    await dracd.ready();
    const recovered = dracd.lastStart.grants;
    if (recovered !== grants) throw new Wrong(`dracd: ${recovered} of ${grants} grants after a restart`);
  }
  return { answered, seen: await watch.stop() };
}
