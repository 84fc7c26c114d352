/** netstring - the same strings whatever the chunks are, and the end of the stream at every violation */
import fc from 'fast-check';
import { MAX_NETSTRING_BYTES, NetstringReader, encodeNetstring } from '../../../src/wire/netstring.js';
import { Malformed } from '../../../src/wire/xdr.js';
import { concat, filler, hexOf, isViewOf, refusal } from './bytes.js';

const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
/** A netstring of any bytes, made apart from the encoder under test. */
const netstring = (content: Uint8Array): Buffer => concat(bytes(`${content.length}:`), content, bytes(','));

/** What a reader makes of a stream cut at the given places; chunks are overwritten once they have been used. */
function read(stream: Uint8Array, cuts: readonly number[]): string[] {
  const reader = new NetstringReader();
  const seen: string[] = [];
  let from = 0;
  try {
    for (const cut of [...cuts, stream.length]) {
      const chunk = Uint8Array.from(stream.subarray(from, cut));
      seen.push(...reader.push(chunk).map(hexOf));
      chunk.fill(0x31);
      from = cut;
      if (reader.broken !== undefined) throw reader.broken;
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return [...seen, error.message];
  }
  return reader.partial ? [...seen, 'partial'] : seen;
}

const everyByte = (stream: Uint8Array): number[] =>
  Array.from({ length: Math.max(0, stream.length - 1) }, (_, at) => at + 1);

/** The same by the letter of the specification, on the whole stream at once. */
function byTheLetter(stream: Uint8Array): string[] {
  let rest = Buffer.from(stream).toString('latin1');
  const seen: string[] = [];
  while (rest !== '') {
    if (/^0\d/.test(rest)) return [...seen, 'netstring length with a leading zero'];
    const digits = /^\d*/.exec(rest)?.[0] ?? '';
    if (Number(digits) > 1024) return [...seen, 'netstring over its limit'];
    if (digits === rest) return [...seen, 'partial'];
    if (digits === '' || rest[digits.length] !== ':') return [...seen, 'netstring without a length'];
    const end = digits.length + 1 + Number(digits);
    if (end >= rest.length) return [...seen, 'partial'];
    if (rest[end] !== ',') return [...seen, 'netstring without its comma'];
    seen.push(hexOf(bytes(rest.slice(digits.length + 1, end))));
    rest = rest.slice(end + 1);
  }
  return seen;
}

test('the limit', () => {
  expect(MAX_NETSTRING_BYTES).toBe(1024);
});

describe('what socketmap clients send', () => {
  const stream = concat(netstring(bytes('relay 192.0.2.7')), netstring(bytes('relay unknown')));
  const expected = [hexOf(bytes('relay 192.0.2.7')), hexOf(bytes('relay unknown'))];

  test('in one chunk: views of the chunk', () => {
    const reader = new NetstringReader();
    const strings = reader.push(stream);
    expect(strings.map(hexOf)).toEqual(expected);
    for (const string of strings) expect(isViewOf(string, stream)).toBe(true);
    expect(reader.partial).toBe(false);
    expect(reader.broken).toBeUndefined();
  });

  test('cut in two and in three chunks at every place, and byte by byte', () => {
    const wrong: number[][] = [];
    for (let first = 1; first < stream.length; first += 1) {
      for (let second = first; second < stream.length; second += 1) {
        const cuts = first === second ? [first] : [first, second];
        if (read(stream, cuts).join() !== expected.join()) wrong.push(cuts);
      }
    }
    expect(wrong).toEqual([]);
    expect(read(stream, everyByte(stream))).toEqual(expected);
  });

  test('an empty chunk changes nothing', () => {
    const reader = new NetstringReader();
    expect(reader.push(new Uint8Array(0))).toEqual([]);
    expect(reader.partial).toBe(false);
    reader.push(bytes('3:a'));
    expect(reader.push(new Uint8Array(0))).toEqual([]);
    expect(reader.push(bytes('bc,')).map(hexOf)).toEqual([hexOf(bytes('abc'))]);
  });
});

describe('lengths', () => {
  test.each([0, 1, 9, 10, 99, 100, 999, 1000, 1023, 1024])(
    '%d bytes, in one chunk and byte by byte',
    (length) => {
      const content = filler(length);
      expect(read(netstring(content), [])).toEqual([hexOf(content)]);
      expect(read(netstring(content), everyByte(netstring(content)))).toEqual([hexOf(content)]);
    },
  );

  test('a string may hold what marks strings', () => {
    expect(read(bytes('5:1:a,,,2:::,'), [])).toEqual([hexOf(bytes('1:a,,')), hexOf(bytes('::'))]);
  });
});

test('partial from the first digit to the comma', () => {
  const reader = new NetstringReader();
  const stream = bytes('10:0123456789,');
  for (const [at, byte] of stream.entries()) {
    reader.push(Uint8Array.of(byte));
    expect(reader.partial).toBe(at < stream.length - 1);
  }
});

describe('violations', () => {
  test.each([
    ['1025:', 'netstring over its limit'],
    ['1025', 'netstring over its limit'],
    ['1000000000:', 'netstring over its limit'],
    ['99999999999999999999', 'netstring over its limit'],
    ['00:,', 'netstring length with a leading zero'],
    ['01:a,', 'netstring length with a leading zero'],
    ['0005:hello,', 'netstring length with a leading zero'],
    [':,', 'netstring without a length'],
    ['-1:a,', 'netstring without a length'],
    ['+1:a,', 'netstring without a length'],
    [' 1:a,', 'netstring without a length'],
    ['1 :a,', 'netstring without a length'],
    ['0x1:a,', 'netstring without a length'],
    ['\0', 'netstring without a length'],
    ['GET / HTTP/1.1', 'netstring without a length'],
    ['\x80\x67\x01', 'netstring without a length'],
    ['1:ab', 'netstring without its comma'],
    ['5:hello;', 'netstring without its comma'],
    ['0:x', 'netstring without its comma'],
    ['5:hello\n', 'netstring without its comma'],
  ])('%j: %s, in one chunk and byte by byte', (text, message) => {
    expect(read(bytes(text), [])).toEqual([message]);
    expect(read(bytes(text), everyByte(bytes(text)))).toEqual([message]);
  });

  test('the first digit that passes the limit is the last that is read', () => {
    const reader = new NetstringReader();
    for (const digit of '102') expect(reader.push(bytes(digit))).toEqual([]);
    expect(refusal(() => reader.push(bytes('5')))).toBe('netstring over its limit');
  });

  test('what was whole before it is given, then it is final', () => {
    const reader = new NetstringReader();
    expect(reader.push(bytes('1:a,x')).map(hexOf)).toEqual(['61']);
    expect(reader.broken?.message).toBe('netstring without a length');
    expect(refusal(() => reader.push(bytes('1:a,')))).toBe('netstring without a length');
    expect(refusal(() => reader.push(new Uint8Array(0)))).toBe('netstring without a length');
  });
});

describe('any stream', () => {
  const piece = fc.oneof(
    { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }).map((content) => netstring(content)) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom('0:,', '00:,', '1024:', '1025:', '12', ':', ',', '3:abc', '3:abcd,')
        .map(bytes),
    },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 6 }).map((content) => Buffer.from(content)) },
  );
  const stream = fc.array(piece, { maxLength: 12 }).map((pieces) => concat(...pieces));

  test('is read by the letter, however it is cut', () => {
    let broken = 0;
    fc.assert(
      fc.property(stream, fc.array(fc.nat(600), { maxLength: 8 }), (whole, places) => {
        const expected = byTheLetter(whole);
        if (expected.at(-1)?.startsWith('netstring') === true) broken += 1;
        const cuts = places.filter((place) => place < whole.length).sort((a, b) => a - b);
        expect(read(whole, [])).toEqual(expected);
        expect(read(whole, cuts)).toEqual(expected);
        expect(read(whole, everyByte(whole))).toEqual(expected);
      }),
      { numRuns: 1_000 },
    );
    expect(broken).toBeGreaterThan(50);
  });
});

describe('encodeNetstring', () => {
  test.each([
    ['', '0:,'],
    ['OK OK', '5:OK OK,'],
    ['NOTFOUND ', '9:NOTFOUND ,'],
  ])('%j', (text, expected) => {
    expect(Buffer.from(encodeNetstring(text)).toString('latin1')).toBe(expected);
  });

  test('what it writes is read back', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary-ascii', maxLength: MAX_NETSTRING_BYTES }), (text) => {
        expect(read(encodeNetstring(text), [])).toEqual([hexOf(bytes(text))]);
      }),
    );
  });

  test('refuses what is no ASCII or over the limit', () => {
    expect(refusal(() => encodeNetstring('für'))).toBe('netstring is not ASCII');
    expect(refusal(() => encodeNetstring('a'.repeat(MAX_NETSTRING_BYTES + 1)))).toBe(
      'netstring over its limit',
    );
    expect(encodeNetstring('a'.repeat(MAX_NETSTRING_BYTES))).toHaveLength(MAX_NETSTRING_BYTES + 6);
  });
});
