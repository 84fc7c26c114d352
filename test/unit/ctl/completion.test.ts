/** completion - in the shells themselves: bash and fish are asked, zsh is typed to */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mustRun, newDirectory, run } from '../../support/processes.js';
import { CTL } from './dracctl.js';
import { Terminal } from './terminal.js';

const directory = newDirectory('completion');
const at = (name: string): string => path.join(directory, name);

beforeAll(async () => {
  for (const shell of ['bash', 'zsh', 'fish'])
    writeFileSync(at(shell), await mustRun([process.execPath, CTL, 'completion', shell]));
  writeFileSync(at('rows.csv'), '');
});

/** What has been typed, and what is offered. */
const CASES: readonly (readonly [string, readonly string[]])[] = [
  ['dracctl ex', ['explain', 'export']],
  ['dracctl imp', ['import']],
  ['dracctl t', ['top']],
  ['dracctl hi', ['history']],
  ['dracctl history 192.0.2.7 --a', ['--at']],
  ['dracctl fo', ['forget']],
  ['dracctl forget 192.0.2.7 --re', ['--reason']],
  ['dracctl --server unix:/run/x st', ['stats']],
  ['dracctl --json wat', ['watch']],
  ['dracctl watch --a', ['--after']],
  ['dracctl watch --rec', ['--reconnect']],
  ['dracctl watch --after a-run:7 --rec', ['--reconnect']],
  ['dracctl top --in', ['--interval']],
  ['dracctl import --pa', ['--partial']],
  ['dracctl list --kind ', ['deny', 'grant', 'pin']],
  ['dracctl export --format ', ['csv', 'json']],
  ['dracctl completion ', ['bash', 'fish', 'zsh']],
  ['dracctl import ro', ['rows.csv']],
  ['dracctl --cert ro', ['rows.csv']],
  ['dracctl deny --reason ', []],
  ['dracctl help exp', ['explain', 'export']],
  ['dracctl show --ser', ['--server']],
  ['dracctl deny --y', ['--yes']],
  ['dracctl pin 192.0.2.7 --fo', ['--for']],
];

/** Options stand behind words wherever nothing is typed yet. */
const words = (offered: readonly string[], typed: string): string[] =>
  offered.filter((word) => word !== '' && (typed.endsWith(' ') ? !word.startsWith('-') : true)).sort();

test.each(CASES)('bash: %s', async (typed, expected) => {
  // As readline does it: words end at colons too.
  const script = `source ./bash
    read -ra COMP_WORDS <<<"$(sed 's/:/ : /g' <<<"$1")"
    [[ $1 == *' ' ]] && COMP_WORDS+=('')
    COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
    _dracctl
    printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { code, stdout, stderr } = await run(['bash', '-c', script, 'bash', typed], { cwd: directory });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(words(stdout.split('\n'), typed)).toEqual(expected);
});

test('fish', async () => {
  const script = `source ./fish; for typed in $argv; complete -C $typed; echo END; end`;
  const typed = CASES.map(([text]) => text);
  const { code, stdout, stderr } = await run(['fish', '--no-config', '-c', script, ...typed], {
    cwd: directory,
    env: { HOME: directory },
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  const answers = stdout
    .split('END\n')
    .map((answer) => answer.split('\n').map((line) => line.split('\t')[0] ?? ''));
  for (const [i, [text, expected]] of CASES.entries())
    expect({ text, offered: words(answers[i] ?? [], text) }).toEqual({ text, offered: expected });
});

test('zsh', async () => {
  const terminal = await Terminal.open({ columns: 120, rows: 40 }, 'zsh -f');
  try {
    await terminal.line(
      `cd ${directory}; autoload -Uz compinit; compinit -u -d ./dump; source ./zsh; echo READY`,
    );
    await terminal.shows(/^READY$/m);
    for (const [typed, expected] of CASES) {
      await terminal.keys('C-u', 'C-l');
      await terminal.type(typed);
      await terminal.keys('Tab');
      if (expected.length < 2) {
        // It is written in the line, at once; or there is nothing to write.
        const whole = expected[0] === undefined ? typed.trimEnd() : `dracctl .*${expected[0]}`;
        await terminal.shows(new RegExp(`^\\$ ${whole}$`, 'm'));
      } else {
        await terminal.keys('C-d');
        for (const word of expected) await terminal.shows(new RegExp(`^(?!\\$).*\\b${word}\\b`, 'm'));
      }
    }
  } finally {
    await terminal.close();
  }
});
