/**
 * compare - dracd beside the do-nothing server and the original's stand-in; and whether its word is good
 */
import { measureLosses, measureRates, ratios, shapes } from './rates.mjs';

/** @typedef {import('./run.mjs').Run} Run */

/** Live grants of dracd while it is compared; the calls go round their clients. */
const LIVE = 100_000;
const LIMIT_S = 0.3;
/** The map: clients that are asked for right after their report was answered, while others report. */
const ASKED = 20;
const BUSY = { seconds: 1, sockets: 1, window: 64, set: 1_000 };

/** Each shape of load that is wanted. @param {Run} run */
export async function compareServers(run) {
  const wanted = Object.entries(shapes).filter(([name]) => run.wantsAny(name));
  if (wanted.length === 0) return;
  const dracd = run.dracd('dracd');
  await dracd.start();
  run.progress(`granting ${LIVE} clients`);
  await run.grant(dracd, LIVE);
  const reflex = await run.server('reflex');
  const servers = [dracd, await run.server('noop'), await run.server('original')];
  const contenders = servers.map((server) => ({ name: server.name, server, set: LIVE }));
  const limits = [{ name: 'limit', server: reflex, set: LIVE }];
  for (const [name, shape] of wanted) {
    run.progress(shape.title);
    const loads = await measureRates(run.generator, contenders, { ...shape, ...run.options });
    const { limit } = await measureRates(run.generator, limits, { ...shape, seconds: LIMIT_S, rounds: 1 });
    const bursts = name === 'udp-8x64';
    const losses = bursts ? await measureLosses(run.generator, contenders, shape) : {};
    run.rates.push({ title: shape.title, loads, losses, limit: limit?.[0]?.rate ?? NaN });
    run.judge(`${name}/original`, ratios(loads, 'dracd', 'original'));
    if (name === 'udp-64' || name === 'tcp-4x1024') run.judge(`${name}/noop`, ratios(loads, 'dracd', 'noop'));
    if (bursts) run.judge(`${name}/lost`, [losses['dracd'] ?? NaN]);
  }
  for (const server of [...servers, reflex]) await server.stop();
}

/** SUCCESS means that Postfix relays: new clients, looked up as soon as their report is answered. @param {Run} run */
export async function checkMap(run) {
  if (!run.wantsAny('map')) return;
  run.progress('look-ups right after the answer');
  const dracd = run.dracd('map');
  await dracd.start();
  await run.grant(dracd, BUSY.set);
  let missing = 0;
  const busy = run.generator.drive('udp', dracd, BUSY);
  for (let index = BUSY.set; index < BUSY.set + ASKED; index += 1) {
    await run.generator.grant(dracd, { first: index, count: 1 });
    missing += 1 - (await run.postmap.permitted(dracd.map, [index]));
  }
  await busy;
  run.judge('map/missing', [missing]);
  await dracd.stop();
}
