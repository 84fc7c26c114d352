/** forwarding - rounds of the probe against an rpcbind that the test plays, in a time that the test moves */
import {
  CLEAN_ROUNDS,
  Forwarding,
  GRACE_MS,
  MAX_PORTS,
  type ProbeSocket,
  ROUND_MS,
} from '../../../src/intake/forwarding.js';
import { isLoopback } from '../../../src/intake/host-addresses.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog } from '../../support/live-map.js';
import { words } from '../../support/rpc-client.js';
import { at } from './peers.js';

const LOCAL = at('127.0.0.1');
const LOCAL_6 = at('::1');
const REMOTE = at('198.51.100.7');
const OWN = at('192.0.2.200');
/** The port rpcbind forwards from. */
const PORT = 711;

/** One probe, as rpcbind reads it. */
interface Probe {
  readonly xid: number;
  readonly version: number;
  readonly procedure: number;
  readonly target: readonly number[];
  readonly nonce: Uint8Array;
}

class FakeSocket implements ProbeSocket {
  readonly family: 4 | 6;
  readonly probes: Probe[] = [];
  readonly answer: (message: Uint8Array) => void;
  /** Says that the port is closed. */
  readonly refuse: () => void;
  closed = 0;

  constructor(family: 4 | 6, answer: (message: Uint8Array) => void, refuse: () => void) {
    this.family = family;
    this.answer = answer;
    this.refuse = refuse;
  }

  send(message: Uint8Array): void {
    const bytes = Buffer.from(message);
    const word = (index: number): number => bytes.readUInt32BE(4 * index);
    expect([word(1), word(2), word(3)]).toEqual([0, 2, 100_000]);
    expect(word(13)).toBe(8);
    expect(bytes).toHaveLength(64);
    this.probes.push({
      xid: word(0),
      version: word(4),
      procedure: word(5),
      target: [word(10), word(11), word(12)],
      nonce: bytes.subarray(56),
    });
  }

  close(): void {
    this.closed += 1;
  }

  /** rpcbind's answer to INDIRECT; which it is does not matter. */
  answerIndirect(): void {
    for (const { xid, procedure } of this.probes)
      if (procedure === 10) this.answer(words(xid, 1, 0, 0, 0, 5));
  }
}

class World {
  readonly clock = new FakeClock();
  readonly recorded = recordingLog();
  readonly sockets: FakeSocket[] = [];
  rounds = 0;
  readonly forwarding = new Forwarding({
    isOwn: (address) => isLoopback(address) || address === OWN,
    openSocket: (family, onMessage, onRefused) => {
      const socket = new FakeSocket(family, onMessage, onRefused);
      this.sockets.push(socket);
      return socket;
    },
    clock: this.clock,
    log: this.recorded.log,
  });

  /** Starts a round; `rounds` counts those that have ended. */
  begin(families: readonly (4 | 6)[] = [4], isExpected = true): FakeSocket[] {
    const before = this.sockets.length;
    void this.forwarding.probe(families, isExpected).then(() => (this.rounds += 1));
    return this.sockets.slice(before);
  }

  /** A round in which rpcbind answers and perhaps forwards, from `port`. */
  round(port?: number): void {
    const [socket] = this.begin();
    if (port !== undefined) this.comeBack(socket, port);
    socket?.answerIndirect();
    this.clock.advance(GRACE_MS);
  }

  silentRound(): void {
    this.begin();
    this.clock.advance(ROUND_MS);
  }

  comeBack(socket: FakeSocket | undefined, port = PORT): void {
    const nonce = socket?.probes[0]?.nonce;
    if (nonce === undefined) throw new Error('no probe was sent');
    this.forwarding.seen(Buffer.from(nonce), { sender: LOCAL, port });
  }

  verdict(port = 40_000, sender = LOCAL): string {
    return this.forwarding.verdict({ sender, port });
  }

  events(level: string): string[] {
    return this.recorded.said.filter((one) => one.level === level).map(({ event }) => event);
  }
}

test('at first the verdict on this host is unknown, and on others direct', () => {
  const world = new World();
  expect([LOCAL, LOCAL_6, OWN].map((sender) => world.verdict(1, sender))).toEqual(Array(3).fill('unknown'));
  expect(world.verdict(1, REMOTE)).toBe('direct');
});

test('without rpcbind nothing is forwarded', () => {
  const world = new World();
  world.forwarding.assumeNone();
  expect(world.verdict()).toBe('direct');
});

test('that there is no rpcbind now restores no trust that was lost', () => {
  const world = new World();
  world.round(PORT);
  world.forwarding.assumeNone();
  expect(world.verdict()).toBe('forwarded');
});

describe('a round', () => {
  test('asks rpcbind for our NULL in three ways, with one nonce', () => {
    const world = new World();
    const [socket] = world.begin();
    expect(socket?.probes.map(({ version, procedure }) => [version, procedure])).toEqual([
      [2, 5],
      [4, 5],
      [4, 10],
    ]);
    for (const probe of socket?.probes ?? []) expect(probe.target).toEqual([900_101, 1, 0]);
    expect(new Set(socket?.probes.map(({ xid }) => xid)).size).toBe(3);
    expect(new Set(socket?.probes.map(({ nonce }) => Buffer.from(nonce).toString('hex'))).size).toBe(1);
  });

  test('goes over each family', () => {
    const world = new World();
    const sockets = world.begin([4, 6]);
    expect(sockets.map(({ family }) => family)).toEqual([4, 6]);
    expect(sockets.map(({ probes }) => probes.length)).toEqual([3, 3]);
  });

  test('has a nonce of its own', () => {
    const world = new World();
    const nonces = Array.from({ length: 4 }, () => {
      const [socket] = world.begin();
      world.clock.advance(ROUND_MS);
      return Buffer.from(socket?.probes[0]?.nonce ?? []).toString('hex');
    });
    expect(new Set(nonces).size).toBe(4);
  });

  test('one at a time', async () => {
    const world = new World();
    world.begin();
    let second = false;
    void world.forwarding.probe([4]).then(() => (second = true));
    await Promise.resolve();
    expect([world.sockets.length, second, world.rounds]).toEqual([1, true, 0]);
  });

  test('that is answered ends after the grace, with its socket closed and no timer left', async () => {
    const world = new World();
    const [socket] = world.begin();
    socket?.answerIndirect();
    world.clock.advance(GRACE_MS - 1);
    expect([socket?.closed, world.verdict()]).toEqual([0, 'unknown']);
    world.clock.advance(1);
    await Promise.resolve();
    expect([socket?.closed, world.verdict(), world.rounds]).toEqual([1, 'direct', 1]);
    expect(world.clock.pendingTimers).toBe(0);
    expect(world.recorded.said).toEqual([]);
  });

  test('waits for the answers of all families', () => {
    const world = new World();
    const [four, six] = world.begin([4, 6]);
    four?.answerIndirect();
    world.clock.advance(GRACE_MS);
    expect(world.verdict()).toBe('unknown');
    six?.answerIndirect();
    world.clock.advance(GRACE_MS);
    expect(world.verdict()).toBe('direct');
    expect([four?.closed, six?.closed]).toEqual([1, 1]);
  });

  test('answered over one family only ends in its time, and has proved something', () => {
    const world = new World();
    world.begin([4, 6])[0]?.answerIndirect();
    world.clock.advance(ROUND_MS - 1);
    expect(world.verdict()).toBe('unknown');
    world.clock.advance(1);
    expect(world.verdict()).toBe('direct');
  });

  test('is not ended by what is no answer to INDIRECT', () => {
    const world = new World();
    const [socket] = world.begin();
    for (const { xid, procedure } of socket?.probes ?? []) {
      if (procedure !== 10) socket?.answer(words(xid, 1, 0, 0, 0, 0));
      else socket?.answer(words(xid ^ 1, 1, 0, 0, 0, 5));
    }
    socket?.answer(new Uint8Array(0));
    socket?.answer(Uint8Array.of(1, 2, 3));
    world.clock.advance(ROUND_MS - 1);
    expect(world.verdict()).toBe('unknown');
    world.clock.advance(1);
    expect(world.verdict()).toBe('unknown');
  });

  test('an answer said twice does not put its end off', () => {
    const world = new World();
    const [socket] = world.begin();
    socket?.answerIndirect();
    world.clock.advance(GRACE_MS - 1);
    socket?.answerIndirect();
    world.clock.advance(1);
    expect(world.verdict()).toBe('direct');
  });

  test('an answer to an earlier round is none to this one', () => {
    const world = new World();
    const [first] = world.begin();
    world.clock.advance(ROUND_MS);
    world.begin();
    first?.answerIndirect();
    world.clock.advance(ROUND_MS);
    expect(world.verdict()).toBe('unknown');
  });

  test('that nobody answers proves nothing, and is told of once', () => {
    const world = new World();
    world.silentRound();
    world.silentRound();
    expect(world.verdict()).toBe('unknown');
    expect(world.events('warn')).toEqual([
      'rpcbind does not answer the forwarding probe; UDP reports from this host wait until it does',
    ]);
    expect(world.recorded.said[0]?.fields['cure']).toMatch(/UDP port 111|TCP/);
  });

  test('that nobody answers takes away no trust that was there', () => {
    const world = new World();
    world.round();
    world.silentRound();
    expect(world.verdict()).toBe('direct');
    expect(world.events('warn')).toEqual([]);
  });
});

describe('a closed port', () => {
  test('where no rpcbind was heard of: there is none, and the round is over', async () => {
    const world = new World();
    const sockets = world.begin([4, 6], false);
    sockets[0]?.refuse();
    expect(world.verdict()).toBe('unknown');
    sockets[1]?.refuse();
    await Promise.resolve();
    expect([world.verdict(), world.rounds, world.clock.pendingTimers]).toEqual(['direct', 1, 0]);
    expect(sockets.map(({ closed }) => closed)).toEqual([1, 1]);
    expect(world.recorded.said).toEqual([]);
  });

  test('where rpcbind was heard of proves nothing, and the round is over', async () => {
    const world = new World();
    world.begin([4], true)[0]?.refuse();
    await Promise.resolve();
    expect([world.verdict(), world.rounds]).toEqual(['unknown', 1]);
    expect(world.events('warn')).toHaveLength(1);
  });

  test('said twice by one family is not said by the other', () => {
    const world = new World();
    const [four] = world.begin([4, 6], false);
    four?.refuse();
    four?.refuse();
    world.clock.advance(ROUND_MS);
    expect(world.verdict()).toBe('unknown');
  });

  test('restores no trust that was lost', () => {
    const world = new World();
    world.round(PORT);
    for (let round = 0; round < 3; round += 1) world.begin([4], false)[0]?.refuse();
    expect(world.verdict()).toBe('forwarded');
  });

  test('of one family does not end the round of the other', () => {
    const world = new World();
    const [four, six] = world.begin([4, 6], false);
    six?.refuse();
    world.comeBack(four);
    four?.answerIndirect();
    world.clock.advance(ROUND_MS);
    expect(world.verdict()).toBe('forwarded');
  });

  test('in an earlier round is none in this one', () => {
    const world = new World();
    const [early] = world.begin([4], false);
    world.clock.advance(ROUND_MS);
    world.begin([4], false);
    early?.refuse();
    expect(world.verdict()).toBe('unknown');
  });
});

describe('doubt, before a registration', () => {
  test('takes the verdict back until a round has proved it again', () => {
    const world = new World();
    world.round();
    world.forwarding.doubt();
    expect([world.verdict(), world.verdict(1, REMOTE)]).toEqual(['unknown', 'direct']);
    world.round();
    expect(world.verdict()).toBe('direct');
  });

  test('makes nothing better', () => {
    const world = new World();
    world.forwarding.doubt();
    expect(world.verdict()).toBe('unknown');
    world.round(PORT);
    world.forwarding.doubt();
    expect(world.verdict()).toBe('forwarded');
  });

  // Its probes went to an rpcbind that had nothing of ours to forward to.
  test('a round that is under way then proves nothing, and stands in the way of no other', async () => {
    const world = new World();
    const [socket] = world.begin();
    socket?.answerIndirect();
    world.forwarding.doubt();
    await Promise.resolve();
    expect(world.rounds).toBe(1);
    const [next] = world.begin();
    expect(next?.probes).toHaveLength(3);
    socket?.answerIndirect();
    world.clock.advance(GRACE_MS);
    expect(world.verdict()).toBe('unknown');
    next?.answerIndirect();
    world.clock.advance(GRACE_MS);
    expect(world.verdict()).toBe('direct');
  });
});

describe('the nonce that comes back', () => {
  test('makes every UDP report of this host a forwarded one, at once', () => {
    const world = new World();
    world.comeBack(world.begin()[0]);
    for (const sender of [LOCAL, LOCAL_6, OWN]) {
      expect([world.verdict(PORT, sender), world.verdict(40_000, sender)]).toEqual([
        'forwarded',
        'forwarded',
      ]);
    }
    expect(world.verdict(PORT, REMOTE)).toBe('direct');
    expect(world.forwarding.state).toBe('forwarded');
  });

  test('is told of once, with the cure', () => {
    const world = new World();
    world.round(PORT);
    world.round(PORT);
    world.round(PORT + 1);
    expect(world.events('error')).toHaveLength(1);
    expect(world.recorded.said[0]?.fields['cure']).toContain('rpcbind without -r');
  });

  test.each([
    ['another nonce', () => Buffer.alloc(8, 7)],
    ['a part of it', (nonce: Buffer) => nonce.subarray(0, 7)],
    ['more than it', (nonce: Buffer) => Buffer.concat([nonce, Buffer.alloc(1)])],
    [
      'one bit of it wrong',
      (nonce: Buffer) => Buffer.from(nonce.map((byte, i) => (i === 7 ? byte ^ 1 : byte))),
    ],
    ['nothing', () => Buffer.alloc(0)],
  ])('%s is ignored', (_, change) => {
    const world = new World();
    const [socket] = world.begin();
    const nonce = Buffer.from(socket?.probes[0]?.nonce ?? []);
    world.forwarding.seen(change(nonce), { sender: LOCAL, port: PORT });
    expect(world.verdict(PORT)).toBe('unknown');
    // Positive control: the nonce itself is not ignored.
    world.forwarding.seen(nonce, { sender: LOCAL, port: PORT });
    expect(world.verdict(PORT)).toBe('forwarded');
  });

  test('of an earlier round is ignored: somebody replays it', () => {
    const world = new World();
    const [socket] = world.begin();
    socket?.answerIndirect();
    world.clock.advance(GRACE_MS);
    world.comeBack(socket);
    world.begin();
    world.comeBack(socket);
    expect(world.verdict()).toBe('direct');
  });

  test('within the grace after the answer counts, after it no more', () => {
    const world = new World();
    const [socket] = world.begin();
    socket?.answerIndirect();
    world.clock.advance(GRACE_MS - 1);
    world.comeBack(socket);
    world.clock.advance(1);
    expect(world.verdict()).toBe('forwarded');
  });
});

describe('trust', () => {
  test(`comes back after ${CLEAN_ROUNDS} clean rounds, except for the port`, () => {
    const world = new World();
    world.round(PORT);
    for (let round = 1; round < CLEAN_ROUNDS; round += 1) {
      world.round();
      expect(world.verdict()).toBe('forwarded');
    }
    world.round();
    expect(world.verdict()).toBe('direct');
    expect([LOCAL, LOCAL_6, OWN].map((sender) => world.verdict(PORT, sender))).toEqual(
      Array(3).fill('forwarded'),
    );
    expect(world.verdict(PORT, REMOTE)).toBe('direct');
    expect(world.events('info')).toHaveLength(1);
  });

  test('the port stays distrusted however many rounds are clean', () => {
    const world = new World();
    world.round(PORT);
    for (let round = 0; round < 200; round += 1) world.round();
    expect([world.verdict(PORT), world.verdict(PORT + 1)]).toEqual(['forwarded', 'direct']);
  });

  test('does not come back by silence, and silence does not count as clean', () => {
    const world = new World();
    world.round(PORT);
    world.round();
    world.silentRound();
    world.silentRound();
    expect(world.verdict()).toBe('forwarded');
    world.round();
    expect(world.verdict()).toBe('direct');
  });

  test('clean rounds before a forwarded one do not count', () => {
    const world = new World();
    world.round();
    world.round();
    world.round(PORT);
    world.round();
    expect(world.verdict()).toBe('forwarded');
  });

  test('is lost again when rpcbind is started with -r while we run', () => {
    const world = new World();
    world.round();
    expect(world.verdict()).toBe('direct');
    world.round(PORT);
    expect(world.verdict()).toBe('forwarded');
  });
});

describe('memory', () => {
  test(`holds ${MAX_PORTS} ports; the oldest is forgotten first`, () => {
    const world = new World();
    for (let port = 1; port <= MAX_PORTS + 1; port += 1) world.round(port);
    for (let round = 0; round < CLEAN_ROUNDS; round += 1) world.round();
    const distrusted = (port: number): boolean => world.verdict(port) === 'forwarded';
    expect(distrusted(1)).toBe(false);
    for (let port = 2; port <= MAX_PORTS + 1; port += 1)
      expect([port, distrusted(port)]).toEqual([port, true]);
  });

  test('a port that is seen again pushes no other out, and is then the newest', () => {
    const world = new World();
    for (let port = 1; port <= MAX_PORTS; port += 1) world.round(port);
    for (let times = 0; times < 3; times += 1) world.round(MAX_PORTS);
    const forgotten = (): number[] => {
      for (let round = 0; round < CLEAN_ROUNDS; round += 1) world.round();
      return Array.from({ length: MAX_PORTS + 1 }, (_, i) => i + 1).filter(
        (port) => world.verdict(port) === 'direct',
      );
    };
    expect(forgotten()).toEqual([MAX_PORTS + 1]);
    world.round(1);
    world.round(MAX_PORTS + 1);
    expect(forgotten()).toEqual([2]);
  });
});

describe('stop', () => {
  test('ends a round without a conclusion and closes its sockets', async () => {
    const world = new World();
    const sockets = world.begin([4, 6]);
    for (const socket of sockets) socket.answerIndirect();
    world.forwarding.stop();
    await Promise.resolve();
    expect(sockets.map(({ closed }) => closed)).toEqual([1, 1]);
    expect([world.rounds, world.clock.pendingTimers]).toEqual([1, 0]);
    world.clock.advance(ROUND_MS);
    expect(world.verdict()).toBe('unknown');
    expect(world.recorded.said).toEqual([]);
  });

  test('without a round does nothing, and twice is once', () => {
    const world = new World();
    world.forwarding.stop();
    const [socket] = world.begin();
    world.forwarding.stop();
    world.forwarding.stop();
    expect(socket?.closed).toBe(1);
  });

  test('what comes late is no conclusion either', () => {
    const world = new World();
    const [socket] = world.begin();
    world.forwarding.stop();
    world.comeBack(socket);
    socket?.answerIndirect();
    expect([world.verdict(), world.clock.pendingTimers]).toEqual(['unknown', 0]);
  });
});
