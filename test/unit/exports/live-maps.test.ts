/** LiveMaps - several maps as one: when a change is done, and what it says when one of them cannot. */
import { Fault } from '../../../src/core/fault.js';
import type { MapChange } from '../../../src/core/outlets.js';
import type { OpenLiveMap } from '../../../src/exports/format.js';
import { LiveMaps } from '../../../src/exports/live-maps.js';
import { grant } from '../../support/live-map.js';

/** A map that answers when it is told to, and keeps a list of what it was asked. */
class HandMap implements OpenLiveMap {
  readonly asked: string[];
  readonly answer: ((fault?: Fault) => void)[] = [];
  readonly changes: MapChange[] = [];
  degraded: string | undefined;
  readonly freshness = { behindSince: undefined, writtenAt: 0 };
  readonly #name: string;

  constructor(name: string, asked: string[]) {
    this.#name = name;
    this.asked = asked;
  }

  apply(change: MapChange, done: (fault?: Fault) => void): void {
    this.changes.push(change);
    this.answer.push(done);
  }

  renew(done: (fault?: Fault) => void): void {
    this.asked.push(`${this.#name} renews`);
    this.answer.push(done);
  }

  async open(): Promise<void> {
    this.asked.push(`${this.#name} opens`);
    await Promise.resolve();
    this.asked.push(`${this.#name} is open`);
  }

  tick(): void {
    this.asked.push(`${this.#name} ticks`);
  }

  close(): Promise<void> {
    this.asked.push(`${this.#name} closes`);
    return Promise.resolve();
  }
}

const change: MapChange = { put: [grant('192.0.2.1')], remove: [] };

function several(count: number): {
  maps: HandMap[];
  all: LiveMaps;
  asked: string[];
  told: (Fault | undefined)[];
} {
  const asked: string[] = [];
  const maps = Array.from({ length: count }, (_, index) => new HandMap(`map ${index + 1}`, asked));
  return { maps, all: new LiveMaps(maps), asked, told: [] };
}

test('no map at all: every change is done at once', () => {
  const { all, told } = several(0);
  all.apply(change, (fault) => told.push(fault));
  expect(told).toEqual([undefined]);
});

test('one map: its answer is the answer', () => {
  const { maps, all, told } = several(1);
  const fault = new Fault('MAP', 'full');
  all.apply(change, (answer) => told.push(answer));
  all.apply(change, (answer) => told.push(answer));
  expect(maps[0]?.changes).toEqual([change, change]);
  expect(told).toEqual([]);
  maps[0]?.answer[0]?.();
  maps[0]?.answer[1]?.(fault);
  expect(told).toEqual([undefined, fault]);
});

test('several maps: done when the last has done it, in whatever order', () => {
  const { maps, all, told } = several(3);
  all.apply(change, (fault) => told.push(fault));
  for (const map of maps) expect(map.changes).toEqual([change]);
  for (const index of [2, 0]) maps[index]?.answer[0]?.();
  expect(told).toEqual([]);
  maps[1]?.answer[0]?.();
  expect(told).toEqual([undefined]);
});

test('several maps: one that cannot makes the whole a Fault, told once', () => {
  const { maps, all, told } = several(3);
  const [first, second] = [new Fault('MAP', 'first'), new Fault('MAP', 'second')];
  all.apply(change, (fault) => told.push(fault));
  maps[1]?.answer[0]?.(first);
  maps[0]?.answer[0]?.();
  expect(told).toEqual([]);
  maps[2]?.answer[0]?.(second);
  expect(told).toEqual([first]);
});

test('opens one after the other; ticks and closes all', async () => {
  const { all, asked } = several(2);
  await all.open();
  all.tick();
  await all.close();
  expect(asked).toEqual([
    'map 1 opens',
    'map 1 is open',
    'map 2 opens',
    'map 2 is open',
    'map 1 ticks',
    'map 2 ticks',
    'map 1 closes',
    'map 2 closes',
  ]);
});

test('renewed: done when all are, with the first Fault; without maps at once', () => {
  const { maps, all, told, asked } = several(2);
  all.renew((fault) => told.push(fault));
  expect(asked).toEqual(['map 1 renews', 'map 2 renews']);
  const fault = new Fault('MAP', 'no');
  maps[1]?.answer[0]?.(fault);
  expect(told).toEqual([]);
  maps[0]?.answer[0]?.();
  expect(told).toEqual([fault]);
  several(0).all.renew((one) => told.push(one));
  expect(told).toEqual([fault, undefined]);
});

test('tells which of them are degraded', () => {
  const { maps, all } = several(2);
  expect(all.degraded).toEqual([]);
  if (maps[1] !== undefined) maps[1].degraded = 'broken';
  expect(all.degraded).toEqual(['broken']);
});
