/** listener - hostile and slow peers, on real sockets and with a clock that the test moves */
import { rmSync } from 'node:fs';
import { type Socket, connect } from 'node:net';
import path from 'node:path';
import { IDLE_MS, QUESTION_MS, STALL_MS, STEP_BYTES } from '../../../src/lookups/connection.js';
import {
  HELD_BYTES,
  Listener,
  MAX_CONNECTIONS,
  STEPS_A_TURN,
  type Service,
} from '../../../src/lookups/listener.js';
import { Counters } from '../../../src/runtime/counters.js';
import { NetstringReader } from '../../../src/wire/netstring.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory, pause, until } from '../../support/processes.js';

/** Soon is soon and everything else is when the test says so. */
class Time extends FakeClock {
  soons = 0;

  override soon(fn: () => void): void {
    this.soons += 1;
    setImmediate(fn);
  }
}

class Peer {
  readonly socket: Socket;
  text = '';
  ended = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.setEncoding('latin1').on('data', (more: string) => (this.text += more));
    socket.on('error', () => undefined);
    socket.on('close', () => (this.ended = true));
  }

  async hears(text: string): Promise<void> {
    await until(
      `${JSON.stringify(text)} after ${JSON.stringify(this.text)}`,
      5_000,
      () => this.text === text,
    );
  }

  async isEnded(): Promise<void> {
    await until('the connection is over', 5_000, () => this.ended);
  }
}

let directory: string;
let file: string;
let clock: Time;
let counters: Counters;
let listener: Listener<Uint8Array>;
let asked: number;
/** What a question is answered with, 'x' at a time. */
let answerBytes: number;
const peers: Peer[] = [];

beforeEach(async () => {
  directory = newDirectory('listener');
  file = path.join(directory, 's');
  clock = new Time();
  counters = new Counters();
  asked = 0;
  answerBytes = 1;
  const service: Service<Uint8Array> = {
    kind: 'test',
    reader: () => new NetstringReader(),
    answer: () => {
      asked += 1;
      return Buffer.alloc(answerBytes, 'x');
    },
  };
  listener = new Listener(service, {
    listen: [{ transport: 'unix', path: file }],
    mode: 0o600,
    counters,
    clock,
    log: recordingLog().log,
  });
  await listener.start();
});

afterEach(async () => {
  for (const peer of peers.splice(0)) peer.socket.destroy();
  const stopped = listener.stop();
  await until('no connection', 5_000, () => listener.size === 0).catch(() => {
    clock.advance(1_000);
  });
  await stopped;
  // A room that is closed leaves no timer behind.
  expect(clock.pendingTimers).toBe(0);
  rmSync(directory, { recursive: true });
});

function connectTo(): Peer {
  const peer = new Peer(connect({ path: file, allowHalfOpen: true }));
  peer.socket.on('end', () => peer.socket.end());
  peers.push(peer);
  return peer;
}

async function join(): Promise<Peer> {
  const before = listener.size;
  const peer = connectTo();
  await until('accepted', 5_000, () => listener.size > before);
  return peer;
}

const count = (name: string): number => counters.snapshot()[`lookup.test.${name}`] ?? 0;

test('the limits', () => {
  expect({ IDLE_MS, QUESTION_MS, STALL_MS, STEP_BYTES, STEPS_A_TURN, MAX_CONNECTIONS, HELD_BYTES }).toEqual({
    IDLE_MS: 310_000,
    QUESTION_MS: 10_000,
    STALL_MS: 10_000,
    STEP_BYTES: 2_048,
    STEPS_A_TURN: 16,
    MAX_CONNECTIONS: 1_024,
    HELD_BYTES: 8_388_608,
  });
});

describe('time', () => {
  test('a question must be whole 10 s after its first byte', async () => {
    const slow = await join();
    const patient = await join();
    slow.socket.write('5:hel');
    await pause(50);
    clock.advance(QUESTION_MS - 500);
    expect(listener.size).toBe(2);
    clock.advance(500);
    await slow.isEnded();
    expect(count('slow')).toBe(1);
    expect(listener.size).toBe(1);
    patient.socket.write('1:a,');
    await patient.hears('x');
  });

  test('bytes that trickle in do not win time, whole questions do', async () => {
    const peer = await join();
    peer.socket.write('1');
    await pause(50);
    for (let waited = 0; waited < QUESTION_MS - 500; waited += 500) {
      clock.advance(500);
      if (waited === 5_000) peer.socket.write('0:0123');
    }
    await pause(50);
    expect(peer.ended).toBe(false);
    clock.advance(500);
    await peer.isEnded();

    const good = await join();
    for (let round = 0; round < 5; round += 1) {
      good.socket.write('1:a,1:');
      await until('asked', 5_000, () => asked === 2 * round + 1);
      clock.advance(QUESTION_MS - 500);
      good.socket.write('b,');
      await until('asked', 5_000, () => asked === 2 * round + 2);
    }
    await good.hears('x'.repeat(10));
    expect(count('slow')).toBe(1);
  });

  test('without a question for 310 s a connection is closed', async () => {
    const silent = await join();
    const asking = await join();
    asking.socket.write('1:a,');
    await asking.hears('x');
    clock.advance(IDLE_MS - 1_000);
    asking.socket.write('1:a,');
    await asking.hears('xx');
    expect(listener.size).toBe(2);
    clock.advance(1_000);
    await silent.isEnded();
    expect(count('idle')).toBe(1);
    clock.advance(IDLE_MS - 1_500);
    expect(listener.size).toBe(1);
    clock.advance(1_500);
    await asking.isEnded();
    expect(count('idle')).toBe(2);
  });
});

describe('a peer that does not read', () => {
  /** Asks until nothing more is taken; what it has sent. */
  async function fill(peer: Peer): Promise<void> {
    peer.socket.pause();
    const questions = Buffer.from('1:a,'.repeat(4_096));
    let before = -1;
    while (before !== asked || peer.socket.writableLength === 0) {
      before = asked;
      if (peer.socket.writableLength === 0) peer.socket.write(questions);
      await pause(30);
    }
  }

  test('is not read from, holds little, makes nobody wait, and is cut off after 10 s', async () => {
    answerBytes = 50;
    const deaf = await join();
    const good = await join();
    await fill(deaf);
    const stuckAt = asked;
    // What is asked for and not taken stays in the kernel's buffers and in one chunk of ours.
    expect(stuckAt * answerBytes).toBeLessThan(2 * 1024 * 1024);
    good.socket.write('1:a,');
    await good.hears('x'.repeat(50));
    await pause(100);
    expect(asked).toBe(stuckAt + 1);
    clock.advance(STALL_MS - 500);
    expect(deaf.ended).toBe(false);
    expect(listener.size).toBe(2);
    clock.advance(500);
    await until('cut off', 5_000, () => listener.size === 1);
    expect(count('slow')).toBe(1);
    good.socket.write('1:a,');
    await good.hears('x'.repeat(100));
  });

  test('that reads after all gets every answer', async () => {
    answerBytes = 50;
    const peer = await join();
    await fill(peer);
    const stuckAt = asked;
    peer.socket.resume();
    await until('everything is asked', 5_000, () => asked > stuckAt && peer.socket.writableLength === 0);
    await until('everything is answered', 5_000, () => peer.text.length === asked * 50);
    clock.advance(STALL_MS);
    peer.socket.write('1:a,');
    await until('it goes on', 5_000, () => peer.text.length === asked * 50);
    expect(peer.ended).toBe(false);
  });

  test('together with others of its kind holds no more than the budget', async () => {
    // Each answer alone is more than a socket takes.
    answerBytes = 1024 * 1024;
    const deaf: Peer[] = [];
    while (count('flooding') === 0) {
      const peer = await join();
      peer.socket.pause();
      deaf.push(peer);
      peer.socket.write('1:a,'.repeat(2));
      await until('asked', 5_000, () => asked === 2 * deaf.length);
      await pause(20);
      expect(deaf.length).toBeLessThan(10);
    }
    // Two answers each, less what the kernel holds.
    expect(deaf.length).toBeGreaterThan(3);
    expect(listener.size).toBe(deaf.length - 1);
    answerBytes = 1;
    const good = await join();
    good.socket.write('1:a,');
    await good.hears('x');
    // What they held is free again when they are gone.
    for (const peer of deaf) peer.socket.destroy();
    await until('gone', 5_000, () => listener.size === 1);
    answerBytes = 7 * 1024 * 1024;
    good.socket.write('1:a,');
    await until('a large answer', 5_000, () => good.text.length === 7 * 1024 * 1024 + 1);
    expect(count('flooding')).toBe(1);
  });
});

describe('many questions at once', () => {
  test('are answered in steps, so that others have their turn', async () => {
    const greedy = await join();
    const good = await join();
    const before = clock.soons;
    const many = 12_000;
    greedy.socket.write('1:a,'.repeat(many));
    good.socket.write('1:a,');
    await good.hears('x');
    await until('all answered', 5_000, () => greedy.text.length === many);
    expect(clock.soons - before).toBeGreaterThanOrEqual(Math.floor((many * 4) / STEP_BYTES) - 2);
  });

  test('of many peers are answered in turn, a bounded part of them at a time', async () => {
    const greedy = Array.from({ length: 40 }, connectTo);
    await until('all accepted', 5_000, () => listener.size === greedy.length);
    let most = 0;
    let before = asked;
    let turn = setImmediate(function look() {
      most = Math.max(most, asked - before);
      before = asked;
      turn = setImmediate(look);
    });
    for (const peer of greedy) peer.socket.write('1:a,'.repeat(4_000));
    await until('all answered', 10_000, () => greedy.every((peer) => peer.text.length === 4_000));
    clearImmediate(turn);
    // In one turn: the first step of those that have just been read, and STEPS_A_TURN of those that wait.
    expect(most).toBeLessThanOrEqual(((greedy.length + STEPS_A_TURN) * STEP_BYTES) / 4);
    expect(clock.soons).toBeGreaterThan((40 * (16_000 - STEP_BYTES)) / STEP_BYTES / STEPS_A_TURN);
  });

  test('have their answers in one write', async () => {
    const chunks: number[] = [];
    const peer = await join();
    peer.socket.on('data', (more: string) => chunks.push(more.length));
    peer.socket.write('1:a,'.repeat(500));
    await until('all answered', 5_000, () => peer.text.length === 500);
    expect(chunks).toEqual([500]);
  });
});

test('at the stop a peer that does not read is left behind', async () => {
  answerBytes = 4 * 1024 * 1024;
  const deaf = await join();
  deaf.socket.pause();
  deaf.socket.write('1:a,');
  await until('asked', 5_000, () => asked === 1);
  const stopped = listener.stop();
  await pause(50);
  expect(listener.size).toBe(1);
  clock.advance(200);
  await stopped;
  await until('gone', 5_000, () => listener.size === 0);
});
