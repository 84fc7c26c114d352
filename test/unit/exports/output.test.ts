/** A file written in pieces of any size. */
import { closeSync, ftruncateSync, openSync, readFileSync, writeSync } from 'node:fs';
import path from 'node:path';
import { Output } from '../../../src/exports/output.js';
import { newDirectory } from '../../support/processes.js';

const file = path.join(newDirectory('output'), 'file');
let fd: number;

beforeEach(() => {
  fd = openSync(file, 'w+');
});

afterEach(() => {
  closeSync(fd);
});

test('pieces of every size, larger than the buffer too', () => {
  const output = new Output(fd);
  const pieces = [0, 1, 1000, 256 * 1024, 1, 256 * 1024 - 1, 300_000, 7].map((size, i) =>
    Buffer.alloc(size, i + 1),
  );
  for (const piece of pieces) output.append(piece);
  output.appendByte(0xfe);
  output.appendUint32(0x89abcdef);
  const whole = Buffer.concat([...pieces, Buffer.from([0xfe, 0xef, 0xcd, 0xab, 0x89])]);
  expect(output.position).toBe(whole.length);
  expect(output.finish()).toBe(whole.length);
  expect(readFileSync(file).equals(whole)).toBe(true);
});

test('a part of a source', () => {
  const output = new Output(fd);
  output.append(Buffer.from('0123456789'), 2, 5);
  output.finish();
  expect(readFileSync(file, 'utf8')).toBe('234');
});

test('bytes one by one, more than the buffer', () => {
  const output = new Output(fd);
  for (let i = 0; i < 300_000; i += 1) output.appendByte(i & 0xff);
  output.finish();
  const found = readFileSync(file);
  expect(found).toHaveLength(300_000);
  expect(found.every((byte, i) => byte === (i & 0xff))).toBe(true);
});

test('what was written is written over, and the end stays where it was', () => {
  const output = new Output(fd);
  output.append(Buffer.from('head body'));
  output.overwrite(Buffer.from('HEAD'), 0);
  output.append(Buffer.from(' tail'));
  output.finish();
  expect(readFileSync(file, 'utf8')).toBe('HEAD body tail');
});

test("the file's own position does not matter", () => {
  writeSync(fd, 'moved');
  ftruncateSync(fd, 0);
  const output = new Output(fd);
  output.append(Buffer.from('abc'));
  output.finish();
  expect(readFileSync(file, 'utf8')).toBe('abc');
});

test('a file that is shorter than what was written is noticed', () => {
  const output = new Output(fd);
  output.append(Buffer.alloc(300_000));
  ftruncateSync(fd, 10);
  expect(() => output.finish()).toThrow(/has 10 bytes, not the 300000/);
});

test('a full disk is an error with its code', () => {
  const full = openSync('/dev/full', 'w');
  const output = new Output(full);
  expect(() => {
    output.append(Buffer.alloc(300_000));
    output.finish();
  }).toThrow(expect.objectContaining({ code: 'ENOSPC' }) as Error);
  closeSync(full);
});
