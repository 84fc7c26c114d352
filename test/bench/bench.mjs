/**
 * bench - how fast dracd is, beside its aims: npm run bench -- [--quick] [--only NAME] [--seconds N] [--rounds N] [--json]
 *
 * Builds two libtirpc servers of proto/drac.x (one whose ADD does nothing, one that does what the original
 * does: an fdatasync an ADD) and measures dracd beside them, in rounds in which they take turns; then its look-ups and
 * its exports, what operators do, and dracd with a million grants. Only ratios measured in one run carry over to another
 * machine. Progress goes to standard error; the tables, and in the last line all of it as JSON, to standard output.
 *
 * Exit status: 0 measured, whether the aims were met or not; 1 something is wrong (a program is missing, a
 * reply was not right); 64 usage.
 */
import { measureAudit } from './audit.mjs';
import { build, checkPrograms } from './build.mjs';
import { checkMap, compareServers } from './compare.mjs';
import { measureCommand } from './command.mjs';
import { describeMachine, diskDirectory, probeDisk } from './machine.mjs';
import { measureLookups } from './lookups.mjs';
import { measureMany } from './many.mjs';
import { parseOptions } from './options.mjs';
import { Wrong, cleanUp, leaveNothing } from './processes.mjs';
import { measurePublishing } from './publishing.mjs';
import { printReport } from './report.mjs';
import { measureRevoke } from './revoke.mjs';
import { Run } from './run.mjs';
import { measureScrape } from './scrape.mjs';
import { measureWatch } from './watch.mjs';

/** @param {import('./options.mjs').Options} options */
async function measure(options) {
  checkPrograms();
  const run = new Run(options, diskDirectory());
  run.progress(`works in ${run.disk}`);
  await build(run.programs);
  const machine = describeMachine(run.disk);
  const before = probeDisk(run.disk);
  await compareServers(run);
  await checkMap(run);
  await measureAudit(run);
  await measureLookups(run);
  await measurePublishing(run);
  await measureScrape(run);
  await measureWatch(run);
  await measureCommand(run);
  await measureMany(run);
  await measureRevoke(run);
  const fdatasync = { before, after: probeDisk(run.disk) };
  const { rates, verdicts, remarks } = run;
  return { machine: { ...machine, fdatasync }, rates, verdicts, remarks };
}

/** @typedef {Awaited<ReturnType<typeof measure>>} Result */

/** @param {unknown} error */
function explain(error) {
  if (error instanceof Wrong) return error.message;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}

const options = parseOptions(process.argv.slice(2));
leaveNothing();
try {
  const result = await measure(options);
  printReport(result, options);
} catch (error) {
  process.stderr.write(`bench: ${explain(error)}\n`);
  process.exitCode = 1;
}
cleanUp();
