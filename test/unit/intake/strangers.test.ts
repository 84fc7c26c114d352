/** strangers - how often they are answered and written about, in a time that the test moves */
import {
  ANSWERS_A_SECOND,
  LINE_EVERY_MS,
  MAX_LINES,
  MAX_STRANGERS,
  Strangers,
} from '../../../src/intake/strangers.js';
import { addressFromBytes, type ClientAddress } from '../../../src/core/address.js';
import { FakeClock } from '../../support/fake-clock.js';
import { recordingLog, type Said } from '../../support/live-map.js';
import { at } from './peers.js';

const ONE = at('203.0.113.1');
const OTHER = at('203.0.113.2');

function world(): { clock: FakeClock; strangers: Strangers; said: Said[] } {
  const clock = new FakeClock();
  const { log, said } = recordingLog();
  return { clock, said, strangers: new Strangers({ clock, log }) };
}

/** The nth of as many addresses as a forger likes. */
function forged(n: number): ClientAddress {
  return addressFromBytes([10, n >> 16, (n >> 8) & 255, n & 255]);
}

/** How many of n calls are answered. */
function answered(strangers: Strangers, address: ClientAddress, n = 1_000): number {
  return Array.from({ length: n }, () => strangers.mayAnswer(address)).filter((may) => may).length;
}

describe('answers', () => {
  test(`${ANSWERS_A_SECOND} a second to one stranger`, () => {
    const { strangers } = world();
    expect(answered(strangers, ONE)).toBe(ANSWERS_A_SECOND);
  });

  test('as many in the next second, and no more for those that were not used', () => {
    const { clock, strangers } = world();
    answered(strangers, ONE);
    clock.advance(999);
    expect(answered(strangers, ONE)).toBe(0);
    clock.advance(1);
    expect(answered(strangers, ONE)).toBe(ANSWERS_A_SECOND);
    clock.advance(60_000);
    expect(answered(strangers, ONE)).toBe(ANSWERS_A_SECOND);
  });

  test('one stranger does not use up another one’s', () => {
    const { strangers } = world();
    answered(strangers, ONE);
    expect(answered(strangers, OTHER)).toBe(ANSWERS_A_SECOND);
  });

  test('nothing is written about those that are answered', () => {
    const { said, strangers } = world();
    answered(strangers, ONE);
    expect(said).toEqual([]);
  });

  test('a wall clock that jumps changes nothing', () => {
    const { clock, strangers } = world();
    answered(strangers, ONE);
    clock.wallMs += 3_600_000;
    expect(answered(strangers, ONE)).toBe(0);
    clock.wallMs -= 7_200_000;
    clock.advance(1_000);
    expect(answered(strangers, ONE)).toBe(ANSWERS_A_SECOND);
  });
});

describe('lines', () => {
  test('one a minute for a stranger, with how many reports it does not tell of', () => {
    const { clock, said, strangers } = world();
    for (let n = 0; n < 500; n += 1) strangers.tell(ONE);
    expect(said).toEqual([
      { level: 'warn', event: 'rpc: a stranger was refused', fields: { sender: ONE, suppressed: 0 } },
    ]);
    clock.advance(LINE_EVERY_MS - 1);
    strangers.tell(ONE);
    expect(said).toHaveLength(1);
    clock.advance(1);
    strangers.tell(ONE);
    strangers.tell(ONE);
    expect(said.slice(1)).toMatchObject([{ fields: { sender: ONE, suppressed: 500 } }]);
    clock.advance(LINE_EVERY_MS);
    strangers.tell(ONE);
    expect(said.slice(2)).toMatchObject([{ fields: { sender: ONE, suppressed: 1 } }]);
  });

  test('each stranger has its own', () => {
    const { said, strangers } = world();
    for (const address of [ONE, OTHER, ONE, OTHER]) strangers.tell(address);
    expect(said.map(({ fields }) => fields['sender'])).toEqual([ONE, OTHER]);
  });

  test(`${MAX_LINES} a minute for all together, and in the next minute again`, () => {
    const { clock, said, strangers } = world();
    for (let n = 0; n < 2_000; n += 1) strangers.tell(forged(n));
    expect(said).toHaveLength(MAX_LINES);
    clock.advance(LINE_EVERY_MS - 1);
    strangers.tell(forged(5_000));
    expect(said).toHaveLength(MAX_LINES);
    clock.advance(1);
    for (let n = 0; n < 2_000; n += 1) strangers.tell(forged(n));
    expect(said).toHaveLength(2 * MAX_LINES);
  });

  test('a stranger that the bound silenced is told of later, with its count', () => {
    const { clock, said, strangers } = world();
    for (let n = 0; n < MAX_LINES; n += 1) strangers.tell(forged(n));
    strangers.tell(ONE);
    strangers.tell(ONE);
    expect(said).toHaveLength(MAX_LINES);
    clock.advance(LINE_EVERY_MS);
    strangers.tell(ONE);
    expect(said.at(-1)).toMatchObject({ fields: { sender: ONE, suppressed: 2 } });
  });
});

describe('memory', () => {
  test(`${MAX_STRANGERS} strangers are remembered`, () => {
    const { strangers } = world();
    answered(strangers, ONE);
    for (let n = 0; n < MAX_STRANGERS - 1; n += 1) strangers.mayAnswer(forged(n));
    expect(answered(strangers, ONE)).toBe(0);
  });

  test('the one not heard of for the longest time is forgotten first', () => {
    const { strangers } = world();
    answered(strangers, ONE);
    answered(strangers, OTHER);
    expect(strangers.mayAnswer(ONE)).toBe(false);
    for (let n = 0; n < MAX_STRANGERS - 1; n += 1) strangers.mayAnswer(forged(n));
    expect(answered(strangers, ONE)).toBe(0);
    expect(answered(strangers, OTHER)).toBe(ANSWERS_A_SECOND);
  });
});
