/** record - the same records whatever the chunks and the fragments are, and the end of the stream at every violation */
import fc from 'fast-check';
import { addCall, nullCall, words } from '../../support/rpc-client.js';
import {
  MAX_FRAGMENTS,
  MAX_RECORD_BYTES,
  RecordReader,
  encodeRecord,
  encodeRecords,
} from '../../../src/wire/record.js';
import { concat, filler, hexOf, isViewOf, refusal } from './bytes.js';

const LAST = 0x8000_0000;
const CALL_1 = addCall(0x1122_3344, '192.0.2.9');
const CALL_2 = addCall(0x1122_3345, '2001:db8::9');

const more = (body: Uint8Array): Buffer => concat(words(body.length), body);
const last = (body: Uint8Array): Buffer => concat(words(LAST + body.length), body);

/** The message in fragments that end at the given places. */
function fragmented(message: Uint8Array, ends: readonly number[]): Buffer {
  const parts: Buffer[] = [];
  let from = 0;
  for (const end of ends) {
    parts.push(more(message.subarray(from, end)));
    from = end;
  }
  return concat(...parts, last(message.subarray(from)));
}

/**
 * The records of a stream that arrives cut at the given places. Each chunk's memory is overwritten once it has
 * been used, as a socket's buffer may be: a record in pieces must not depend on it.
 */
function read(stream: Uint8Array, cuts: readonly number[], reader = new RecordReader()): string[] {
  const records: string[] = [];
  let from = 0;
  for (const cut of [...cuts, stream.length]) {
    const chunk = Uint8Array.from(stream.subarray(from, cut));
    records.push(...reader.push(chunk).map(hexOf));
    chunk.fill(0xee);
    from = cut;
  }
  if (reader.partial) records.push('partial');
  return records;
}

const everyByte = (stream: Uint8Array): number[] =>
  Array.from({ length: stream.length - 1 }, (_, at) => at + 1);

test('the limits', () => {
  expect({ MAX_RECORD_BYTES, MAX_FRAGMENTS }).toEqual({ MAX_RECORD_BYTES: 2048, MAX_FRAGMENTS: 16 });
});

describe('a legal call', () => {
  test('in one fragment, in one chunk: a view of the chunk', () => {
    const chunk = concat(encodeRecord(CALL_1), encodeRecord(CALL_2));
    const reader = new RecordReader();
    const records = reader.push(chunk);
    expect(records.map(hexOf)).toEqual([hexOf(CALL_1), hexOf(CALL_2)]);
    for (const record of records) expect(isViewOf(record, chunk)).toBe(true);
    expect(reader.partial).toBe(false);
    expect(reader.broken).toBeUndefined();
  });

  test.each([
    ['version 1', CALL_1],
    ['version 2', CALL_2],
  ])('%s, cut in two and in three chunks at every place', (_, call) => {
    const stream = encodeRecord(call);
    const wrong: number[][] = [];
    for (let first = 1; first < stream.length; first += 1) {
      for (let second = first; second < stream.length; second += 1) {
        const cuts = first === second ? [first] : [first, second];
        if (read(stream, cuts).join() !== hexOf(call)) wrong.push(cuts);
      }
    }
    expect(wrong).toEqual([]);
    expect(read(stream, everyByte(stream))).toEqual([hexOf(call)]);
  });

  test.each([
    ['version 1', CALL_1],
    ['version 2', CALL_2],
  ])('%s, in every two and three fragments, in one chunk and byte by byte', (_, call) => {
    const wrong: number[][] = [];
    for (let first = 1; first <= call.length; first += 1) {
      for (let second = first; second <= call.length; second += 1) {
        const ends = first === second ? [first] : [first, second];
        const stream = fragmented(call, ends);
        if (read(stream, []).join() !== hexOf(call)) wrong.push(ends);
        if (read(stream, everyByte(stream)).join() !== hexOf(call)) wrong.push(ends);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('in every two fragments, cut in two at every place', () => {
    const wrong: number[][] = [];
    for (let end = 1; end <= CALL_1.length; end += 1) {
      const stream = fragmented(CALL_1, [end]);
      for (let cut = 1; cut < stream.length; cut += 1) {
        if (read(stream, [cut]).join() !== hexOf(CALL_1)) wrong.push([end, cut]);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('between others, in one stream cut anywhere', () => {
    const stream = concat(
      encodeRecord(nullCall(1)),
      fragmented(CALL_1, [7, 20]),
      last(CALL_2),
      encodeRecord(nullCall(2)),
    );
    const expected = [nullCall(1), CALL_1, CALL_2, nullCall(2)].map(hexOf);
    for (let cut = 1; cut < stream.length; cut += 1) expect(read(stream, [cut])).toEqual(expected);
    expect(read(stream, everyByte(stream))).toEqual(expected);
  });

  test('may end with an empty fragment, and be empty', () => {
    expect(read(concat(more(CALL_1), last(Buffer.alloc(0))), [])).toEqual([hexOf(CALL_1)]);
    for (const cuts of [[], [1], [2], [3], [1, 2, 3]]) {
      expect(read(last(Buffer.alloc(0)), cuts)).toEqual(['']);
      expect(read(concat(last(Buffer.alloc(0)), last(CALL_1)), cuts)).toEqual(['', hexOf(CALL_1)]);
    }
  });

  test('an empty chunk changes nothing', () => {
    const reader = new RecordReader();
    expect(reader.push(new Uint8Array(0))).toEqual([]);
    expect(reader.partial).toBe(false);
    expect(reader.push(encodeRecord(CALL_1).subarray(0, 10))).toEqual([]);
    expect(reader.push(new Uint8Array(0))).toEqual([]);
    expect(reader.partial).toBe(true);
    expect(reader.push(encodeRecord(CALL_1).subarray(10)).map(hexOf)).toEqual([hexOf(CALL_1)]);
  });
});

describe('partial', () => {
  test('is true from the first byte of a record to its last', () => {
    const stream = fragmented(CALL_1, [3, 40]);
    const reader = new RecordReader();
    for (const [at, byte] of stream.entries()) {
      reader.push(Uint8Array.of(byte));
      expect(reader.partial).toBe(at < stream.length - 1);
    }
  });
});

describe('fragments of one byte', () => {
  const one = Uint8Array.of(0x41);
  const many = (count: number): Buffer =>
    concat(...new Array<Uint8Array>(count - 1).fill(more(one)), last(one));

  test.each([1, 2, MAX_FRAGMENTS - 1, MAX_FRAGMENTS])('%p of them are a record', (count) => {
    expect(read(many(count), [])).toEqual(['41'.repeat(count)]);
    expect(read(many(count), everyByte(many(count)))).toEqual(['41'.repeat(count)]);
  });

  test('one more is too many, told at its mark', () => {
    const reader = new RecordReader();
    const stream = many(MAX_FRAGMENTS + 1);
    expect(reader.push(stream.subarray(0, -2))).toEqual([]);
    expect(reader.broken).toBeUndefined();
    expect(refusal(() => reader.push(stream.subarray(-2, -1)))).toBe('too many fragments');
  });

  test('the count begins again with each record', () => {
    const stream = concat(many(MAX_FRAGMENTS), many(MAX_FRAGMENTS), many(MAX_FRAGMENTS));
    expect(read(stream, [])).toEqual(new Array(3).fill('41'.repeat(MAX_FRAGMENTS)));
  });

  test('the limit is the caller’s', () => {
    const limits = { maxFragments: 40 };
    expect(read(many(40), [], new RecordReader(limits))).toEqual(['41'.repeat(40)]);
    expect(refusal(() => new RecordReader(limits).push(many(41)))).toBe('too many fragments');
  });
});

describe('the length of a fragment', () => {
  const full = filler(MAX_RECORD_BYTES);

  test.each([0, 1, MAX_RECORD_BYTES - 1, MAX_RECORD_BYTES])(
    '%p in the last fragment is a record',
    (length) => {
      const body = full.subarray(0, length);
      expect(read(last(body), [])).toEqual([hexOf(body)]);
      expect(
        read(
          last(body),
          [2, 5].filter((cut) => cut < length + 4),
        ),
      ).toEqual([hexOf(body)]);
    },
  );

  test.each([MAX_RECORD_BYTES + 1, 0xffff, 0x10_0000, 0x7fff_ffff])(
    '%p is over the limit, last or not, told at the mark',
    (length) => {
      for (const mark of [words(length), words(LAST + length)]) {
        const reader = new RecordReader();
        expect(reader.push(mark.subarray(0, 3))).toEqual([]);
        expect(refusal(() => reader.push(mark.subarray(3)))).toBe('record over its limit');
        expect(refusal(() => new RecordReader().push(mark))).toBe('record over its limit');
        expect(refusal(() => new RecordReader().push(concat(mark, full)))).toBe('record over its limit');
      }
    },
  );

  test.each([0x7fff_ffff, 0xffff_ffff])('mark %p', (mark) => {
    expect(refusal(() => new RecordReader().push(words(mark)))).toBe('record over its limit');
  });

  test('counts over all fragments of a record', () => {
    const fits = concat(more(full.subarray(0, 2000)), last(full.subarray(2000)));
    expect(read(fits, [])).toEqual([hexOf(full)]);
    const over = concat(more(full.subarray(0, 2000)), last(filler(MAX_RECORD_BYTES - 2000 + 1)));
    expect(refusal(() => new RecordReader().push(over))).toBe('record over its limit');
  });

  test('begins again with each record', () => {
    expect(read(concat(last(full), last(full)), [100])).toEqual([hexOf(full), hexOf(full)]);
  });

  test('0 before the last ends the stream, however it arrives', () => {
    const reason = 'empty fragment that is not the last';
    expect(refusal(() => new RecordReader().push(words(0)))).toBe(reason);
    expect(refusal(() => new RecordReader().push(concat(more(CALL_1), words(0), last(CALL_1))))).toBe(reason);
    const reader = new RecordReader();
    for (let byte = 0; byte < 3; byte += 1) expect(reader.push(Uint8Array.of(0))).toEqual([]);
    expect(refusal(() => reader.push(Uint8Array.of(0)))).toBe(reason);
  });

  test('the limit is the caller’s', () => {
    const reader = new RecordReader({ maxRecordBytes: 44 });
    expect(reader.push(encodeRecord(CALL_1)).map(hexOf)).toEqual([hexOf(CALL_1)]);
    expect(refusal(() => reader.push(words(LAST + 45)))).toBe('record over its limit');
  });

  /** How many bytes of memory stand ready after each of `readers` has been told of a fragment of `length`. */
  function takenFor(readers: readonly RecordReader[], length: number): number {
    const before = process.memoryUsage().arrayBuffers;
    for (const reader of readers) refusal(() => reader.push(words(LAST + length)));
    return process.memoryUsage().arrayBuffers - before;
  }
  const readers = (count: number, maxRecordBytes: number): RecordReader[] =>
    Array.from({ length: count }, () => new RecordReader({ maxRecordBytes }));

  test('no memory is taken for what is only announced', () => {
    for (const length of [MAX_RECORD_BYTES + 1, 0x10_0000, 0x7fff_ffff]) {
      expect(takenFor(readers(1_000, MAX_RECORD_BYTES), length)).toBeLessThan(8 << 20);
    }
  });

  test('positive control: without the limit it is taken', () => {
    const held = readers(32, 0x10_0000);
    expect(takenFor(held, 0x10_0000)).toBeGreaterThanOrEqual(32 << 20);
    expect(held.every((reader) => reader.partial)).toBe(true);
  });
});

describe('a violation', () => {
  test.each([0, MAX_RECORD_BYTES + 1, 0x7fff_ffff, LAST + MAX_RECORD_BYTES + 1, 0xffff_ffff])(
    'mark %p after whole records: these are returned, then the stream is broken for good',
    (mark) => {
      const reader = new RecordReader();
      const records = reader.push(
        concat(encodeRecord(CALL_1), encodeRecord(CALL_2), words(mark), encodeRecord(CALL_1)),
      );
      expect(records.map(hexOf)).toEqual([hexOf(CALL_1), hexOf(CALL_2)]);
      const reason = reader.broken?.message;
      expect(reason).toMatch(/^(?:record over its limit|empty fragment that is not the last)$/);
      expect(refusal(() => reader.push(encodeRecord(CALL_1)))).toBe(reason);
      expect(refusal(() => reader.push(new Uint8Array(0)))).toBe(reason);
      expect(reader.broken?.message).toBe(reason);
    },
  );

  test('after a record in pieces, too', () => {
    const reader = new RecordReader();
    const stream = concat(fragmented(CALL_1, [9]), words(0));
    expect(reader.push(stream.subarray(0, 20))).toEqual([]);
    expect(reader.push(stream.subarray(20)).map(hexOf)).toEqual([hexOf(CALL_1)]);
    expect(refusal(() => reader.push(new Uint8Array(0)))).toBe('empty fragment that is not the last');
  });
});

describe('encodeRecord and encodeRecords', () => {
  test.each([0, 1, 24, 28, 44, 104, MAX_RECORD_BYTES])('%p bytes', (length) => {
    const message = filler(length);
    expect(hexOf(encodeRecord(message))).toBe(hexOf(concat(words(LAST + length), message)));
  });

  test('several messages in one piece', () => {
    expect(encodeRecords([])).toHaveLength(0);
    expect(hexOf(encodeRecords([CALL_1, Buffer.alloc(0), CALL_2]))).toBe(
      hexOf(concat(last(CALL_1), last(Buffer.alloc(0)), last(CALL_2))),
    );
  });
});

/**
 * The records of a stream by the letter of RFC 5531 section 11 and our limits, knowing nothing of chunks; and
 * whether the stream ends in a violation.
 */
function oracle(stream: Uint8Array): { records: string[]; broken: boolean } {
  const records: string[] = [];
  const view = new DataView(stream.buffer, stream.byteOffset, stream.length);
  let body: Uint8Array[] = [];
  let at = 0;
  while (at + 4 <= stream.length) {
    const mark = view.getUint32(at);
    const length = mark % LAST;
    const total = body.reduce((sum, piece) => sum + piece.length, 0) + length;
    if (total > MAX_RECORD_BYTES || (length === 0 && mark < LAST) || body.length === MAX_FRAGMENTS) {
      return { records, broken: true };
    }
    if (at + 4 + length > stream.length) break;
    body.push(stream.subarray(at + 4, at + 4 + length));
    at += 4 + length;
    if (mark < LAST) continue;
    records.push(hexOf(concat(...body)));
    body = [];
  }
  return { records, broken: false };
}

describe('for any stream', () => {
  const length = fc.oneof(fc.nat(60), fc.constantFrom(0, 1, 2047, 2048, 2049, 0xffff, 0x7fff_ffff));
  const fragment = fc
    .tuple(fc.boolean(), length, fc.boolean())
    .map(([isLast, size, whole]) =>
      concat(words((isLast ? LAST : 0) + size), filler(Math.min(size, whole ? 2049 : 7))),
    );
  const short = fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 4 }));
  const fragments = fc
    .array(short, { maxLength: 60 })
    .map((list) => concat(...list.map(([isLast, size]) => (isLast ? last : more)(filler(size)))));
  const stream = fc.oneof(
    fc.array(fragment, { maxLength: 8 }).map((list) => concat(...list)),
    fragments,
    fc.uint8Array({ maxLength: 60 }),
  );

  test('chunks do not matter, and the oracle agrees', () => {
    fc.assert(
      fc.property(stream, fc.array(fc.nat(200), { maxLength: 12 }), (bytes, sizes) => {
        const expected = oracle(bytes);
        const reader = new RecordReader();
        const records: string[] = [];
        let at = 0;
        for (const size of [...sizes, bytes.length]) {
          refusal(() => records.push(...reader.push(bytes.subarray(at, at + size)).map(hexOf)));
          at += size;
        }
        expect({ records, broken: reader.broken !== undefined }).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
  });
});
