/** lines - the same lines wherever the bytes are cut, and wrong lines that leave the others alone */
import { linesOf } from '../../../src/ctl/lines.js';

async function read(chunks: readonly Uint8Array[]): Promise<string[]> {
  async function* source(): AsyncGenerator<Uint8Array> {
    for (const chunk of chunks) yield await Promise.resolve(chunk);
  }
  const found: string[] = [];
  for await (const { number, text, wrong } of linesOf(source()))
    found.push(`${number}:${text ?? `(${wrong ?? ''})`}`);
  return found;
}

const TEXT = Buffer.from('\ufeffone\n\nzw\u00f6lf \u20ac\r\nlast');

test('however the bytes are cut', async () => {
  const expected = ['1:one', '2:', '3:zw\u00f6lf \u20ac\r', '4:last'];
  expect(await read([TEXT])).toEqual(expected);
  for (let at = 0; at <= TEXT.length; at += 1)
    expect(await read([TEXT.subarray(0, at), TEXT.subarray(at)])).toEqual(expected);
  expect(await read([...TEXT].map((byte) => Uint8Array.of(byte)))).toEqual(expected);
});

test('nothing, and a line end at the end', async () => {
  expect(await read([])).toEqual([]);
  expect(await read([Buffer.from('a\n')])).toEqual(['1:a']);
});

test('lines that are too long or no UTF-8', async () => {
  const long = Buffer.alloc(65_537, 'x');
  const lines = [Buffer.from('a\n'), long, Buffer.from('\nb\n'), Uint8Array.of(0xff, 0x0a), Buffer.from('c')];
  const expected = ['1:a', '2:(is longer than 65536 bytes)', '3:b', '4:(is not UTF-8)', '5:c'];
  expect(await read(lines)).toEqual(expected);
  expect(await read([Buffer.concat(lines)])).toEqual(expected);
  expect(await read([long.subarray(1), Buffer.from('\n')])).toEqual([`1:${'x'.repeat(65_536)}`]);
});
