/** rpc - every reply that RFC 5531 knows, as a server writes it and as a client reads it */
import fc from 'fast-check';
import { addCall, nullCall, words } from '../../support/rpc-client.js';
import { AddStat, addReply } from '../../../src/wire/drac.js';
import {
  AcceptStat,
  AuthStat,
  MAX_AUTH_BODY,
  RejectStat,
  authError,
  decodeReply,
  garbageArgs,
  procUnavail,
  progMismatch,
  progUnavail,
  rpcMismatch,
  success,
  successWord,
  systemErr,
} from '../../../src/wire/rpc.js';
import { ABSURD, concat, filler, hex, hexOf, isViewOf, padding, refusal, shown } from './bytes.js';

const XID = 0x1122_3344;

describe('replies', () => {
  const accepted = (stat: number): string =>
    `11223344 00000001 00000000 00000000 00000000 0000000${String(stat)}`;

  test.each([
    [
      'SUCCESS of a void procedure',
      success(XID),
      accepted(AcceptStat.SUCCESS),
      { kind: 'success', result: '' },
    ],
    [
      'SUCCESS',
      success(XID, hex('01020304 05')),
      `${accepted(0)} 01020304 05`,
      { kind: 'success', result: '0102030405' },
    ],
    [
      'SUCCESS of a word',
      successWord(XID, 0xffff_fffe),
      `${accepted(0)} fffffffe`,
      { kind: 'success', result: 'fffffffe' },
    ],
    ['PROG_UNAVAIL', progUnavail(XID), accepted(AcceptStat.PROG_UNAVAIL), { kind: 'accepted', stat: 1 }],
    [
      'PROG_MISMATCH',
      progMismatch(XID, 1, 2),
      `${accepted(AcceptStat.PROG_MISMATCH)} 00000001 00000002`,
      { kind: 'accepted', stat: 2, low: 1, high: 2 },
    ],
    ['PROC_UNAVAIL', procUnavail(XID), accepted(AcceptStat.PROC_UNAVAIL), { kind: 'accepted', stat: 3 }],
    ['GARBAGE_ARGS', garbageArgs(XID), accepted(AcceptStat.GARBAGE_ARGS), { kind: 'accepted', stat: 4 }],
    ['SYSTEM_ERR', systemErr(XID), accepted(AcceptStat.SYSTEM_ERR), { kind: 'accepted', stat: 5 }],
    [
      'RPC_MISMATCH',
      rpcMismatch(XID),
      '11223344 00000001 00000001 00000000 00000002 00000002',
      { kind: 'denied', stat: RejectStat.RPC_MISMATCH, low: 2, high: 2 },
    ],
    ...Object.entries(AuthStat).map(([name, stat]): [string, Uint8Array, string, object] => [
      `AUTH_ERROR ${name}`,
      authError(XID, stat),
      `11223344 00000001 00000001 00000001 0000000${String(stat)}`,
      { kind: 'denied', stat: RejectStat.AUTH_ERROR, authStat: stat },
    ]),
  ])('%s', (...[, bytes, expected, meaning]) => {
    expect(hexOf(bytes)).toBe(hexOf(hex(expected)));
    const reply = decodeReply(bytes);
    expect(shown(reply)).toEqual({
      xid: XID,
      ...meaning,
    });
  });

  test('there are seven reasons to refuse a credential', () => {
    expect(Object.values(AuthStat)).toEqual([1, 2, 3, 4, 5, 6, 7]);
  });

  test.each([0, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('xid %p comes back', (xid) => {
    for (const bytes of [
      success(xid),
      successWord(xid, 0),
      rpcMismatch(xid),
      authError(xid, 1),
      systemErr(xid),
    ]) {
      expect(decodeReply(bytes).xid).toBe(xid);
    }
  });

  test('PROG_MISMATCH with any versions', () => {
    expect(decodeReply(progMismatch(XID, 0x8000_0000, 0xffff_ffff))).toMatchObject({
      low: 0x8000_0000,
      high: 0xffff_ffff,
    });
  });

  test('are never larger than the smallest call that gets them', () => {
    const smallest = nullCall(XID).length;
    const everyCall = [
      success(XID),
      progUnavail(XID),
      progMismatch(XID, 1, 2),
      procUnavail(XID),
      garbageArgs(XID),
    ];
    for (const reply of [...everyCall, systemErr(XID), authError(XID, 7), rpcMismatch(XID)]) {
      expect(reply.length).toBeLessThanOrEqual(smallest);
    }
    for (const stat of Object.values(AddStat)) {
      expect(addReply(XID, stat)).toHaveLength(28);
      // 16 bytes of version 2 and 4 of version 1 are the least that ADD takes.
      expect(addReply(XID, stat).length).toBeLessThanOrEqual(addCall(XID, '192.0.2.9').length);
    }
  });
});

describe('what a client makes of a message', () => {
  const start = '11223344 00000001 00000000';
  test.each([
    ['empty', '', 'ends too early'],
    ['an xid', '11223344', 'ends too early'],
    ['a call', hexOf(addCall(XID, '192.0.2.9')), 'not a reply'],
    ['message type 2^32-1', '11223344 ffffffff 00000000', 'not a reply'],
    ['reply_stat 2', '11223344 00000001 00000002', 'unknown reply_stat'],
    ['reply_stat 2^32-1', '11223344 00000001 ffffffff', 'unknown reply_stat'],
    ['accept_stat 6', `${start} 00000000 00000000 00000006`, 'unknown accept_stat'],
    ['accept_stat 2^32-1', `${start} 00000000 00000000 ffffffff`, 'unknown accept_stat'],
    ['reject_stat 2', '11223344 00000001 00000001 00000002 00000000', 'unknown reject_stat'],
    ['no accept_stat', `${start} 00000000 00000000`, 'ends too early'],
    ['PROG_MISMATCH without versions', `${start} 00000000 00000000 00000002 00000001`, 'ends too early'],
    [
      'PROG_MISMATCH and more',
      `${start} 00000000 00000000 00000002 00000001 00000002 00`,
      'bytes after the end',
    ],
    ['PROG_UNAVAIL and more', `${start} 00000000 00000000 00000001 00000000`, 'bytes after the end'],
    ['AUTH_ERROR without a reason', '11223344 00000001 00000001 00000001', 'ends too early'],
    ['AUTH_ERROR and more', '11223344 00000001 00000001 00000001 00000001 00', 'bytes after the end'],
    ['RPC_MISMATCH without versions', '11223344 00000001 00000001 00000000', 'ends too early'],
    [
      'RPC_MISMATCH and more',
      '11223344 00000001 00000001 00000000 00000002 00000002 00',
      'bytes after the end',
    ],
  ])('%s', (_, bytes, reason) => {
    expect(refusal(() => decodeReply(hex(bytes)))).toBe(reason);
  });

  test.each([
    [0, undefined],
    [MAX_AUTH_BODY, undefined],
    [MAX_AUTH_BODY + 1, 'variable length over its limit'],
    ...ABSURD.map((length): [number, string] => [length, 'variable length over its limit']),
  ])('a verifier that declares %p bytes', (length, reason) => {
    const body = filler(Math.min(length, 404));
    const bytes = concat(words(XID, 1, 0, 5, length), body, padding(body.length), words(0), hex('c0ffee'));
    expect(refusal(() => decodeReply(bytes))).toBe(reason);
    if (reason === undefined) {
      const reply = decodeReply(bytes);
      expect(reply.kind === 'success' && hexOf(reply.result)).toBe('c0ffee');
    } else {
      expect(refusal(() => decodeReply(words(XID, 1, 0, 5, length)))).toBe(reason);
    }
  });

  test('a result is a view', () => {
    const bytes = successWord(XID, 1);
    const reply = decodeReply(bytes);
    expect(reply.kind === 'success' && isViewOf(reply.result, bytes)).toBe(true);
  });
});

describe('for any values and any bytes', () => {
  const word = fc.oneof(fc.nat(0xffff_ffff), fc.nat(6), fc.constantFrom(255, 256, 400, 401, ...ABSURD));
  /** Words that look like a reply, and anything behind them. */
  const almost = fc
    .tuple(
      word,
      fc.constantFrom(0, 1, 1, 1),
      fc.nat(2),
      fc.array(word, { maxLength: 8 }),
      fc.uint8Array({ maxLength: 40 }),
    )
    .map(([xid, type, stat, more, tail]) => concat(words(xid, type, stat, ...more), tail));
  const bytes = fc.oneof(almost, fc.uint8Array({ maxLength: 120 }));

  test('decodeReply is Malformed or gives what was there', () => {
    fc.assert(
      fc.property(bytes, (sent) => {
        refusal(() => decodeReply(sent));
      }),
      { numRuns: 10_000 },
    );
  });

  test('a result that is written is read', () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), fc.uint8Array(), (xid, result) => {
        const reply = decodeReply(success(xid, result));
        return reply.kind === 'success' && reply.xid === xid && hexOf(reply.result) === hexOf(result);
      }),
      { numRuns: 1_000 },
    );
  });
});
