/** recover - all that is whole and running, nothing that was never written, whatever the bytes are. */
import {
  chmodSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import path from 'node:path';
import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import type { Grant } from '../../../src/core/grant.js';
import type { Place } from '../../../src/core/outlets.js';
import { HEADER_BYTES, encodeHeader } from '../../../src/store/frame.js';
import type { RecoveredSegment, Recovery } from '../../../src/store/recover.js';
import { recover } from '../../../src/store/recover.js';
import { damagedName, segmentName } from '../../../src/store/segment.js';
import type { Said } from '../../support/live-map.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory } from '../../support/processes.js';
import { encoded, encodedRevocations, grantOf, segmentBytes, sorted } from './journal-bench.js';

const NOW = 1_780_000_000_000;
const LIFETIME = 60_000;

let directory: string;

beforeEach(() => {
  directory = newDirectory('recover');
});

afterEach(() => {
  rmSync(directory, { recursive: true });
});

const fileOf = (number: number): string => path.join(directory, segmentName(number));
const put = (number: number, bytes: Uint8Array): void => {
  writeFileSync(fileOf(number), bytes);
};

function recovered(now = NOW): Recovery & { grants: Grant[]; said: Said[] } {
  const { log, said } = recordingLog();
  const recovery = recover({ directory, now, lifetimeMs: LIFETIME, log });
  return { ...recovery, grants: [...recovery.grants], said };
}

const stateOf = (recovery: Recovery, number: number): RecoveredSegment => {
  const found = recovery.segments.find(({ file }) => file === fileOf(number));
  if (found === undefined) throw new Error(`no segment ${number}`);
  return found;
};

/** Running grants; the last byte of an end is never zero, so that a frame whose end became zeros is not whole. */
let serial = 0;
const running = (client: string): Grant => grantOf(client, NOW + 1 + ((serial += 2) % 10_000));

/** Three segments; the groups of the last one are what tests cut and damage. */
const early = [[running('10.0.0.1'), running('10.0.0.2')], [running('2001:db8::1')]];
const middle = [[running('10.0.1.1')], [running('10.0.1.2'), running('10.0.1.3')]];
const late = [
  [running('10.0.2.1')],
  [running('2001:db8::2'), running('10.0.2.2'), running('2001:db8::3')],
  [running('10.0.2.3')],
  [running('10.0.2.4'), running('10.0.2.5')],
];

function putAll(): void {
  put(1, segmentBytes(...early));
  put(2, segmentBytes(...middle));
  put(3, segmentBytes(...late));
}

/** Where header and frames of a segment end: the positions up to which it is whole. */
function boundaries(groups: Grant[][]): number[] {
  const ends = [HEADER_BYTES];
  for (const group of groups) ends.push((ends.at(-1) ?? 0) + encoded(group).length);
  return ends;
}

test('nothing from nothing', () => {
  expect(recovered()).toEqual({ grants: [], segments: [], nextNumber: 1, said: [] });
});

test('whole segments give all they hold, and are left as they are', () => {
  putAll();
  const before = readdirSync(directory).map((name) => readFileSync(path.join(directory, name)));
  const found = recovered();
  expect(sorted(found.grants)).toEqual(sorted([...early, ...middle, ...late].flat()));
  expect(found.nextNumber).toBe(4);
  expect(found.said).toEqual([]);
  const all = [early, middle, late];
  expect(found.segments).toEqual(
    all.map((groups, i) => ({
      file: fileOf(i + 1),
      latestExpiry: Math.max(...groups.flat().map(({ expiresAt }) => expiresAt)),
      end: boundaries(groups).at(-1),
      state: 'whole',
      keep: false,
    })),
  );
  expect(readdirSync(directory).map((name) => readFileSync(path.join(directory, name)))).toEqual(before);
});

describe('the last segment ends anywhere', () => {
  const whole = segmentBytes(...late);
  const ends = boundaries(late);

  test.each([
    ['cut', (length: number) => whole.subarray(0, length)],
    [
      'cut, and zeros follow',
      (length: number) => Buffer.concat([whole.subarray(0, length), Buffer.alloc(200)]),
    ],
  ])('%s', (_, make) => {
    putAll();
    for (let length = 0; length <= whole.length; length += 1) {
      const bytes = make(length);
      put(3, bytes);
      const found = recovered();
      const frames = ends.filter((end) => end <= length).length - 1;
      const kept = [...early, ...middle, ...late.slice(0, Math.max(frames, 0))];
      expect(sorted(found.grants)).toEqual(sorted(kept.flat()));
      expect(found.nextNumber).toBe(4);
      const { state, end, keep } = stateOf(found, 3);
      if (length >= HEADER_BYTES) {
        const at = ends[frames] ?? 0;
        const clean = bytes.subarray(at).every((byte) => byte === 0);
        expect({ length, state, end, keep }).toEqual({
          length,
          state: clean ? 'whole' : 'torn',
          end: at,
          keep: false,
        });
        expect(found.said.map(({ level, fields }) => ({ level, at: fields['at'] }))).toEqual(
          clean ? [] : [{ level: 'info', at }],
        );
      } else {
        // Not even a header: a segment that was never in use, or zeros after a piece of one.
        const unborn = bytes.length < HEADER_BYTES || length === 0;
        expect({ length, state, end, keep }).toEqual({
          length,
          state: unborn ? 'whole' : 'damaged',
          end: 0,
          keep: !unborn,
        });
      }
    }
  });
});

describe('one bit of any byte is changed', () => {
  test.each([
    [1, early],
    [2, middle],
    [3, late],
  ])('of segment %i: nothing is invented, and nothing else is lost', (number, groups) => {
    const whole = segmentBytes(...groups);
    const ends = boundaries(groups);
    const others = [early, middle, late].filter((one) => one !== groups).flat(2);
    putAll();
    for (let at = 0; at < whole.length; at += 1) {
      const bytes = Buffer.from(whole);
      bytes[at] = (bytes[at] ?? 0) ^ (1 << (at & 7));
      put(number, bytes);
      const found = recovered();
      // In the header: the whole segment is lost. In a frame: this one and those after it.
      const frames = ends.filter((end) => end <= at).length - 1;
      expect(sorted(found.grants)).toEqual(
        sorted([...others, ...groups.slice(0, Math.max(frames, 0)).flat()]),
      );
      const { state, end, keep } = stateOf(found, number);
      const tail = frames === groups.length - 1;
      expect({ at, state, end, keep }).toEqual({
        at,
        state: tail && number === 3 ? 'torn' : 'damaged',
        end: ends[frames] ?? 0,
        keep: !tail,
      });
      expect(found.said.map(({ level }) => level)).toEqual([state === 'torn' ? 'info' : 'warn']);
    }
  });

  test('and any number of bytes, in all segments: nothing is invented, and there is no throw', () => {
    const wholes = [early, middle, late].map((groups) => segmentBytes(...groups));
    const known = new Set([...early, ...middle, ...late].flat().map((grant) => JSON.stringify(grant)));
    const change = fc.record({
      of: fc.nat(2),
      at: fc.nat(180),
      to: fc.nat(255),
      length: fc.constantFrom(1, 2, 8, 60),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 6 }), (changes) => {
        const damaged = wholes.map((bytes) => Buffer.from(bytes));
        for (const { of, at, to, length } of changes) damaged[of]?.subarray(at, at + length).fill(to);
        damaged.forEach((bytes, i) => {
          put(i + 1, bytes);
        });
        for (const grant of recovered().grants) expect(known).toContain(JSON.stringify(grant));
      }),
      { numRuns: 100 },
    );
  });
});

describe('what follows the frames', () => {
  const [first = [], second = []] = late;
  const end = segmentBytes(first).length;

  test('zeros are room', () => {
    put(1, Buffer.concat([segmentBytes(first), Buffer.alloc(5_000)]));
    expect(stateOf(recovered(), 1)).toMatchObject({ state: 'whole', end, keep: false });
  });

  test.each([
    ['after zeros', Buffer.alloc(40)],
    ['after other bytes', Buffer.alloc(40, 'x')],
    ['after a piece of a frame', encoded(second).subarray(0, 30)],
  ])('a frame %s is damage, not to be believed', (_, between) => {
    put(1, Buffer.concat([segmentBytes(first), between, encoded(second)]));
    const found = recovered();
    expect(found.grants).toEqual(first);
    expect(stateOf(found, 1)).toMatchObject({ state: 'damaged', end, keep: true });
    expect(found.said).toEqual([
      {
        level: 'warn',
        event: 'journal: damaged segment, the rest of it is skipped',
        fields: { segment: fileOf(1), at: end, reason: 'unreadable bytes before readable ones' },
      },
    ]);
  });

  test('a torn end is damage when it is not the last segment’s', () => {
    const torn = Buffer.concat([segmentBytes(first), encoded(second).subarray(0, 30)]);
    put(1, torn);
    put(2, segmentBytes(second));
    const found = recovered();
    expect(sorted(found.grants)).toEqual(sorted([...first, ...second]));
    expect(stateOf(found, 1)).toMatchObject({ state: 'damaged', end, keep: false });
    expect(found.said).toMatchObject([
      { level: 'warn', fields: { reason: 'unreadable end of a segment that is not the last' } },
    ]);
  });

  test('a segment that was put aside does not come back, but is not forgotten', () => {
    put(1, Buffer.concat([segmentBytes(first), encoded(second).subarray(0, 30)]));
    writeFileSync(damagedName(fileOf(2)), segmentBytes(second));
    const found = recovered();
    expect(found.grants).toEqual(first);
    expect(found.segments.map(({ file }) => file)).toEqual([fileOf(1)]);
    expect(stateOf(found, 1).state).toBe('damaged');
    expect(found.nextNumber).toBe(3);
    expect(found.said.filter(({ event }) => event.includes('not its own'))).toEqual([]);
  });
});

describe('what is no segment', () => {
  test.each([
    ['empty', Buffer.alloc(0), true],
    ['zeros', Buffer.alloc(4_096), true],
    ['a text', Buffer.from('this is a text of more than sixteen bytes'), false],
    ['a version 0', withVersion(0), false],
  ])('%s: grants nothing; the others count', (_, bytes, unborn) => {
    putAll();
    put(2, bytes);
    const found = recovered();
    expect(sorted(found.grants)).toEqual(sorted([...early, ...late].flat()));
    expect(stateOf(found, 2)).toEqual({
      file: fileOf(2),
      latestExpiry: 0,
      end: 0,
      state: unborn ? 'whole' : 'damaged',
      keep: !unborn,
    });
    expect(found.said.map(({ fields }) => fields['reason'])).toEqual(unborn ? [] : ['no segment header']);
  });

  test('one that cannot be read is told and does not cost the others', () => {
    putAll();
    chmodSync(directory, 0o755);
    chmodSync(fileOf(2), 0);
    const found = unprivileged(() => recovered());
    expect(sorted(found.grants)).toEqual(sorted([...early, ...late].flat()));
    expect(stateOf(found, 2)).toMatchObject({ state: 'damaged', keep: true });
    expect(found.said).toMatchObject([{ level: 'warn', fields: { segment: fileOf(2) } }]);
    expect(found.said[0]?.fields['reason']).toContain('EACCES');
  });

  test('one longer than any is read up to the limit', () => {
    putAll();
    truncateSync(fileOf(1), 268_435_456 + 1);
    const found = recovered();
    expect(sorted(found.grants)).toEqual(sorted([...early, ...middle, ...late].flat()));
    expect(stateOf(found, 1)).toMatchObject({ state: 'damaged', keep: true });
    expect(found.said).toMatchObject([{ level: 'warn', fields: { reason: 'longer than any segment' } }]);
  });

  test('files that are not the journal’s are told once and ignored', () => {
    putAll();
    const foreign = Array.from({ length: 7 }, (_, i) => `note-${i}`);
    for (const name of foreign)
      writeFileSync(path.join(directory, name), segmentBytes([running('10.9.9.9')]));
    mkdirSync(fileOf(4));
    writeFileSync(path.join(directory, 'elsewhere'), segmentBytes([running('10.9.9.8')]));
    symlinkSync(path.join(directory, 'elsewhere'), fileOf(5));
    const found = recovered();
    expect(sorted(found.grants)).toEqual(sorted([...early, ...middle, ...late].flat()));
    expect(found.nextNumber).toBe(6);
    expect(found.said).toMatchObject([{ level: 'warn', fields: { directory, count: 10 } }]);
    expect(found.said[0]?.fields['names']).toHaveLength(5);
  });

  test('a directory that cannot be listed is a Fault', () => {
    rmSync(directory, { recursive: true });
    writeFileSync(directory, '');
    expect(() => recovered()).toThrow(expect.objectContaining({ code: 'STORE' }) as Error);
    expect(() => recovered()).toThrow(`cannot list the journal directory ${directory}: ENOTDIR`);
  });
});

/** A header of another version, with the right checksum. */
function withVersion(version: number): Buffer {
  const header = encodeHeader();
  header.writeUInt32BE(version, 8);
  header.writeUInt32BE(crc32(header.subarray(0, 12)), 12);
  return header;
}

/** Runs fn as a user whom file modes bind. */
function unprivileged<T>(fn: () => T): T {
  if (process.geteuid?.() !== 0) return fn();
  process.seteuid?.(65_534);
  try {
    return fn();
  } finally {
    process.seteuid?.(0);
  }
}

describe('a newer format', () => {
  test.each([3, 2 ** 32 - 1])('%i stops the start and says what to do', (version) => {
    putAll();
    const bytes = Buffer.concat([withVersion(version), Buffer.from('of which we know nothing')]);
    put(2, bytes);
    expect(() => recovered()).toThrow(expect.objectContaining({ code: 'STORE' }) as Error);
    expect(() => recovered()).toThrow(
      `journal segment ${fileOf(2)} is of format ${version}, written by a newer dracd (this one reads 2): kept as it is; ` +
        'run the newer dracd or move the journal directory away',
    );
    expect(readFileSync(fileOf(2)).equals(bytes)).toBe(true);
  });
});

describe('which grants', () => {
  test('those that run, none longer than a lease, of each client the latest end', () => {
    put(
      1,
      segmentBytes([grantOf('10.0.0.1', NOW), grantOf('10.0.0.2', NOW + 9), grantOf('10.0.0.3', NOW + 5)]),
    );
    put(2, segmentBytes([grantOf('10.0.0.2', NOW + 3), grantOf('10.0.0.3', NOW + 6, '192.0.2.9')]));
    put(3, segmentBytes([grantOf('10.0.0.4', NOW + 10 * LIFETIME), grantOf('10.0.0.1', NOW - 1)]));
    const found = recovered();
    expect(sorted(found.grants)).toEqual([
      grantOf('10.0.0.2', NOW + 9),
      grantOf('10.0.0.3', NOW + 6, '192.0.2.9'),
      grantOf('10.0.0.4', NOW + LIFETIME),
    ]);
    // What the segment holds is told uncapped.
    expect(found.segments.map(({ latestExpiry }) => latestExpiry)).toEqual([
      NOW + 9,
      NOW + 6,
      NOW + 10 * LIFETIME,
    ]);
  });

  test('segments are read in the order of their numbers', () => {
    const of = (reporter: string): Grant[] => [grantOf('10.0.0.1', NOW + 5, reporter)];
    put(10, segmentBytes(of('192.0.2.10')));
    put(9, segmentBytes(of('192.0.2.9')));
    expect(recovered().grants).toEqual(of('192.0.2.10'));
    expect(recovered().nextNumber).toBe(11);
  });
});

describe('revocations', () => {
  const one = (client: string, ms = 5): Grant[] => [grantOf(client, NOW + ms)];

  describe('put off, because who watches was not told yet, and then the journal ends before its time', () => {
    const frames = [
      encodeHeader(),
      encoded(one('10.0.0.5')),
      encodedRevocations('10.0.0.0/24'),
      ...['192.0.2.1', '192.0.2.2', '192.0.2.3'].map((client) => encoded(one(client))),
    ];
    const endOf = (count: number): Place => ({
      segment: 1,
      offset: Buffer.concat(frames.slice(0, count)).length,
    });
    const since = { place: endOf(6), cuts: [endOf(3)], until: NOW };
    const found = (bytes: Buffer): Recovery => {
      put(1, bytes);
      return recover({ directory, now: NOW, lifetimeMs: LIFETIME, log: recordingLog().log, since });
    };

    test('whole: it is told apart, and has taken effect', () => {
      const { grants, tail } = found(Buffer.concat(frames));
      expect([...grants].map(({ client }) => client)).toEqual(['192.0.2.1', '192.0.2.2', '192.0.2.3']);
      expect(tail?.cuts.map(({ subject }) => subject)).toEqual(['10.0.0.0/24']);
      expect([...(tail?.grants ?? [])].map(({ client }) => client)).toContain('10.0.0.5');
    });

    test.each([
      ['damaged', 4, 60],
      ['torn', 5, 0],
    ] as const)('%s: it has taken effect all the same', (state, whole, rest) => {
      const bytes = Buffer.concat(frames);
      const { offset } = endOf(whole);
      // A byte of the frame that follows, and what is behind it stands or is gone.
      bytes.writeUInt8((bytes[offset + 10] ?? 0) ^ 1, offset + 10);
      const recovery = found(rest > 0 ? bytes : bytes.subarray(0, offset + 12));
      const { grants, tail } = recovery;
      expect(stateOf(recovery, 1).state).toBe(state);
      expect([...grants].map(({ client }) => client)).not.toContain('10.0.0.5');
      expect([...grants].map(({ client }) => client)).toContain('192.0.2.1');
      expect(tail).toBeUndefined();
    });
  });

  test('a segment of version 1, as an older dracd wrote it, is read, and revoked by a later one', () => {
    put(1, Buffer.concat([withVersion(1), encoded(one('10.0.0.1')), encoded(one('10.0.0.2'))]));
    put(2, Buffer.concat([encodeHeader(), encodedRevocations('10.0.0.1')]));
    expect(recovered().grants).toEqual(one('10.0.0.2'));
  });

  test('cut in the middle, the revocation never was', () => {
    const revoked = encodedRevocations('10.0.0.0/8');
    const before = [encodeHeader(), encoded(one('10.0.0.1'))];
    put(1, Buffer.concat([...before, revoked.subarray(0, revoked.length - 1), Buffer.alloc(100)]));
    const found = recovered();
    expect(found.grants).toEqual(one('10.0.0.1'));
    expect(stateOf(found, 1)).toMatchObject({ state: 'torn', end: Buffer.concat(before).length });
    put(1, Buffer.concat([...before, revoked, Buffer.alloc(100)]));
    expect(recovered().grants).toEqual([]);
  });
});
