/**
 * audit - what it costs to record every ADD in a file, and whether each has its record
 *
 * Daemons that differ in nothing but the section [audit] take turns within each round: with the log alone, which every dracd has,
 * with a file, and with a file and hashed addresses. New clients are the dear case, a record each; they come as
 * fast as they are answered, which is several times the 20 k a second that the aims speak of. Renewals of a minute share one. Afterwards the files are read: grants and counts of renewals must add up to all that was answered.
 */
import { createReadStream, readdirSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { measureRates, ratios, shapes } from './rates.mjs';
import { PART } from './run.mjs';

/** @typedef {import('./run.mjs').Run} Run */
/** @typedef {import('./servers.mjs').Dracd} Dracd */
/** @typedef {import('./rates.mjs').Loads} Loads */

/** By their names in the tables. */
const MODES = /** @type {const} */ ({
  'log alone': undefined,
  'audit file': 'full',
  'audit file, hashed': 'hashed',
});
const [NONE, FILE, HASHED] = Object.keys(MODES);

/** How many ADDs the records of a daemon that has stopped stand for. @param {Dracd} dracd */
async function recorded(dracd) {
  let count = 0;
  const prefix = path.basename(dracd.auditFile);
  for (const name of readdirSync(dracd.directory).filter((one) => one.startsWith(prefix))) {
    const input = createReadStream(path.join(dracd.directory, name));
    for await (const line of createInterface({ input })) {
      const record = JSON.parse(line);
      if (record.kind === 'grant') count += 1;
      if (record.kind === 'renewal') count += record.count;
      if (record.kind === 'gap') count -= record.count;
    }
  }
  return count;
}

/** Each daemon gets clients that it does not know yet. @param {Run} run @param {ReadonlyMap<string, Dracd>} daemons @returns {Promise<Loads>} */
async function reportNew(run, daemons) {
  /** @type {Loads} */
  const loads = Object.fromEntries([...daemons.keys()].map((name) => [name, []]));
  const order = [...daemons];
  for (let round = 0; round < run.options.rounds; round += 1) {
    const first = round % order.length;
    for (const [name, dracd] of [...order.slice(first), ...order.slice(0, first)])
      loads[name]?.push(await run.generator.grant(dracd, { first: round * PART, count: PART }));
  }
  return loads;
}

/** @param {Run} run */
export async function measureAudit(run) {
  if (!run.wantsAny('audit')) return;
  /** @type {Map<string, Dracd>} */
  const daemons = new Map();
  for (const [name, audit] of Object.entries(MODES)) {
    const dracd = run.dracd(`audit-${daemons.size}`);
    await dracd.start(audit === undefined ? {} : { audit });
    daemons.set(name, dracd);
  }
  run.progress('audit: new clients');
  const fresh = await reportNew(run, daemons);
  run.progress('audit: renewals');
  const contenders = Array.from(daemons, ([name, server]) => ({ name, server, set: PART }));
  const shape = shapes['udp-8x64'];
  const renewals = await measureRates(run.generator, contenders, { ...shape, ...run.options });
  run.rates.push({ title: 'audit, new clients, TCP, 4 connections x 1024', loads: fresh, losses: {} });
  run.rates.push({ title: `audit, renewals, ${shape.title}`, loads: renewals, losses: {} });
  run.judge('audit/new', ratios(fresh, FILE ?? '', NONE ?? ''));
  run.judge('audit/renewals', ratios(renewals, FILE ?? '', NONE ?? ''));
  run.judge('audit/hashed', ratios(renewals, HASHED ?? '', NONE ?? ''));
  const missing = [];
  for (const [name, dracd] of daemons) {
    const counted = dracd.residentKib;
    await dracd.stop();
    if (name === NONE) continue;
    const said = dracd.counted();
    missing.push(said - (await recorded(dracd)));
    run.remarks.push(
      `${name}: ${said} reports answered SUCCESS; ${Math.round(counted / 1_024)} MiB resident`,
    );
  }
  run.judge('audit/missing', missing);
}
