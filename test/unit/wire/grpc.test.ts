/** grpc - messages come out of a stream as they went in, whatever its chunks; what cannot be is Malformed */
import fc from 'fast-check';
import { marked, MessageReader, messageIn, statusIn } from '../../../src/wire/grpc.js';
import { Malformed } from '../../../src/wire/xdr.js';

function read(reader: MessageReader, chunks: readonly Uint8Array[]): string[] {
  return chunks.flatMap((chunk) =>
    Array.from(reader.take(chunk), (message) => Buffer.from(message).toString('hex')),
  );
}

test('any messages, in any chunks', () => {
  const messages = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 6 });
  fc.assert(
    fc.property(messages, fc.integer({ min: 1, max: 50 }), (sent, size) => {
      const stream = Buffer.concat(sent.map(marked));
      const chunks = Array.from({ length: Math.ceil(stream.length / size) }, (_, i) =>
        stream.subarray(i * size, (i + 1) * size),
      );
      const reader = new MessageReader();
      expect(read(reader, chunks)).toEqual(sent.map((message) => Buffer.from(message).toString('hex')));
      expect(reader.isPartial).toBe(false);
    }),
  );
});

test('a golden message: a mark of zero, four bytes of length, the bytes', () => {
  expect(Buffer.from(marked(Uint8Array.of(8, 1))).toString('hex')).toBe('00000000020801');
});

test('what is compressed, and what is longer than the limit, is refused before it is there', () => {
  expect(() => read(new MessageReader(), [Uint8Array.of(1, 0, 0, 0, 1, 0)])).toThrow(Malformed);
  expect(() => read(new MessageReader(4), [Uint8Array.of(0, 0, 0, 0, 5)])).toThrow('has 5 bytes; at most 4');
  const reader = new MessageReader(4);
  expect(read(reader, [Uint8Array.of(0, 0, 0, 0, 4, 7)])).toEqual([]);
  expect(reader.isPartial).toBe(true);
});

test('anything at all is messages or Malformed', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      try {
        read(new MessageReader(), [bytes]);
      } catch (thrown) {
        expect(thrown).toBeInstanceOf(Malformed);
      }
    }),
  );
});

test('statuses and messages of errors', () => {
  expect(['0', '3', '16', '17', '-1', '', '007', 'x'].map(statusIn)).toEqual([
    'OK',
    'INVALID_ARGUMENT',
    'UNAUTHENTICATED',
    ...Array.from({ length: 5 }, () => 'UNKNOWN'),
  ]);
  expect(messageIn('b%C3%BCro 100%')).toBe('b\u00fcro 100%');
  expect(messageIn('%zz%4')).toBe('%zz%4');
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (text) => {
      expect(messageIn(encodeURIComponent(text))).toBe(text);
    }),
  );
});
