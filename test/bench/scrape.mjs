/**
 * scrape - what it takes to read the metrics while many grants are live, and whether there are more of them then
 */
import { pause } from './processes.mjs';

const GRANTS = 100_000;
const SCRAPES = 20;
/** A scrape that was just made is sent again as it is. */
const APART_MS = 250;

/** @param {import('./servers.mjs').Dracd} dracd */
async function scrape({ http }) {
  const since = performance.now();
  const response = await fetch(`http://127.0.0.1:${http}/metrics`);
  const text = await response.text();
  const tookMs = performance.now() - since;
  return { tookMs, series: text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length };
}

/** @param {import('./run.mjs').Run} run */
export async function measureScrape(run) {
  if (!run.wantsAny('scrape')) return;
  const dracd = run.dracd('scrape');
  await dracd.start();
  await run.grant(dracd, 1);
  await pause(APART_MS);
  const before = await scrape(dracd);
  run.progress(`scrapes among ${GRANTS} grants`);
  await run.grant(dracd, GRANTS);
  const taken = [];
  for (let n = 0; n < SCRAPES; n += 1) {
    await pause(APART_MS);
    taken.push(await scrape(dracd));
  }
  run.judge(
    'scrape/took',
    taken.map(({ tookMs }) => tookMs),
  );
  run.judge(
    'scrape/series',
    taken.map(({ series }) => series - before.series),
  );
  await dracd.stop();
}
