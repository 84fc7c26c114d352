/** last-config - the configuration that a daemon ran with, for the time when it cannot be read */
import { mkdirSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseConfig } from '../../src/config.js';
import { LAST_CONFIG, keepConfig, lastConfig, leftMaps } from '../../src/last-config.js';
import { recordingLog } from '../support/live-map.js';
import { newDirectory } from '../support/processes.js';

let directory: string;
let file: string;
let { log, said } = recordingLog();

beforeEach(() => {
  directory = newDirectory('last-config');
  file = path.join(directory, 'dracd.toml');
  ({ log, said } = recordingLog());
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const exportsOf = (...names: string[]): string =>
  names.map((name) => `[[exports]]\nformat = "list"\npath = "/srv/${name}"\n`).join('');

test('what is kept comes back, the last of several', () => {
  expect(lastConfig(directory)).toBeUndefined();
  for (const text of ['', exportsOf('one'), `[grants]\nlifetime = "5m"\n${exportsOf('two')}`]) {
    writeFileSync(file, text);
    keepConfig(file, directory, log);
    expect(lastConfig(directory)).toEqual(parseConfig(text, file, directory));
  }
  expect(said).toEqual([]);
  expect(readdirSync(directory).sort()).toEqual(['dracd.toml', LAST_CONFIG]);
  expect((statSync(path.join(directory, LAST_CONFIG)).mode & 0o7777).toString(8)).toBe('640');
});

test('without a configuration file the defaults are what comes back', () => {
  keepConfig(undefined, directory, log);
  expect(lastConfig(directory)).toEqual(parseConfig('', 'none', directory));
});

test('what cannot be kept is told of and takes nothing with it', () => {
  writeFileSync(file, exportsOf('one'));
  keepConfig(file, directory, log);
  rmSync(file);
  keepConfig(file, directory, log);
  mkdirSync(path.join(directory, `${LAST_CONFIG}.new`));
  writeFileSync(file, exportsOf('two'));
  keepConfig(file, directory, log);
  expect(said.map(({ level, event }) => `${level} ${event}`)).toEqual(
    Array(2).fill('warn configuration: no copy can be kept for the time when dracd is down'),
  );
  expect(lastConfig(directory)?.exports[0]?.path).toBe('/srv/one');
});

test('one with a mistake is none', () => {
  writeFileSync(path.join(directory, LAST_CONFIG), '[rpc]\nport = "any"\n');
  expect(lastConfig(directory)).toBeUndefined();
  writeFileSync(path.join(directory, LAST_CONFIG), 'not TOML');
  expect(lastConfig(directory)).toBeUndefined();
});

test('the maps that another configuration does not name', () => {
  const parse = (...names: string[]) => parseConfig(exportsOf(...names), 'test', directory);
  const paths = (last: ReturnType<typeof parse> | undefined, now: ReturnType<typeof parse>): string[] =>
    leftMaps(last, now).map((one) => one.path);
  expect(paths(parse('one', 'two', 'three'), parse('two'))).toEqual(['/srv/one', '/srv/three']);
  expect(paths(parse('one'), parse('../srv/./one'))).toEqual([]);
  expect(paths(undefined, parse('one'))).toEqual([]);
});
