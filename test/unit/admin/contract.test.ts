/** contract - what is generated is what the proto file says, and every call and field is documented there */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { api } from '../../../src/admin/contract.js';
import { mustRun, ROOT } from '../../support/processes.js';

function contents(directory: string): Record<string, string> {
  const names = readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort();
  const files = names.filter((name) => statSync(path.join(directory, name)).isFile());
  return Object.fromEntries(files.map((name) => [name, readFileSync(path.join(directory, name), 'utf8')]));
}

test('src/admin/gen is what `npm run proto` makes', async () => {
  const { scripts } = JSON.parse(readFileSync(path.join(ROOT, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  const directory = mkdtempSync(path.join(tmpdir(), 'dracd-proto-'));
  const words = (scripts['proto'] ?? '')
    .replace('--outDir=src/admin/gen', `--outDir=${directory}`)
    .split(' ');
  const [program = '', ...args] = words;
  await mustRun([path.join(ROOT, 'node_modules/.bin', program), ...args], { cwd: ROOT });
  const made = contents(directory);
  rmSync(directory, { recursive: true });
  expect(Object.keys(made).length).toBeGreaterThan(30);
  expect(contents(path.join(ROOT, 'src/admin/gen'))).toEqual(made);
});

const proto = readFileSync(path.join(ROOT, 'proto/dracd/admin/v1/admin.proto'), 'utf8').split('\n');

/** Fields that the comment of their neighbour or message speaks for. */
const obvious =
  /^\s*(?:Row row|Rule rule|Kind kind|Verdict verdict|string text|bool flag|double number|repeated Row rows|repeated Stat stats|int64 number|google\.protobuf\.Timestamp at) = |_UNSPECIFIED = 0|KIND_(?:GRANTED|RENEWED|REVOKED|EXPIRED|PINNED|UNPINNED|DENIED|UNDENIED) = /;

test('every call and field says what it is', () => {
  const bare = proto.filter((line, i) => {
    const isDeclared = /^\s+(?:rpc |[\w.<>, ]+ \w+ = \d+;|[A-Z_]+ = \d+;)/.test(line) && !obvious.test(line);
    return isDeclared && !(proto[i - 1] ?? '').trim().startsWith('//');
  });
  expect(bare).toEqual([]);
});

test('the calls', () => {
  expect(Object.keys(api.Admin.service).sort()).toEqual([
    ...['Authorize', 'Deny', 'Explain', 'Forget', 'History', 'List', 'Pin', 'Reload', 'Revoke', 'Rotate'],
    ...['Shutdown', 'Stats', 'Undeny', 'Unpin', 'Watch'],
  ]);
});
