/** The lock beside a map: one daemon a map, however the first one ends. */
import { existsSync, mkdirSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import type { OpenLiveMap } from '../../../src/exports/format.js';
import { exclusive } from '../../../src/exports/map-lock.js';
import { silentLog } from '../../../src/runtime/log.js';
import { newDirectory } from '../../support/processes.js';

/** A map that only says whether it is open. */
function paper(openFails = false): OpenLiveMap & { isOpen: boolean } {
  const map = {
    isOpen: false,
    degraded: undefined,
    apply: () => undefined,
    freshness: { behindSince: undefined, writtenAt: 0 },
    renew: () => undefined,
    tick: () => undefined,
    open: () => {
      if (openFails) return Promise.reject(new Error('no'));
      map.isOpen = true;
      return Promise.resolve();
    },
    close: () => {
      map.isOpen = false;
      return Promise.resolve();
    },
  };
  return map;
}

const place = (): string => path.join(newDirectory('lock'), 'below', 'relay.lmdb');
const at = (file: string) => ({ path: file, log: silentLog });

test('a second one is refused and not opened; after the first has closed it is not', async () => {
  const file = place();
  const first = exclusive(paper(), at(file));
  await first.open();
  const inner = paper();
  const second = exclusive(inner, at(file));
  await expect(second.open()).rejects.toMatchObject({ code: 'LOCKED' });
  await expect(second.open()).rejects.toThrow(file);
  expect(inner.isOpen).toBe(false);
  await first.close();
  await second.open();
  expect(inner.isOpen).toBe(true);
  await second.close();
  expect(existsSync(`${file}.lock`)).toBe(true);
});

test('one that could not be opened gives the lock back', async () => {
  const file = place();
  await expect(exclusive(paper(true), at(file)).open()).rejects.toThrow('no');
  const next = exclusive(paper(), at(file));
  await next.open();
  await next.close();
});

test.each([
  ['a symbolic link', (name: string) => symlinkSync('/etc/passwd', name)],
  ['a directory', (name: string) => mkdirSync(name)],
])('%s in the place of the lock file is refused by name', async (_, plant) => {
  const file = path.join(newDirectory('lock'), 'relay.lmdb');
  plant(`${file}.lock`);
  await expect(exclusive(paper(), at(file)).open()).rejects.toMatchObject({ code: 'MAP' });
  await expect(exclusive(paper(), at(file)).open()).rejects.toThrow(`${file}.lock`);
});
