/** farewell - a GOAWAY with an error is seen however it is cut, and nothing else is taken for one */
import { Farewell } from '../../../src/admin/farewell.js';

function frame(type: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  return Buffer.concat([head, payload]);
}

function goaway(error: number, more = ''): Buffer {
  const payload = Buffer.alloc(8);
  payload.writeUInt32BE(5, 0);
  payload.writeUInt32BE(error, 4);
  return frame(7, Buffer.concat([payload, Buffer.from(more)]));
}

/** Frames that are none, but for their type full of what looks like one. */
const others = Buffer.concat([
  frame(4, Buffer.alloc(0)),
  frame(0, Buffer.concat([goaway(1), goaway(1)])),
  frame(1, Buffer.alloc(70_000, 7)),
  goaway(0),
  goaway(0, 'maintenance'),
  frame(6, Buffer.alloc(8, 7)),
]);

/** Whether it is seen in these bytes, in pieces of so many. */
function isSeen(bytes: Uint8Array, size: number): boolean {
  const farewell = new Farewell();
  for (let at = 0; at < bytes.length; at += size)
    if (farewell.isIn(bytes.subarray(at, at + size))) return true;
  return false;
}

test.each([1, 2, 3, 7, 8, 9, 10, 16, 17, 18, 1_000, 1_000_000])('in pieces of %i bytes', (size) => {
  expect(isSeen(others, size)).toBe(false);
  for (const error of [1, 2, 0xb, 0xffffffff]) {
    expect(isSeen(goaway(error), size)).toBe(true);
    expect(isSeen(Buffer.concat([others, goaway(error, 'why'), others]), size)).toBe(true);
  }
});

test('one that is not whole yet is none', () => {
  expect(isSeen(Buffer.concat([others, goaway(1).subarray(0, 16)]), 5)).toBe(false);
});
