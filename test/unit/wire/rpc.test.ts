/** rpc - calls: what a server makes of a message, every field of its header at its edges, and any bytes at all */
import fc from 'fast-check';
import { addArgument, addCall, nullCall, words } from '../../support/rpc-client.js';
import { AddStat, addReply } from '../../../src/wire/drac.js';
import {
  AuthFlavor,
  AuthStat,
  MAX_AUTH_BODY,
  MAX_GIDS,
  MAX_MACHINE_NAME,
  decodeCall,
  encodeCall,
  type Decoded,
  type RpcCall,
} from '../../../src/wire/rpc.js';
import { ABSURD, concat, filler, hex, hexOf, isViewOf, letters, padding, refusal, shown } from './bytes.js';

const XID = 0x1122_3344;
const ARGUMENT = addArgument('192.0.2.9');

/** An opaque_auth whose declared length may lie. */
const auth = (flavor: number, body: Uint8Array = Buffer.alloc(0), declared = body.length): Buffer =>
  concat(words(flavor, declared), body, padding(body.length));

const NONE = auth(AuthFlavor.AUTH_NONE);

interface Header {
  readonly type?: number;
  readonly rpcVersion?: number;
  readonly program?: number;
  readonly version?: number;
  readonly procedure?: number;
  readonly credential?: Uint8Array;
  readonly verifier?: Uint8Array;
}

function message(header: Header, argument: Uint8Array = ARGUMENT): Buffer {
  const { type = 0, rpcVersion = 2, program = 900101, version = 1, procedure = 1 } = header;
  const { credential = NONE, verifier = NONE } = header;
  return concat(words(XID, type, rpcVersion, program, version, procedure), credential, verifier, argument);
}

/** An authsys_parms whose name length and number of groups may lie. */
function authSys(
  parms: { name?: number; nameLength?: number; gids?: number; gidCount?: number },
  more = '',
): Buffer {
  const { name = 3, nameLength = name, gids = 0, gidCount = gids } = parms;
  return concat(
    words(7, nameLength),
    letters(name),
    padding(name),
    words(1000, 100, gidCount, ...new Array<number>(gids).fill(5)),
    hex(more),
  );
}

/** What decodeCall makes of a message, in one word or with the reply's words after the xid. */
function verdict(bytes: Uint8Array): string {
  const decoded = decodeCall(bytes);
  if (decoded.kind === 'call') return 'call';
  if (decoded.kind === 'drop') return `drop: ${decoded.reason}`;
  expect(hexOf(decoded.bytes.subarray(0, 4))).toBe('11223344');
  expect(decoded.bytes.length).toBeLessThanOrEqual(bytes.length);
  return (hexOf(decoded.bytes.subarray(4)).match(/.{8}/g) ?? []).map((word) => parseInt(word, 16)).join(' ');
}

/** REPLY, MSG_DENIED, AUTH_ERROR. */
const denied = (stat: number): string => `1 1 1 ${stat}`;
/** REPLY, MSG_DENIED, RPC_MISMATCH, 2 to 2. */
const MISMATCH = '1 1 0 2 2';
const CREDENTIAL = 'drop: credential truncated or too long';
const VERIFIER = 'drop: verifier truncated or too long';

function theCall(decoded: Decoded): RpcCall {
  if (decoded.kind !== 'call') throw new Error(`not a call: ${decoded.kind}`);
  return decoded.call;
}

test('the limits of RFC 5531', () => {
  expect([MAX_AUTH_BODY, MAX_MACHINE_NAME, MAX_GIDS]).toEqual([400, 255, 16]);
});

describe('a call', () => {
  test.each([
    ['version 1 ADD', addCall(XID, '192.0.2.9'), 44, 1, 1],
    ['version 2 ADD', addCall(XID, '2001:db8::9'), 104, 2, 1],
    ['version 1 NULL', nullCall(XID), 40, 1, 0],
    ['version 2 NULL', nullCall(XID, 2), 40, 2, 0],
  ])('%s, its numbers and its argument', (...[, bytes, length, version, procedure]) => {
    expect(bytes).toHaveLength(length);
    const call = theCall(decodeCall(bytes));
    expect(shown(call)).toEqual({
      xid: XID,
      program: 900101,
      version,
      procedure,
      argument: hexOf(bytes.subarray(40)),
    });
    expect(isViewOf(call.argument, bytes)).toBe(true);
    expect(hexOf(encodeCall(call))).toBe(hexOf(bytes));
  });

  test('the golden bytes of version 1', () => {
    const call = { xid: XID, program: 900101, version: 1, procedure: 1, argument: ARGUMENT };
    expect(hexOf(encodeCall(call))).toBe(
      hexOf(
        hex(`11223344 00000000 00000002 000dbc05 00000001 00000001
             00000000 00000000 00000000 00000000 c0000209`),
      ),
    );
  });

  test.each(['program', 'version', 'procedure'] as const)(
    'any %s is a call, exactly that number',
    (field) => {
      for (const number of [0, 1, 3, 900102, ...ABSURD]) {
        expect(theCall(decodeCall(message({ [field]: number })))[field]).toBe(number);
      }
    },
  );

  test.each([0, 1, ...ABSURD])('xid %p', (xid) => {
    expect(theCall(decodeCall(concat(words(xid), message({}).subarray(4)))).xid).toBe(xid);
  });

  test('works on a view that begins anywhere in its memory', () => {
    const memory = concat(filler(3), addCall(XID, '192.0.2.9'), filler(5));
    const call = theCall(decodeCall(memory.subarray(3, 47)));
    expect(hexOf(call.argument)).toBe('c0000209');
  });

  test.each(['xid', 'program', 'version', 'procedure'] as const)(
    'cannot be written with a %s that is no unsigned int',
    (field) => {
      for (const number of [-1, 0.5, NaN, 0x1_0000_0000]) {
        const call = { xid: XID, program: 1, version: 1, procedure: 1, argument: ARGUMENT, [field]: number };
        expect(refusal(() => encodeCall(call))).toBe('no unsigned int');
      }
    },
  );
});

describe('what a server makes of a message', () => {
  test.each([
    ['empty', Buffer.alloc(0), 'drop: header too short'],
    ['an xid', words(XID), 'drop: header too short'],
    ['a header of 23 bytes', message({}).subarray(0, 23), 'drop: header too short'],
    ['a header of 24 bytes', message({}).subarray(0, 24), CREDENTIAL],
    ['a header of 39 bytes', message({}).subarray(0, 39), VERIFIER],
    ['a header of 40 bytes', message({}).subarray(0, 40), 'call'],
    ['a REPLY', message({ type: 1 }), 'drop: not a call'],
    ['a success reply of ours', addReply(XID, AddStat.SUCCESS), 'drop: not a call'],
    ['message type 2', message({ type: 2 }), 'drop: not a call'],
    ['message type 2^32-1', message({ type: 0xffff_ffff }), 'drop: not a call'],
    ['a REPLY of RPC version 3', message({ type: 1, rpcVersion: 3 }), 'drop: not a call'],
    ['RPC version 0', message({ rpcVersion: 0 }), MISMATCH],
    ['RPC version 1', message({ rpcVersion: 1 }), MISMATCH],
    ['RPC version 3', message({ rpcVersion: 3 }), MISMATCH],
    ['RPC version 2^31', message({ rpcVersion: 0x8000_0000 }), MISMATCH],
    ['RPC version 2^32-1', message({ rpcVersion: 0xffff_ffff }), MISMATCH],
    [
      'RPC version 3 with a header we cannot know',
      message({ rpcVersion: 3, credential: words(9, 9e6) }),
      MISMATCH,
    ],
    [
      'RPC version 3 in 24 bytes, as many as the answer',
      message({ rpcVersion: 3 }).subarray(0, 24),
      MISMATCH,
    ],
    ['RPC version 3 in 23 bytes', message({ rpcVersion: 3 }).subarray(0, 23), 'drop: header too short'],
    ['AUTH_NONE with a body', message({ credential: auth(0, filler(5)) }), 'call'],
    ['AUTH_SYS', message({ credential: auth(1, authSys({})) }), 'call'],
    ['AUTH_SYS without a name', message({ credential: auth(1, authSys({ name: 0 })) }), 'call'],
    [
      'AUTH_SYS, everything at its limit',
      message({ credential: auth(1, authSys({ name: 255, gids: 16 })) }),
      'call',
    ],
    ['AUTH_SYS, empty', message({ credential: auth(1) }), denied(AuthStat.AUTH_BADCRED)],
    [
      'AUTH_SYS of 19 bytes',
      message({ credential: auth(1, Buffer.alloc(19)) }),
      denied(AuthStat.AUTH_BADCRED),
    ],
    [
      'AUTH_SYS of 21 bytes',
      message({ credential: auth(1, Buffer.alloc(21)) }),
      denied(AuthStat.AUTH_BADCRED),
    ],
    [
      'AUTH_SYS and more',
      message({ credential: auth(1, authSys({}, '00000000')) }),
      denied(AuthStat.AUTH_BADCRED),
    ],
    ['AUTH_SHORT', message({ credential: auth(2) }), denied(AuthStat.AUTH_REJECTEDCRED)],
    ['AUTH_DES', message({ credential: auth(3) }), denied(AuthStat.AUTH_FAILED)],
    ['AUTH_DES with a body', message({ credential: auth(3, filler(24)) }), denied(AuthStat.AUTH_FAILED)],
    ['flavor 4', message({ credential: auth(4) }), denied(AuthStat.AUTH_REJECTEDCRED)],
    ['RPCSEC_GSS', message({ credential: auth(6, filler(20)) }), denied(AuthStat.AUTH_REJECTEDCRED)],
    [
      'AUTH_TLS',
      message({ procedure: 0, credential: auth(7) }, Buffer.alloc(0)),
      denied(AuthStat.AUTH_REJECTEDCRED),
    ],
    ['flavor 2^32-1', message({ credential: auth(0xffff_ffff) }), denied(AuthStat.AUTH_REJECTEDCRED)],
    ['any flavor of verifier', message({ verifier: auth(99, filler(7)) }), 'call'],
    ['AUTH_SYS for a verifier, malformed', message({ verifier: auth(1, filler(3)) }), 'call'],
  ])('%s', (_, bytes, expected) => {
    expect(verdict(bytes)).toBe(expected);
  });

  test('a call cut anywhere in its header is dropped, anywhere in its argument is a call with what is there', () => {
    for (const whole of [message({}), message({ credential: auth(1, authSys({ name: 5, gids: 3 })) })]) {
      const header = whole.length - ARGUMENT.length;
      for (let length = 0; length < header; length += 1) {
        expect(verdict(whole.subarray(0, length))).toMatch(/^drop: /);
      }
      for (let length = header; length <= whole.length; length += 1) {
        expect(theCall(decodeCall(whole.subarray(0, length))).argument).toHaveLength(length - header);
      }
    }
  });

  test('credentials and verifiers of any length decide nothing: the call is the same under each of them', () => {
    const bodies = [1, 2, 3, 4, 5, 399, 400].map((length) => auth(0, filler(length)));
    const expected = shown(theCall(decodeCall(message({}))));
    for (const credential of [...bodies, auth(1, authSys({})), auth(1, authSys({ name: 200, gids: 9 }))]) {
      expect(shown(theCall(decodeCall(message({ credential }))))).toEqual(expected);
    }
    for (const verifier of bodies) {
      expect(shown(theCall(decodeCall(message({ verifier }))))).toEqual(expected);
    }
  });
});

/** Each row: field, its length, the message that declares it, what must come of it. */
const lengths: [string, number, Uint8Array, string][] = [
  ...[0, MAX_AUTH_BODY].map((length): [string, number, Uint8Array, string] => [
    'credential',
    length,
    message({ credential: auth(0, filler(length)) }),
    'call',
  ]),
  ...[MAX_AUTH_BODY + 1, ...ABSURD].flatMap((length): [string, number, Uint8Array, string][] => [
    ['credential', length, message({ credential: auth(0, filler(404), length) }), CREDENTIAL],
    ['credential, nothing behind it', length, message({}).subarray(0, 28), CREDENTIAL],
    ['credential of AUTH_SYS', length, message({ credential: auth(1, filler(404), length) }), CREDENTIAL],
    ['verifier', length, message({ verifier: auth(0, filler(404), length) }), VERIFIER],
    [
      'verifier, nothing behind it',
      length,
      message({ verifier: words(0, length) }, Buffer.alloc(0)),
      VERIFIER,
    ],
  ]),
  ...[0, MAX_AUTH_BODY].map((length): [string, number, Uint8Array, string] => [
    'verifier',
    length,
    message({ verifier: auth(0, filler(length)) }),
    'call',
  ]),
  ...[0, MAX_MACHINE_NAME].map((length): [string, number, Uint8Array, string] => [
    'machine name',
    length,
    message({ credential: auth(1, authSys({ name: length })) }),
    'call',
  ]),
  ...[MAX_MACHINE_NAME + 1, ...ABSURD].flatMap((length): [string, number, Uint8Array, string][] => [
    [
      'machine name',
      length,
      message({ credential: auth(1, authSys({ name: 256, nameLength: length })) }),
      denied(1),
    ],
    [
      'machine name, too short',
      length,
      message({ credential: auth(1, authSys({ nameLength: length })) }),
      denied(1),
    ],
  ]),
  ...[0, MAX_GIDS].map((length): [string, number, Uint8Array, string] => [
    'groups',
    length,
    message({ credential: auth(1, authSys({ gids: length })) }),
    'call',
  ]),
  ...[MAX_GIDS + 1, ...ABSURD].flatMap((length): [string, number, Uint8Array, string][] => [
    ['groups', length, message({ credential: auth(1, authSys({ gids: 17, gidCount: length })) }), denied(1)],
    ['groups, not there', length, message({ credential: auth(1, authSys({ gidCount: length })) }), denied(1)],
  ]),
  // Lengths within their limits that reach past the credential's end, into the rest of the message.
  [
    'machine name',
    200,
    message({ credential: auth(1, authSys({ nameLength: 200 })) }, filler(400)),
    denied(1),
  ],
  ['groups', 1, message({ credential: auth(1, authSys({ gidCount: 1 })) }, filler(400)), denied(1)],
  ['groups', 0, message({ credential: auth(1, authSys({ gids: 1, gidCount: 0 })) }), denied(1)],
  ['credential', 400, message({ credential: words(0, 400) }, filler(300)), CREDENTIAL],
  ['verifier', 400, message({ verifier: words(0, 400) }, filler(399)), VERIFIER],
];

describe('length fields', () => {
  test.each(lengths)('%s of %p', (...[, , bytes, expected]) => {
    expect(verdict(bytes)).toBe(expected);
  });
});

describe('for any values and any bytes', () => {
  const word = fc.oneof(
    fc.nat(0xffff_ffff),
    fc.constantFrom(0, 1, 2, 3, 255, 256, 400, 401, 900101, ...ABSURD),
  );
  /** Words that look like a header, and anything behind them. */
  const almost = fc
    .tuple(
      fc.tuple(word, fc.constantFrom(0, 1, 2), fc.constantFrom(1, 2, 2, 2, 3)),
      fc.array(word, { maxLength: 14 }),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([head, middle, tail]) => concat(words(...head, ...middle), tail));
  const bytes = fc.oneof(almost, fc.uint8Array({ maxLength: 120 }));

  test('decodeCall never throws, answers nothing larger than what it was sent, and shows only the call’s own bytes', () => {
    fc.assert(
      fc.property(bytes, (sent) => {
        const decoded = decodeCall(sent);
        if (decoded.kind === 'reply') return decoded.bytes.length <= sent.length;
        if (decoded.kind === 'drop') return true;
        const { argument } = decoded.call;
        return (
          isViewOf(argument, sent) && argument.byteOffset + argument.length === sent.byteOffset + sent.length
        );
      }),
      { numRuns: 10_000 },
    );
  });

  test('a call that is written is read', () => {
    const number = fc.nat(0xffff_ffff);
    fc.assert(
      fc.property(
        fc.record({
          xid: number,
          program: number,
          version: number,
          procedure: number,
          argument: fc.uint8Array(),
        }),
        (call) => {
          const again = theCall(decodeCall(encodeCall(call)));
          return JSON.stringify(shown(again)) === JSON.stringify(shown(call));
        },
      ),
      { numRuns: 1_000 },
    );
  });
});
