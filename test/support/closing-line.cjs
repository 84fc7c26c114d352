/**
 * closing-line - jest reporter: `N passed, N failed`, alone on a line, whatever jest itself prints
 *
 * When DRACD_TEST_TALLY names a file, the counts are added to it instead: test/run makes two runs and
 * prints the sum. A file of tests that cannot load is a failure.
 */
const fs = require('node:fs');

module.exports = class ClosingLine {
  onRunComplete(_contexts, results) {
    const failed = results.numFailedTests + results.numRuntimeErrorTestSuites;
    const skipped = results.numPendingTests + results.numTodoTests;
    const tally = process.env.DRACD_TEST_TALLY;
    if (tally) {
      fs.appendFileSync(tally, `${results.numPassedTests} ${failed} ${skipped}\n`);
      return;
    }
    process.stdout.write(
      `${results.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`,
    );
  }
};
