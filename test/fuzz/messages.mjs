/**
 * messages - the reader of Protocol Buffers' messages, over a table that has every kind of field
 *
 * What it accepts has the types of the table, nothing longer than the message, bytes that are views of it; and comes back the
 * same through the writer, unless a number in it is more than the writer takes.
 */
import { isDeepStrictEqual } from 'node:util';
import { accepts, must } from './holds.mjs';

const KINDS = ['NONE', 'GRANT', 'PIN', 'DENY'];
const DEEPEST = 16;

/** A message that may be within itself. @type {any[]} */
const shape = [
  { name: 'text', type: 'string' },
  { name: 'raw', type: 'bytes' },
  { name: 'flag', type: 'bool' },
  { name: 'small', type: 'int32' },
  { name: 'large', type: 'int64' },
  { name: 'real', type: 'double' },
  { name: 'kind', type: { names: KINDS } },
  { name: 'texts', type: 'string', isRepeated: true },
  { name: 'numbers', type: 'int64', isRepeated: true },
  { name: 'either', type: 'string', oneof: 'choice' },
  { name: 'or', type: 'bool', oneof: 'choice' },
];
shape.push({ name: 'child', type: { shape } }, { name: 'children', type: { shape }, isRepeated: true });

const leaf = { text: '192.0.2.7', small: -1, large: 1_790_000_000, real: 0.5, kind: 'PIN', flag: true };
const originals = [
  {},
  leaf,
  {
    ...leaf,
    raw: Uint8Array.of(0, 255, 128),
    texts: ['', 'é\u202e', 'x'.repeat(100)],
    numbers: [0, -5, 2 ** 40],
  },
  { either: 'ann', child: { or: true, children: [leaf, {}, { text: 'spam' }] } },
  { or: false, children: Array.from({ length: 4 }, () => leaf), kind: 3 },
];

/** Messages in one another. @param {number} depth @returns {any} */
const nested = (depth) => (depth === 0 ? leaf : { child: nested(depth - 1) });

/** @param {unknown} value @param {any} type @param {{bytes: Uint8Array, depth: number}} within */
function checkValue(value, type, within) {
  const { bytes } = within;
  if (typeof type !== 'string') {
    if ('shape' in type) checkMessage(/** @type {any} */ (value), within);
    else must(KINDS.includes(/** @type {any} */ (value)) || Number.isInteger(value), 'no enumeration');
  } else if (type === 'string') {
    must(
      typeof value === 'string' && value.length <= bytes.length,
      'no text, or one longer than its message',
    );
  } else if (type === 'bytes') {
    const isView = value instanceof Uint8Array && (value.length === 0 || value.buffer === bytes.buffer);
    must(isView && value.length <= bytes.length, 'no view of the message');
  } else if (type === 'bool') must(typeof value === 'boolean', 'no boolean');
  else if (type === 'double') must(typeof value === 'number', 'no number');
  else must(Number.isInteger(value), 'no whole number');
}

/** @param {Record<string, any>} message @param {{bytes: Uint8Array, depth: number}} within */
function checkMessage(message, { bytes, depth }) {
  must(depth <= DEEPEST, 'nested too deeply');
  const inner = { bytes, depth: depth + 1 };
  const chosen = shape.filter(({ name, oneof }) => oneof !== undefined && name in message);
  must(chosen.length <= 1 && message.choice === chosen[0]?.name, 'not one of those of which there is one');
  for (const { name, type, isRepeated, oneof } of shape) {
    const value = message[name];
    if (isRepeated === true) for (const one of value) checkValue(one, type, inner);
    else if (typeof type === 'object' && 'shape' in type && value === null) continue;
    else if (oneof === undefined || name in message) checkValue(value, type, inner);
  }
}

/** Whether the writer takes each number. @param {unknown} value @returns {boolean} */
function isWritable(value) {
  if (typeof value === 'number') return !Number.isInteger(value) || Number.isSafeInteger(value);
  if (typeof value !== 'object' || value === null || value instanceof Uint8Array) return true;
  const { kind = '', real: _, ...rest } = /** @type {Record<string, unknown>} */ (value);
  return !(Number(kind) < 0) && Object.values(Array.isArray(value) ? value : rest).every(isWritable);
}

/** @param {any} code */
export function messageReaders(code) {
  const { decodeMessage, encodeMessage } = code.protobuf;
  return [
    {
      name: 'decodeMessage',
      corpus: [...originals, nested(3), nested(DEEPEST)].map((message) => encodeMessage(message, shape)),
      run: (/** @type {Uint8Array} */ bytes) => {
        const message = accepts(code, () => decodeMessage(bytes, shape));
        if (message === undefined) return false;
        checkMessage(message, { bytes, depth: 0 });
        const again = accepts(code, () => encodeMessage(message, shape));
        must((again !== undefined) === isWritable(message), 'written, or not, against the rule');
        if (again !== undefined)
          must(isDeepStrictEqual(plain(decodeMessage(again, shape)), plain(message)), 'another message');
        return true;
      },
    },
  ];
}

/** With bytes that can be compared, of whatever memory they are a view. @param {unknown} value @returns {unknown} */
function plain(value) {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
}
