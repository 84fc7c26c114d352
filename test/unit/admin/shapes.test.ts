/** shapes - every message is what the proto file says, and both sides read what the other writes */
import fc from 'fast-check';
import { api } from '../../../src/admin/contract.js';
import { shapes } from '../../../src/admin/shapes.js';
import { calls } from '../../../src/admin/stub.js';
import { decodeMessage, encodeMessage, type Field, type Shape } from '../../../src/wire/protobuf.js';

interface Described {
  readonly field: readonly {
    readonly name: string;
    readonly number: number;
    readonly label: string;
    readonly type: string;
    readonly typeName: string;
  }[];
  readonly enumType: readonly EnumDescribed[];
}

interface EnumDescribed {
  readonly name: string;
  readonly value: readonly { readonly name: string; readonly number: number }[];
}

const definitions = api as unknown as Record<string, { readonly type: Described & EnumDescribed }>;
const TIMES = ['google.protobuf.Timestamp', 'google.protobuf.Duration'];

/** What the proto file says of a message, in the words of a table of fields. */
function said(message: Described): unknown[] {
  return message.field.map(({ name, number, label, type, typeName }, i) => {
    expect(number).toBe(i + 1);
    const repeated = label === 'LABEL_REPEATED';
    if (type === 'TYPE_ENUM') {
      const own = message.enumType.find((one) => one.name === typeName) ?? definitions[typeName]?.type;
      const names = own?.value.map((value) => value.name);
      expect(own?.value.map((value) => value.number)).toEqual(names?.map((_, n) => n));
      return { name, repeated, names };
    }
    if (type !== 'TYPE_MESSAGE') return { name, repeated, scalar: type.replace('TYPE_', '').toLowerCase() };
    const inner = definitions[typeName]?.type;
    if (inner !== undefined) return { name, repeated, fields: said(inner) };
    expect(TIMES).toContain(typeName);
    return { name, repeated, fields: TIME };
  });
}

const TIME = [
  { name: 'seconds', repeated: false, scalar: 'int64' },
  { name: 'nanos', repeated: false, scalar: 'int32' },
];

function tabled(shape: Shape): unknown[] {
  return shape.map(({ name, type, isRepeated: repeated = false }) => {
    if (typeof type === 'string') return { name, repeated, scalar: type };
    return 'names' in type
      ? { name, repeated, names: type.names }
      : { name, repeated, fields: tabled(type.shape) };
  });
}

test('there is a table for the messages of every call', () => {
  expect([...calls].sort()).toEqual(Object.keys(api.Admin.service).sort());
});

test.each(Object.entries(shapes))('%s is as the proto file has it', (name, shape) => {
  const described = definitions[name]?.type;
  if (described === undefined) throw new Error(`the proto file has no ${name}`);
  expect(tabled(shape)).toEqual(said(described));
});

const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  string: fc.string({ unit: 'grapheme', maxLength: 80 }),
  bool: fc.boolean(),
  int32: fc.integer(),
  int64: fc.maxSafeInteger(),
  double: fc.double({ noNaN: true }),
};

function valueOf({ type, isRepeated }: Field): fc.Arbitrary<unknown> {
  const one =
    typeof type === 'string'
      ? (scalars[type] ?? fc.constant(null))
      : 'names' in type
        ? fc.constantFrom(...type.names)
        : messageOf(type.shape);
  return isRepeated === true ? fc.array(one, { maxLength: 4 }) : one;
}

/** Any message of a shape; of a oneof, one field. */
function messageOf(shape: Shape): fc.Arbitrary<Record<string, unknown>> {
  const plain = shape.filter(({ oneof }) => oneof === undefined);
  const choices = shape.filter(({ oneof }) => oneof !== undefined);
  const rest = fc.record(Object.fromEntries(plain.map((field) => [field.name, valueOf(field)])), {
    requiredKeys: [],
  });
  if (choices.length === 0) return rest;
  const chosen = fc.oneof(
    ...choices.map((field) => valueOf(field).map((value) => ({ [field.name]: value }))),
  );
  return fc.tuple(rest, chosen).map(([most, one]) => ({ ...most, ...one }));
}

const service = api.Admin.service;

describe.each(calls)('%s', (call) => {
  const { requestDeserialize, requestSerialize, responseDeserialize, responseSerialize } = service[call];
  const sides = [
    [shapes[`${call}Request`], requestSerialize, requestDeserialize],
    [shapes[`${call}Response`], responseSerialize, responseDeserialize],
  ] as const;

  test.each(sides)('both sides read what the other writes', (shape, write, read) => {
    fc.assert(
      fc.property(messageOf(shape), (message) => {
        const ours = encodeMessage(message, shape);
        const theirs = (write as (value: unknown) => Buffer)(message);
        const known: unknown = read(theirs);
        expect(read(Buffer.from(ours))).toEqual(known);
        expect(decodeMessage(theirs, shape)).toEqual(known);
      }),
      { numRuns: 60 },
    );
  });
});
