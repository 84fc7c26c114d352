import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { diskUse } from '../../../src/runtime/disk-use.js';

const directory = mkdtempSync(path.join(tmpdir(), 'disk-use-'));
afterAll(() => {
  rmSync(directory, { recursive: true });
});

test('the files of a directory are added up, and the disk has room left', async () => {
  writeFileSync(path.join(directory, 'a'), Buffer.alloc(1_000));
  writeFileSync(path.join(directory, 'b'), Buffer.alloc(234));
  const use = await diskUse(directory);
  expect(use?.used).toBe(1_234);
  expect(use?.free).toBeGreaterThan(0);
});

test('a directory that is not there is not known', async () => {
  expect(await diskUse(path.join(directory, 'none'))).toBeUndefined();
});
