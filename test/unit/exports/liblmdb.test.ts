/** The binding of liblmdb: misuse throws, limits hold, and the file is what LMDB's own tools read. */
import { rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Environment, loadLibrary, STATUS } from '../../../src/exports/liblmdb.js';
import { mustRun, newDirectory } from '../../support/processes.js';

const directory = newDirectory('liblmdb');
const file = path.join(directory, 'map');
let environment: Environment;

beforeEach(() => {
  writeFileSync(file, '');
  environment = Environment.open(file, 2 ** 20);
});

afterEach(() => {
  environment.close();
});

afterAll(() => {
  rmSync(directory, { recursive: true });
});

/** What a call throws. */
function thrownBy(call: () => unknown): unknown {
  try {
    call();
  } catch (thrown) {
    return thrown;
  }
  throw new Error('nothing was thrown');
}

test('a library that is not there names the Debian package', () => {
  expect(thrownBy(() => loadLibrary('libno-such-thing.so.9'))).toMatchObject({
    code: 'LIBRARY',
    message: expect.stringContaining('liblmdb0') as string,
  });
});

test('what is no map is a Fault with its path', () => {
  const garbage = path.join(directory, 'garbage');
  writeFileSync(garbage, Buffer.alloc(8192, 0xa5));
  expect(thrownBy(() => Environment.open(garbage, 2 ** 20))).toMatchObject({
    code: 'MAP',
    message: expect.stringContaining(garbage) as string,
  });
  expect(() => Environment.open(path.join(directory, 'no/such'), 2 ** 20)).toThrow(/No such file/);
  expect(() => Environment.open(garbage, 2 ** 20, 'the map')).toThrow(/^the map cannot be opened/);
});

test('keys and values end with NUL, as mdb_dump sees them', async () => {
  environment.begin();
  expect(environment.put('192.0.2.1', '1790000000')).toBe(STATUS.OK);
  expect(environment.put('192.0.2.2', '1')).toBe(STATUS.OK);
  expect(environment.remove('192.0.2.2')).toBe(STATUS.OK);
  expect(environment.remove('192.0.2.2')).toBe(STATUS.NOT_FOUND);
  expect(environment.commit()).toBe(STATUS.OK);
  const text = await mustRun(['mdb_dump', '-n', file]);
  const hex = (value: string): string => Buffer.from(`${value}\0`).toString('hex');
  expect(text).toContain(` ${hex('192.0.2.1')}\n ${hex('1790000000')}\nDATA=END`);
});

test('an aborted transaction leaves nothing, and only a writing one is counted', () => {
  const before = environment.lastTransaction;
  environment.begin();
  environment.put('a', '1');
  environment.abort();
  environment.begin();
  expect(environment.remove('a')).toBe(STATUS.NOT_FOUND);
  environment.commit();
  expect(environment.lastTransaction).toBe(before);
  environment.begin();
  environment.put('a', '1');
  environment.commit();
  expect(environment.lastTransaction).toBe(before + 1);
});

test('what is asked at the wrong time throws', () => {
  expect(() => environment.put('a', '1')).toThrow('no transaction');
  expect(() => environment.remove('a')).toThrow('no transaction');
  expect(() => environment.commit()).toThrow('no transaction');
  expect(() => {
    environment.abort();
  }).toThrow('no transaction');
  environment.begin();
  expect(() => environment.begin()).toThrow('under way');
  expect(() => environment.grow()).toThrow('under way');
  environment.close();
  environment.close();
  expect(() => environment.begin()).toThrow('closed');
  expect(() => environment.commit()).toThrow('no transaction');
  expect(() => environment.lastTransaction).toThrow('closed');
  expect(() => environment.grow()).toThrow('closed');
});

test('what does not fit is refused before the library sees it', () => {
  environment.begin();
  expect(environment.put('k'.repeat(510), 'v'.repeat(511))).toBe(STATUS.OK);
  expect(() => environment.put('k'.repeat(512), '1')).toThrow(RangeError);
  expect(() => environment.put('a', 'v'.repeat(512))).toThrow(RangeError);
  expect(() => environment.put('a\0b', '1')).toThrow(RangeError);
  expect(() => environment.put('ä', '1')).toThrow(RangeError);
  // LMDB's own limits: an empty key is one byte here, 512 are one too many for it.
  expect(environment.put('', '1')).toBe(STATUS.OK);
  expect(environment.explain(environment.put('k'.repeat(511), '1'))).toMatch(/Unsupported size/);
  environment.abort();
});

test('what cannot grow is closed: its mapping is gone', () => {
  const huge = Environment.open(file, 2 ** 40);
  let status: number = STATUS.OK;
  // A process can address 2 ** 47 bytes.
  for (let i = 0; i < 8 && status === STATUS.OK; i += 1) status = huge.grow();
  expect(status).toBeGreaterThan(0);
  expect(huge.isOpen).toBe(false);
  expect(() => huge.lastTransaction).toThrow('closed');
  huge.close();
});

test('a full map says so, and goes on when it has grown', () => {
  let i = 0;
  for (let status: number = STATUS.OK; status === STATUS.OK;) {
    environment.begin();
    for (let n = 0; n < 500 && status === STATUS.OK; n += 1)
      status = environment.put(`key ${(i += 1)}`, 'v'.repeat(100));
    if (status === STATUS.OK) status = environment.commit();
    else {
      environment.abort();
      expect(status).toBe(STATUS.MAP_FULL);
    }
  }
  expect(environment.grow()).toBe(STATUS.OK);
  expect(environment.mapBytes).toBe(2 ** 21);
  environment.begin();
  expect(environment.put('more', 'v'.repeat(100))).toBe(STATUS.OK);
  expect(environment.commit()).toBe(STATUS.OK);
});
