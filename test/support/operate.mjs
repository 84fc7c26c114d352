/**
 * operate - the built daemon with its operations at hand: requests on standard input, answers on standard output
 *
 *   node operate.mjs CONFIG [-i]
 *
 * A request is a line `{"id":1,"call":"deny","args":[...]}`, its answer a line `{"answer":1,"result":...}` or
 * `{"answer":1,"fault":{"code":...,"message":...}}`, among the daemon's log lines. Calls are those of Operations;
 * `rows` answers all rows, `watch` tells each change as a line `{"change":...}`.
 */
import { createInterface } from 'node:readline';
import { Daemon } from '../../dist/daemon.js';
import { readConfig } from '../../dist/config.js';
import { systemClock } from '../../dist/runtime/clock.js';
import { createLogger } from '../../dist/runtime/log.js';

const [configFile = '', init] = process.argv.slice(2);
const reread = () => readConfig(configFile, '/nowhere');
const config = reread();
const log = createLogger({ level: config.log.level, style: 'json' });
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`);
const daemon = await Daemon.start({
  config,
  clock: systemClock,
  log,
  forgetAll: init === '-i',
  version: 'test',
  reread,
  shutdown: (why) => {
    say({ shutdown: why });
    void daemon.stop().then(() => process.exit(0));
  },
});
const { operations } = daemon;
const calls = {
  rows: (filter) => [...operations.rows(filter)].filter((row) => row !== undefined),
  watch: (position) => {
    const watching = operations.watch(position, (change) => say({ change }));
    return watching !== undefined;
  },
  position: () => operations.position,
  epoch: () => operations.epoch,
};

async function answer({ id, call, args }) {
  try {
    const result = await (calls[call] ?? operations[call].bind(operations))(...args);
    say({ answer: id, result });
  } catch (error) {
    say({ answer: id, fault: { code: error.code, message: error.message } });
  }
}

process.on('SIGTERM', () => void daemon.stop().then(() => process.exit(0)));
createInterface({ input: process.stdin }).on('line', (line) => void answer(JSON.parse(line)));
