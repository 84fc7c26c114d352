/**
 * lookups - how fast the live look-ups answer, and what their idle connections cost
 *
 * Both kinds are asked at once by one process, ask.c, while new clients are reported at an even pace. A mail
 * server has one question outstanding on a connection: that shape is judged, and stands first. TCP, and
 * connections with many questions outstanding, stand beside it to compare. So does `postmap -q -`, which looks
 * into the lmdb map itself, without a server: the fastest that Postfix has.
 *
 * On two cores the event loop of dracd has one, and all else shares the other: the asker, the reporter, and
 * dracd's threads that write to the disk.
 */
import { keepOpen } from './asking.mjs';
import { pause } from './processes.mjs';
import { KINDS, startBare } from './servers.mjs';
import { spread } from './statistics.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */
/** @typedef {import('./asking.mjs').Load} Load */

const LIVE = 100_000;
const WARM_S = 0.25;
/** So long it is asked before the first round, until what answers has been compiled. */
const COMPILED_S = 1.5;
const ADDS_A_SECOND = 400;
/** The reporter begins before the asker and ends after it. */
const AROUND_S = 0.2;
const POSTMAP_TIMES = 2;
const IDLE = { connections: 1_000, settleMs: 1_500 };

/** @typedef {import('./asking.mjs').Shape & {title: string}} Shape */

/** @type {Shape} */
const WAITING = { title: 'one question outstanding', through: 'unix', sockets: 16, window: 1 };
/** @type {Shape} */
const OVER_TCP = { title: 'the same over TCP', through: 'tcp', sockets: 16, window: 1 };
/** @type {Shape} */
const PIPELINED = { title: '16 questions outstanding', through: 'unix', sockets: 16, window: 16 };

/** Asks in one shape while clients are reported who are new each time. */
class Rounds {
  /** What each kind heard, and the reporter. @type {Record<'socketmap' | 'policy' | 'reporter', Load[]>} */
  loads = { socketmap: [], policy: [], reporter: [] };

  /** @param {Run} run @param {Dracd} dracd @param {Shape} shape */
  constructor(run, dracd, shape) {
    this.run = run;
    this.dracd = dracd;
    this.shape = shape;
  }

  /** Answers a second of both kinds together, round by round. */
  get rates() {
    return this.loads.socketmap.map(({ rate }, round) => rate + (this.loads.policy[round]?.rate ?? NaN));
  }

  /** One more. @param {number} first index of the first client that is reported; answers the index that follows the last */
  async add(first) {
    const { asking, generator, options } = this.run;
    const seconds = WARM_S + options.seconds + 2 * AROUND_S;
    const ask = async () => {
      await pause(AROUND_S * 1_000);
      return asking.drive(this.dracd, {
        ...this.shape,
        seconds: options.seconds,
        warm: WARM_S,
        set: LIVE,
      });
    };
    const [reporter, heard] = await Promise.all([
      generator.drive('probe', this.dracd, { add: 1, every: 1_000 / ADDS_A_SECOND, seconds, first }),
      ask(),
    ]);
    for (const kind of KINDS) this.loads[kind].push(heard[kind]);
    // Its share of the server's time cannot be told from the asker's.
    this.loads.reporter.push({ ...reporter, serverCpuUs: NaN });
    return first + Math.ceil(seconds * ADDS_A_SECOND);
  }
}

/** Answers a second of the bare server. @param {Run} run */
async function measureBare(run) {
  const bare = await startBare(run.disk);
  const how = { ...WAITING, seconds: run.options.seconds, warm: COMPILED_S, set: LIVE };
  const { socketmap, policy } = await run.asking.drive(bare, how);
  await bare.stop();
  return socketmap.rate + policy.rate;
}

/** @param {Run} run @param {Dracd} dracd */
async function measureRates(run, dracd) {
  const [waiting, overTcp, pipelined] = [
    new Rounds(run, dracd, WAITING),
    new Rounds(run, dracd, OVER_TCP),
    new Rounds(run, dracd, PIPELINED),
  ];
  /** @type {number[]} */
  const postmap = [];
  /** @type {number[]} */
  const bare = [];
  let first = LIVE;
  for (let round = 0; round < run.options.rounds; round += 1) {
    bare.push(await measureBare(run));
    for (const shape of [waiting, overTcp, pipelined]) first = await shape.add(first);
    postmap.push(await run.postmap.rate(dracd.map, { grants: LIVE, times: POSTMAP_TIMES }));
  }
  for (const { loads, shape } of [waiting, overTcp, pipelined])
    run.rates.push({
      title: `look-ups, ${shape.sockets} connections of each kind, ${shape.title}`,
      loads,
      losses: {},
    });
  for (const kind of KINDS) {
    const p99 = waiting.loads[kind].map((load) => load.p99 / 1_000);
    run.judge(`lookups/${kind}-p99`, p99);
  }
  run.judge('lookups/rate', waiting.rates);
  run.judge('lookups/pipelined-rate', pipelined.rates);
  const asker = spread(waiting.loads.socketmap.map(({ cpu }) => cpu)).median;
  const alone = spread(postmap).median;
  const ratio = (/** @type {Rounds} */ { rates }, other = postmap) =>
    spread(rates.map((rate, round) => rate / (other[round] ?? NaN))).median.toPrecision(2);
  const limit = Math.round(spread(bare).median / 1_000);
  run.remarks.push(
    `look-ups: dracd's event loop has one core; the asker used ${Math.round(asker * 100)} % of the other, which it shares with the reporter and with dracd's writing threads`,
    `look-ups against a Node server that knows nothing and takes no reports (${limit} k a second with one question outstanding, what Node and the kernel can do here): ${ratio(waiting, bare)} x`,
    `look-ups against postmap -q - on the lmdb map (${Math.round(alone / 1_000)} k a second): ${ratio(waiting)} x; with ${PIPELINED.window} questions outstanding ${ratio(pipelined)} x`,
  );
}

/** What a connection costs that has asked once and is kept. @param {Run} run */
async function measureIdle(run) {
  for (const kind of KINDS) {
    const costs = [];
    for (let round = 0; round < run.options.restarts; round += 1) {
      const dracd = run.dracd(`idle-${kind}-${round}`);
      await dracd.start({ lookups: true });
      await pause(IDLE.settleMs);
      const before = dracd.residentKib;
      const held = await keepOpen(dracd, { kind, count: IDLE.connections });
      await pause(IDLE.settleMs);
      costs.push((dracd.residentKib - before) / IDLE.connections);
      held.close();
      await dracd.stop();
    }
    run.judge(`lookups/idle-${kind}`, costs);
  }
}

/** @param {Run} run */
export async function measureLookups(run) {
  if (!run.wantsAny('lookups')) return;
  const dracd = run.dracd('lookups');
  await dracd.start({ lookups: true });
  await run.grant(dracd, LIVE);
  run.progress('look-ups while clients are reported');
  // A daemon in service has been asked before.
  await run.asking.drive(dracd, { ...PIPELINED, seconds: COMPILED_S, warm: 0, set: LIVE });
  await measureRates(run, dracd);
  await dracd.stop();
  run.progress('idle look-up connections');
  await measureIdle(run);
}
