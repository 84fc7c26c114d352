/** reload - which keys differ, by their names in the configuration. */
import { parseConfig } from '../../src/config.js';
import { compareConfigs } from '../../src/reload.js';

const config = (text: string) => parseConfig(text, 'test', '/var/lib/dracd');
const EXPORTS = `[[exports]]\nformat = "list"\npath = "/a"\n[[exports]]\nformat = "list"\npath = "/b"\n`;

test.each([
  ['', '', [], []],
  ['', '[reporters]\nallow = ["192.0.2.1"]', ['reporters.allow'], []],
  ['', '[reporters]\nallow_file = "/x"\n[log]\nlevel = "debug"', ['reporters.allow_file', 'log.level'], []],
  ['[reporters.names]\na = ["192.0.2.1"]', '[reporters.names]\na = ["192.0.2.2"]', ['reporters.names'], []],
  ['', '[http]\nlisten = "127.0.0.1:9"', [], ['http.listen']],
  [
    '[grants]\nlifetime = "30m"',
    '[grants]\nlifetime = "20m"\nmax = 7',
    [],
    ['grants.lifetime', 'grants.max'],
  ],
  ['[grants]\nnever = ["192.0.2.1"]', '[grants]\nnever = ["192.0.2.2"]', [], ['grants.never']],
  [EXPORTS, EXPORTS.replace('"/b"', '"/b"\nmode = "0600"'), [], ['exports[1]']],
  [EXPORTS, `${EXPORTS}[[exports]]\nformat = "list"\npath = "/c"\n`, [], ['exports']],
] as [string, string, string[], string[]][])('%j and %j', (...[one, other, changed, needsRestart]) => {
  expect(compareConfigs(config(one), config(other))).toEqual({ changed, needsRestart });
});
