/** rpc-program - bytes in, bytes out: every row of the protocol, both versions, both transports */
import { Attack } from '../../fuzz/attack.mjs';
import { addArgument, words } from '../../support/rpc-client.js';
import { recordingLog } from '../../support/live-map.js';
import type { ClientAddress } from '../../../src/core/address.js';
import type { Outcome, Report } from '../../../src/core/ledger.js';
import type { Verdict } from '../../../src/intake/forwarding.js';
import { type Peer, RpcProgram } from '../../../src/intake/rpc-program.js';
import { Counters } from '../../../src/runtime/counters.js';
import {
  at,
  auth,
  authSys,
  type CallParts,
  FakeAuthorizer,
  FakePeer,
  message,
  REPORTER,
  serverVectors,
  XID,
} from './peers.js';

/** A program in front of an authorizer, with everything it says to its neighbours kept. */
class World {
  readonly authorizer: FakeAuthorizer;
  readonly counters = new Counters();
  readonly recorded = recordingLog();
  readonly told: ClientAddress[] = [];
  readonly seen: { argument: string; port: number }[] = [];
  verdict: Verdict = 'direct';
  own: string[] = [];
  asked = 0;
  readonly program: RpcProgram;

  constructor(outcome: Outcome | 'wait' = 'granted') {
    this.authorizer = new FakeAuthorizer(outcome);
    this.program = new RpcProgram({
      authorizer: this.authorizer,
      isOwn: (address) => this.own.includes(address),
      nameOf: () => 'other',
      forwarding: {
        verdict: () => {
          this.asked += 1;
          return this.verdict;
        },
        seen: (argument, { port }) =>
          this.seen.push({ argument: Buffer.from(argument).toString('hex'), port }),
      },
      strangers: { tell: (address) => this.told.push(address) },
      counters: this.counters,
      log: this.recorded.log,
    });
  }

  /** What became of one message. */
  take(bytes: Uint8Array, peer = new FakePeer()): string[] {
    this.program.take(bytes, peer);
    return peer.got;
  }

  count(name: string): number {
    return this.counters.snapshot()[name] ?? 0;
  }
}

const accepted = (stat: number, ...more: number[]): string =>
  words(XID, 1, 0, 0, 0, stat, ...more).toString('hex');
const denied = (...rest: number[]): string => words(XID, 1, 1, ...rest).toString('hex');
const garbage = accepted(4);
const badCredential = denied(1, 1);

const ADDRESS = { 1: '192.0.2.9', 2: '2001:db8::b8:9' } as const;
const transports = ['udp', 'tcp'] as const;
const both = transports.flatMap((transport) =>
  ([1, 2] as const).map((version) => ({ transport, version, argument: addArgument(ADDRESS[version]) })),
);

describe.each(both)('$transport, version $version', ({ transport, version, argument }) => {
  const call = (parts: CallParts = {}): Buffer => message({ version, argument, ...parts });

  test('ADD: the authorizer has the client and the sender, the reply its verdict', () => {
    const world = new World();
    expect(world.take(call(), new FakePeer(transport))).toEqual([accepted(0, 0)]);
    expect(world.authorizer.reports).toMatchObject([{ client: ADDRESS[version], sender: REPORTER }]);
  });

  test.each<[Outcome, number]>([
    ['granted', 0],
    ['renewed', 0],
    ['stranger', 1],
    ['unusable', 1],
    ['full', 2],
    ['failed', 2],
  ])('outcome %s is addstat %d', (outcome, stat) => {
    const world = new World(outcome);
    expect(world.take(call(), new FakePeer(transport))).toEqual([accepted(0, stat)]);
    expect(world.count(`rpc.add.${outcome}`)).toBe(1);
    expect(world.told).toEqual(outcome === 'stranger' ? [REPORTER] : []);
  });

  test('the reply waits for the verdict', () => {
    const world = new World('wait');
    const peer = new FakePeer(transport);
    expect(world.take(call(), peer)).toEqual([]);
    world.authorizer.reports[0]?.settle('granted');
    expect(peer.got).toEqual([accepted(0, 0)]);
  });

  test.each<[string, CallParts, string]>([
    ['NULL', { procedure: 0, argument: Buffer.alloc(0) }, accepted(0)],
    ['NULL with arguments', { procedure: 0, argument: words(1, 2, 3) }, accepted(0)],
    ['NULL with arguments that are no whole words', { procedure: 0, argument: Buffer.alloc(7) }, accepted(0)],
    ['another program', { program: 900_102 }, accepted(1)],
    ['program 0', { program: 0 }, accepted(1)],
    ['program 2^32-1', { program: 0xffff_ffff }, accepted(1)],
    ['another program in another version', { program: 900_102, version: 3 }, accepted(1)],
    ['version 0', { version: 0 }, accepted(2, 1, 2)],
    ['version 3', { version: 3 }, accepted(2, 1, 2)],
    ['version 2^32-1', { version: 0xffff_ffff }, accepted(2, 1, 2)],
    ['NULL of version 0', { version: 0, procedure: 0 }, accepted(2, 1, 2)],
    ['procedure 2', { procedure: 2 }, accepted(3)],
    ['procedure 2^32-1', { procedure: 0xffff_ffff }, accepted(3)],
    ['RPC version 0', { rpcVersion: 0 }, denied(0, 2, 2)],
    ['RPC version 1', { rpcVersion: 1 }, denied(0, 2, 2)],
    ['RPC version 3', { rpcVersion: 3 }, denied(0, 2, 2)],
    ['RPC version 2^32-1', { rpcVersion: 0xffff_ffff }, denied(0, 2, 2)],
    ['REPLY', { type: 1 }, 'refused'],
    ['message type 2', { type: 2 }, 'refused'],
    ['AUTH_SYS cut short', { credential: auth(1, authSys('pop').subarray(0, 16)) }, badCredential],
    ['AUTH_SYS without a body', { credential: auth(1) }, badCredential],
    ['AUTH_SYS and more', { credential: auth(1, Buffer.concat([authSys('pop'), words(0)])) }, badCredential],
    [
      'AUTH_SYS with 17 groups',
      { credential: auth(1, authSys('pop', Array<number>(17).fill(1))) },
      badCredential,
    ],
    ['AUTH_SYS with a name of 256 bytes', { credential: auth(1, authSys('a'.repeat(256))) }, badCredential],
    ['AUTH_SYS with a name of 2^32-1 bytes', { credential: auth(1, words(7, ~0, 0, 0, 0)) }, badCredential],
    ['AUTH_SHORT', { credential: auth(2, words(1)) }, denied(1, 2)],
    ['AUTH_DES', { credential: auth(3, words(1)) }, denied(1, 7)],
    ['flavor 4', { credential: auth(4) }, denied(1, 2)],
    ['RPCSEC_GSS', { credential: auth(6, words(1, 1, 1, 1, 0)) }, denied(1, 2)],
    ['AUTH_TLS on ADD', { credential: auth(7) }, denied(1, 2)],
    ['flavor 2^32-1', { credential: auth(0xffff_ffff) }, denied(1, 2)],
    ['a credential of 401 bytes', { credential: auth(0, Buffer.alloc(401)) }, 'refused'],
    ['an AUTH_SYS credential of 404 bytes', { credential: auth(1, Buffer.alloc(404)) }, 'refused'],
    ['a verifier of 401 bytes', { verifier: auth(0, Buffer.alloc(401)) }, 'refused'],
  ])('%s: no report, one answer', (_, parts, expected) => {
    const world = new World();
    expect(world.take(call(parts), new FakePeer(transport))).toEqual([expected]);
    expect(world.authorizer.reports).toEqual([]);
  });

  test.each<[string, CallParts]>([
    ['AUTH_SYS', { credential: auth(1, authSys('pop.example.com')) }],
    ['AUTH_SYS without groups', { credential: auth(1, authSys('pop', [])) }],
    [
      'the largest AUTH_SYS',
      { credential: auth(1, authSys('a'.repeat(255), Array<number>(16).fill(0xffff_fffe))) },
    ],
    ['AUTH_NONE with a body of 400 bytes', { credential: auth(0, Buffer.alloc(400, 1)) }],
    ['a verifier of 400 bytes', { verifier: auth(0, Buffer.alloc(400, 1)) }],
    ['a verifier of another flavor', { verifier: auth(99) }],
  ])('%s: taken, and decides nothing', (_, parts) => {
    for (const outcome of ['granted', 'stranger'] as const) {
      const world = new World(outcome);
      expect(world.take(call(parts), new FakePeer(transport))).toEqual([
        accepted(0, outcome === 'granted' ? 0 : 1),
      ]);
      expect(world.authorizer.reports).toMatchObject([{ client: ADDRESS[version], sender: REPORTER }]);
    }
  });

  const whole = version === 1 ? [4] : [16, 64];
  test.each(
    [0, 1, 3, 4, 5, 8, 12, 15, 16, 17, 20, 60, 63, 64, 65, 68, 128].filter((n) => !whole.includes(n)),
  )('an argument of %d bytes is garbage', (length) => {
    const world = new World();
    expect(world.take(call({ argument: Buffer.alloc(length, 0xc6) }), new FakePeer(transport))).toEqual([
      garbage,
    ]);
    expect(world.authorizer.reports).toEqual([]);
    expect(world.count('rpc.garbage')).toBe(1);
  });

  test('a message cut short anywhere is not a report', () => {
    const full = call();
    for (let length = 0; length < full.length; length += 1) {
      const world = new World();
      const got = world.take(full.subarray(0, length), new FakePeer(transport));
      // 40 bytes of header; the first 16 bytes of version 2's argument are an argument of their own.
      const other = version === 2 && length === 56 ? accepted(0, 0) : garbage;
      expect([length, got]).toEqual([length, [length < 40 ? 'refused' : other]]);
      if (other === garbage) expect(world.authorizer.reports).toEqual([]);
    }
  });

  // The original decodes a short argument from what an earlier datagram left in the buffer: a stranger's
  // ADD plants the address, a reporter's truncated call grants it.
  test('the bytes of an earlier message in the same memory are never an address', () => {
    const world = new World('stranger');
    const memory = Buffer.from(call());
    expect(world.take(memory, new FakePeer(transport))).toEqual([accepted(0, 1)]);
    expect(world.authorizer.clients).toEqual([ADDRESS[version]]);
    world.authorizer.decide = () => 'granted';
    for (const length of [40, 42]) {
      expect(world.take(memory.subarray(0, length), new FakePeer(transport))).toEqual([garbage]);
    }
    expect(world.authorizer.clients).toEqual([ADDRESS[version]]);
  });

  test.each([0, 1, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff])('xid %d comes back', (xid) => {
    const answers = [{}, { procedure: 0 }, { procedure: 9 }, { rpcVersion: 3 }, { credential: auth(3) }].map(
      (parts) => new World().take(call({ xid, ...parts }), new FakePeer(transport))[0]?.slice(0, 8),
    );
    expect(answers).toEqual(answers.map(() => words(xid).toString('hex')));
  });
});

test('version 2: only the low byte of each unit counts, and sixteen bytes alone will do', () => {
  const bytes = [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xb8, 0, 0xff];
  const forms = [
    words(...bytes),
    words(...bytes.map((byte) => (byte > 127 ? byte - 256 : byte))),
    words(...bytes.map((byte) => 0x5a5a_5a00 + byte)),
    Buffer.from(bytes),
  ];
  const world = new World();
  for (const argument of forms)
    expect(world.take(message({ version: 2, argument }))).toEqual([accepted(0, 0)]);
  expect(world.authorizer.clients).toEqual(forms.map(() => '2001:db8::b8:ff'));
});

test('version 2 with an IPv4-mapped address reports the IPv4 address', () => {
  const world = new World();
  const mapped = words(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 9);
  expect(world.take(message({ version: 2, argument: mapped }))).toEqual([accepted(0, 0)]);
  expect(world.authorizer.clients).toEqual(['192.0.2.9']);
});

describe('what rpcbind may have forwarded', () => {
  test('positive control: direct, and the authorizer is asked', () => {
    const world = new World();
    expect(world.take(message())).toEqual([accepted(0, 0)]);
    expect(world.authorizer.reports).toHaveLength(1);
  });

  test.each(['forwarded', 'unknown'] as const)('%s: the authorizer is never called', (verdict) => {
    const world = new World();
    world.verdict = verdict;
    const calls = [
      message(),
      message({ version: 2, argument: addArgument('2001:db8::9') }),
      message({ credential: auth(1, authSys('localhost', [0])) }),
      message({ argument: Buffer.alloc(3) }),
    ];
    for (const call of calls) {
      expect(world.take(call)).toEqual([verdict === 'forwarded' ? denied(1, 5) : 'refused']);
    }
    expect(world.authorizer.reports).toEqual([]);
    expect(world.count(verdict === 'forwarded' ? 'rpc.add.forwarded' : 'rpc.add.early')).toBe(calls.length);
  });

  test.each(['forwarded', 'unknown'] as const)('%s: rpcbind forwards nothing over TCP', (verdict) => {
    const world = new World();
    world.verdict = verdict;
    expect(world.take(message(), new FakePeer('tcp'))).toEqual([accepted(0, 0)]);
    expect(world.asked).toBe(0);
  });

  test.each(['forwarded', 'unknown'] as const)('%s: NULL is answered', (verdict) => {
    const world = new World();
    world.verdict = verdict;
    expect(world.take(message({ procedure: 0, argument: Buffer.alloc(0) }))).toEqual([accepted(0)]);
  });

  // Anybody can forge it: the kernel lets datagrams from it pass, as it does not those from loopback and IPv4.
  test('by UDP from an own IPv6 address other than ::1: as forwarded; by TCP it is taken', () => {
    const world = new World();
    world.own = ['2001:db8::1', '::1', '127.0.0.1', '192.0.2.200'];
    const from = (sender: string, transport: 'udp' | 'tcp' = 'udp'): string[] =>
      world.take(message(), new FakePeer(transport, { sender: at(sender) }));
    expect(from('2001:db8::1')).toEqual([denied(1, 5)]);
    expect(world.authorizer.reports).toEqual([]);
    expect(from('2001:db8::1', 'tcp')).toEqual([accepted(0, 0)]);
    for (const sender of ['::1', '127.0.0.1', '192.0.2.200', '2001:db8::2']) {
      expect([sender, from(sender)]).toEqual([sender, [accepted(0, 0)]]);
    }
    expect(world.count('rpc.add.forwarded')).toBe(1);
  });

  test('the argument of NULL over UDP is shown to the probe, with the port it came from', () => {
    const world = new World();
    const null8 = message({ procedure: 0, argument: words(0xdead_beef, 0x0102_0304) });
    world.take(null8, new FakePeer('udp', { port: 711 }));
    world.take(message({ procedure: 0, argument: Buffer.alloc(0) }), new FakePeer('udp'));
    world.take(null8, new FakePeer('tcp', { port: 712 }));
    world.take(message({ procedure: 1, argument: words(1) }), new FakePeer('udp', { port: 713 }));
    expect(world.seen).toEqual([{ argument: 'deadbeef01020304', port: 711 }]);
  });
});

test('nothing a peer chose is logged: neither a hostile machine name nor an argument', () => {
  const world = new World('stranger');
  const name = 'evil\r\n<0>root: \u001b[2J%s%n';
  for (const transport of transports) {
    for (const parts of [{}, { procedure: 0 }, { procedure: 7 }, { argument: Buffer.from(name, 'latin1') }]) {
      for (const credential of [auth(1, authSys(name)), auth(1, authSys(name).subarray(0, 28))]) {
        world.take(message({ ...parts, credential }), new FakePeer(transport));
      }
    }
  }
  expect(world.authorizer.reports.length).toBeGreaterThan(0);
  // Something is logged of each report: what is looked through is not nothing.
  expect(world.recorded.said.length).toBe(world.authorizer.reports.length);
  expect(JSON.stringify(world.recorded.said)).not.toMatch(/evil|root|%s|\\r|\\n|\\u001b/);
  for (const { level, fields } of world.recorded.said) {
    expect(level).toBe('debug');
    expect(fields).toEqual({ client: '192.0.2.9', reporter: REPORTER, outcome: 'stranger' });
  }
});

/** The verdicts of the server the vectors were recorded with; addstat 3 is none that our ledger has. */
function verdictOf({ client }: Report): Outcome {
  const [, n] = /^203\.0\.113\.(\d+)$/.exec(client) ?? [];
  return n === undefined
    ? 'granted'
    : ((['granted', 'stranger', 'failed'] as const)[Number(n) % 4] ?? 'full');
}

describe.each(serverVectors.filter(({ name }) => name !== 'ADD, unknown'))('golden: $name', (vector) => {
  const { call, dracd } = vector;
  test.each(transports)('%s', (transport) => {
    const world = new World();
    world.authorizer.decide = verdictOf;
    const [got, ...more] = world.take(Buffer.from(call, 'hex'), new FakePeer(transport));
    expect(more).toEqual([]);
    if (dracd !== undefined) expect(got === 'refused' ? 'drop' : got).toBe(dracd);
    else if (transport === 'udp') expect(got === 'refused' ? 'silence' : got).toBe(vector.udp);
    else expect(got === 'refused' ? 'closed' : got).toBe(vector.tcp.replace(/^800000../, ''));
  });
});

describe('for any bytes', () => {
  const COUNT = 20_000;
  const OUTCOMES = ['granted', 'renewed', 'stranger', 'unusable', 'full', 'failed'] as const;
  const corpus = serverVectors.map(({ call }) => new Uint8Array(Buffer.from(call, 'hex')));

  /** The argument of a well-formed ADD, found without the codecs; undefined for any other message. */
  function argumentOf(bytes: Buffer): Buffer | undefined {
    if (bytes.length < 40) return undefined;
    const word = (offset: number): number => bytes.readUInt32BE(offset);
    if (word(4) !== 0 || word(8) !== 2 || word(12) !== 900_101 || word(20) !== 1) return undefined;
    const verifier = 32 + word(28) + (-word(28) & 3);
    if (verifier + 8 > bytes.length) return undefined;
    const argument = verifier + 8 + word(verifier + 4) + (-word(verifier + 4) & 3);
    const length = bytes.length - argument;
    const lengths: Readonly<Record<number, readonly number[]>> = { 1: [4], 2: [16, 64] };
    return lengths[word(16)]?.includes(length) === true ? bytes.subarray(argument) : undefined;
  }

  /** What the program did with COUNT mutated messages. */
  function attack(program: (world: World, message: Uint8Array, peer: Peer) => void): Record<string, number> {
    const counts = { replied: 0, refused: 0, reported: 0 };
    const mutations = new Attack(1);
    const world = new World();
    let turn = 0;
    world.authorizer.decide = () => ((turn += 1) % 7 === 0 ? 'wait' : (OUTCOMES[turn % 6] ?? 'wait'));
    const run = (bytes: Uint8Array): boolean => {
      const sent = Buffer.from(bytes);
      const peer = new FakePeer(transports[bytes.length % 2]);
      const before = world.authorizer.reports.length;
      program(world, bytes, peer);
      const reports = world.authorizer.reports.splice(before);
      // Late verdicts come when other messages have been taken; here: at once, but after take has returned.
      if (peer.got.length === 0) reports[0]?.settle('granted');
      if (peer.got.length !== 1) throw new Error(`${peer.got.length} answers`);
      if (reports.length > 1) throw new Error(`${reports.length} reports`);
      const [got = ''] = peer.got;
      if (got === 'refused') counts.refused += 1;
      else {
        counts.replied += 1;
        if (got.length / 2 > sent.length) throw new Error('a reply larger than its call');
        if (!got.startsWith(sent.toString('hex', 0, 4))) throw new Error('the xid of another call');
      }
      if (reports.length === 1) {
        counts.reported += 1;
        if (argumentOf(sent) === undefined) throw new Error('a report from what is no ADD');
      }
      return got !== 'refused';
    };
    const decoder = { name: 'rpc-program', corpus, run };
    for (let iteration = 0; iteration < COUNT; iteration += 1) mutations.once(decoder, iteration);
    return counts;
  }

  test(`${COUNT} mutated messages: each gets exactly one of reply and refuse`, () => {
    const counts = attack((world, bytes, peer) => world.program.take(bytes, peer));
    expect(counts['replied']).toBeGreaterThan(COUNT / 20);
    expect(counts['refused']).toBeGreaterThan(COUNT / 20);
    expect(counts['reported']).toBeGreaterThan(COUNT / 20);
  });

  test('positive control: two answers, none, and a stale argument would be found', () => {
    expect(() =>
      attack((world, bytes, peer) => {
        world.program.take(bytes, peer);
        if (bytes.length === 48) peer.refuse();
      }),
    ).toThrow(/2 answers/);
    expect(() =>
      attack((world, bytes, peer) => {
        if (bytes.length !== 48) world.program.take(bytes, peer);
      }),
    ).toThrow(/0 answers/);
    expect(() =>
      attack((world, bytes, peer) => {
        const longer = Buffer.concat([bytes, Buffer.alloc(4)]);
        world.program.take(bytes.length === 40 ? longer : bytes, peer);
      }),
    ).toThrow(/no ADD/);
  });
});
