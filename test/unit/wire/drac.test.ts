/** drac - the argument of ADD in both versions and every length, and its result */
import fc from 'fast-check';
import { addArgument, bytesOf6, words } from '../../support/rpc-client.js';
import {
  AddStat,
  PROGRAM,
  Procedure,
  VERSION_1,
  VERSION_2,
  addReply,
  decodeAdd1,
  decodeAdd2,
  decodeAddStat,
  encodeAdd1,
  encodeAdd2,
  encodeAddStat,
} from '../../../src/wire/drac.js';
import { success } from '../../../src/wire/rpc.js';
import { concat, filler, hex, hexOf, isViewOf, refusal } from './bytes.js';

/** The sixteen units of an address with the same three bytes above each. */
const units = (address: Uint8Array, high: string): Buffer =>
  concat(...[...address].map((byte) => concat(hex(high), Buffer.of(byte))));

test('the numbers of the program', () => {
  expect({ PROGRAM, VERSION_1, VERSION_2, Procedure, AddStat }).toEqual({
    PROGRAM: 0xd_bc05,
    VERSION_1: 1,
    VERSION_2: 2,
    Procedure: { NULL: 0, ADD: 1 },
    AddStat: { SUCCESS: 0, PERM: 1, SYSERR: 2, UNKNOWN: 3 },
  });
});

describe('version 1', () => {
  test.each([
    ['192.0.2.9', 'c0000209'],
    ['0.0.0.0', '00000000'],
    ['255.255.255.255', 'ffffffff'],
    ['1.2.3.4', '01020304'],
    ['128.0.0.1', '80000001'],
  ])('%s is %s, in the order of the dotted quad', (text, bytes) => {
    expect(hexOf(addArgument(text))).toBe(bytes);
    expect([...decodeAdd1(hex(bytes))].join('.')).toBe(text);
    expect(hexOf(encodeAdd1(Uint8Array.from(text.split('.').map(Number))))).toBe(bytes);
  });

  test.each([0, 1, 2, 3, 5, 6, 7, 8, 12, 16, 64, 400])('an argument of %p bytes is Malformed', (length) => {
    expect(refusal(() => decodeAdd1(filler(length)))).toBe('ADD of version 1 takes 4 bytes');
    expect(refusal(() => encodeAdd1(filler(length)))).toBe('an IPv4 address has 4 bytes');
  });

  test('what is decoded is a view, what is encoded a copy', () => {
    const bytes = hex('c0000209');
    expect(isViewOf(decodeAdd1(bytes), bytes)).toBe(true);
    const argument = encodeAdd1(bytes);
    bytes.fill(0);
    expect(hexOf(argument)).toBe('c0000209');
  });
});

describe('version 2', () => {
  const address = bytesOf6('2001:db8:80ff:7f00::b8');

  test.each(['000000', 'ffffff', '5a5a5a', '800000', '000080', '010203'])(
    '64 bytes: the high bytes %s of each unit do not count',
    (high) => {
      const argument = units(address, high);
      expect(argument).toHaveLength(64);
      expect(hexOf(decodeAdd2(argument))).toBe(hexOf(address));
    },
  );

  test('64 bytes sign-extended, as clients on x86 send them', () => {
    const argument = addArgument('2001:db8::9');
    expect(hexOf(argument.subarray(12, 16))).toBe('ffffffb8');
    expect(hexOf(decodeAdd2(argument))).toBe('20010db8000000000000000000000009');
  });

  test('16 bytes are the address itself, a view', () => {
    expect(hexOf(decodeAdd2(address))).toBe(hexOf(address));
    expect(isViewOf(decodeAdd2(address), address)).toBe(true);
  });

  test('is written as 64 bytes, high bytes zero', () => {
    expect(hexOf(encodeAdd2(address))).toBe(hexOf(units(address, '000000')));
  });

  test('no length but 16 and 64 is accepted', () => {
    const accepted = Array.from({ length: 401 }, (_, length) => length).filter(
      (length) => refusal(() => decodeAdd2(filler(length))) === undefined,
    );
    expect(accepted).toEqual([16, 64]);
    expect(refusal(() => decodeAdd2(filler(63)))).toBe('ADD of version 2 takes 64 or 16 bytes');
  });

  test.each([0, 4, 15, 17, 64])('%p bytes cannot be written', (length) => {
    expect(refusal(() => encodeAdd2(filler(length)))).toBe('an IPv6 address has 16 bytes');
  });
});

describe('the result', () => {
  test.each(Object.entries(AddStat))('%s is %p', (_, stat) => {
    expect(hexOf(encodeAddStat(stat))).toBe(`0000000${String(stat)}`);
    expect(decodeAddStat(words(stat))).toBe(stat);
    expect(hexOf(addReply(0xfedc_ba98, stat))).toBe(hexOf(words(0xfedc_ba98, 1, 0, 0, 0, 0, stat)));
    expect(hexOf(addReply(7, stat))).toBe(hexOf(success(7, encodeAddStat(stat))));
  });

  test.each([4, 5, 0x0100_0000, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('%p is none', (word) => {
    expect(refusal(() => decodeAddStat(words(word)))).toBe('no AddStat');
  });

  test.each([0, 1, 3, 5, 8])('%p bytes are none', (length) => {
    expect(refusal(() => decodeAddStat(Buffer.alloc(length)))).toBe('the result of ADD takes 4 bytes');
  });
});

describe('for any bytes', () => {
  const sixteen = fc.uint8Array({ minLength: 16, maxLength: 16 });

  test('version 1 there and back', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 4, maxLength: 4 }),
        (bytes) => hexOf(decodeAdd1(encodeAdd1(bytes))) === hexOf(bytes),
      ),
    );
  });

  test('version 2 there and back, under any high bytes', () => {
    fc.assert(
      fc.property(sixteen, fc.uint8Array({ minLength: 64, maxLength: 64 }), (address, noise) => {
        for (const [at, byte] of address.entries()) noise[4 * at + 3] = byte;
        return (
          hexOf(decodeAdd2(noise)) === hexOf(address) &&
          hexOf(decodeAdd2(encodeAdd2(address))) === hexOf(address)
        );
      }),
      { numRuns: 500 },
    );
  });

  test('any argument is Malformed or an address', () => {
    const argument = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      sixteen,
      fc.uint8Array({ minLength: 63, maxLength: 65 }),
    );
    fc.assert(
      fc.property(argument, (bytes) => {
        let given = new Uint8Array(4);
        refusal(() => (given = Uint8Array.from(decodeAdd1(bytes))));
        if (given.length !== 4) return false;
        given = new Uint8Array(16);
        refusal(() => (given = Uint8Array.from(decodeAdd2(bytes))));
        refusal(() => decodeAddStat(bytes));
        return given.length === 16;
      }),
      { numRuns: 2_000 },
    );
  });
});
