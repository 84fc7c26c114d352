/** key - made once, read again, and not believed when others may read it. */
import { chmodSync, existsSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { KEY_NAME, readKey, readOrMakeKey } from '../../../src/audit/key.js';
import { newDirectory } from '../../support/processes.js';

test('it is made once, for its owner alone, and is the same from then on', () => {
  const directory = newDirectory('key');
  expect(readKey(directory)).toBeUndefined();
  const key = readOrMakeKey(directory);
  expect(key).toHaveLength(32);
  expect(statSync(path.join(directory, KEY_NAME)).mode & 0o777).toBe(0o600);
  expect(readOrMakeKey(directory)).toEqual(key);
  expect(readKey(directory)).toEqual(key);
  expect(readOrMakeKey(newDirectory('key'))).not.toEqual(key);
});

test('what an interrupted start has left is in nobody’s way', () => {
  const directory = newDirectory('key');
  writeFileSync(path.join(directory, `${KEY_NAME}.new`), 'half');
  expect(readOrMakeKey(directory)).toHaveLength(32);
  expect(existsSync(path.join(directory, `${KEY_NAME}.new`))).toBe(false);
});

test('a key that others may read, that is none, or a link is a Fault, and stays as it is', () => {
  const directory = newDirectory('key');
  const file = path.join(directory, KEY_NAME);
  readOrMakeKey(directory);
  const before = readFileSync(file, 'utf8');
  chmodSync(file, 0o640);
  expect(() => readOrMakeKey(directory)).toThrow(`${file} cannot be used: others may read it`);
  chmodSync(file, 0o600);
  expect(readFileSync(file, 'utf8')).toBe(before);
  writeFileSync(file, before.slice(0, 40));
  expect(() => readOrMakeKey(directory)).toThrow('it is no key');
  const other = newDirectory('key');
  symlinkSync(file, path.join(other, KEY_NAME));
  expect(() => readOrMakeKey(other)).toThrow('cannot be used');
  expect(() => readOrMakeKey('/nowhere')).toThrow('cannot be made');
});
