/** entry-book - durable first, then in force; groups; the limit. */
import type { EntryChange } from '../../src/core/entries.js';
import { Fault } from '../../src/core/fault.js';
import { idOf, type OperatorEntry } from '../../src/core/operator-entry.js';
import type { Subject } from '../../src/core/subject.js';
import { EntryBook } from '../../src/entry-book.js';

const entry = (subject: string, kind: OperatorEntry['kind'] = 'deny'): OperatorEntry => ({
  kind,
  subject: subject as Subject,
  reason: 'r',
  author: 'a',
  createdAt: 0,
});

/** A book whose file and entries do what a test says. */
function world(max = 3) {
  const events: string[] = [];
  const diary: string[] = [];
  const live = new Map<string, OperatorEntry>();
  const faults: { save?: Fault | undefined; change?: Fault | undefined } = {};
  const book = new EntryBook({
    max,
    standing: {
      get size() {
        return live.size;
      },
      count: (kind) => [...live.values()].filter((one) => one.kind === kind).length,
      get: (kind, subject) => [...live.values()].find((one) => idOf(one) === idOf({ kind, subject })),
      entries: () => live.values(),
    },
    file: {
      save: async (entries) => {
        events.push(`save ${Array.from(entries, ({ subject }) => subject).join()}`);
        await Promise.resolve();
        if (faults.save !== undefined) throw faults.save;
      },
    },
    entries: {
      change: (changes: readonly EntryChange[], done) => {
        for (const change of changes) {
          if ('come' in change) live.set(change.come.subject, change.come);
          else live.delete(change.go.subject);
          events.push('come' in change ? `come ${change.come.subject}` : `go ${change.go.subject}`);
        }
        done(faults.change);
      },
    },
    diary: {
      intend: async (acts) => {
        await Promise.resolve();
        diary.push(`will ${acts.map(({ entry: { subject }, kind }) => `${kind} ${subject}`).join()}`);
        diary.push(`saved ${events.length}`);
      },
      done: (acts) => {
        diary.push(
          `did ${acts.map(({ by, entry: { subject }, kind }) => `${kind} ${subject} ${by?.author}`).join()}`,
        );
      },
    },
  });
  return { book, diary, events, faults, live };
}

const go = (subject: string): EntryChange => ({ go: { kind: 'deny', subject: subject as Subject } });

test('a change is in force once it is saved, and answers what stood there before', async () => {
  const { book, events } = world();
  const first = entry('192.0.2.1');
  expect(await book.change({ come: first })).toEqual({ before: undefined, fault: undefined });
  expect(events).toEqual(['save 192.0.2.1', 'come 192.0.2.1']);
  expect((await book.change({ come: entry('192.0.2.1') })).before).toBe(first);
  expect((await book.change(go('192.0.2.9'))).before).toBeUndefined();
  expect(events.slice(4)).toEqual(['save 192.0.2.1']);
});

test('what comes together is one write, in the order in which it came', async () => {
  const { book, events } = world();
  const all = [
    book.change({ come: entry('192.0.2.1') }),
    book.change({ come: entry('192.0.2.2') }),
    book.change(go('192.0.2.1')),
  ];
  expect((await Promise.all(all)).map(({ before }) => before?.subject)).toEqual([
    undefined,
    undefined,
    '192.0.2.1',
  ]);
  expect(events).toEqual(['save 192.0.2.2', 'come 192.0.2.1', 'come 192.0.2.2', 'go 192.0.2.1']);
  await book.rewrite();
  expect(events.at(-1)).toBe('save 192.0.2.2');
});

test('a write that fails changes nothing, and the next one is tried', async () => {
  const { book, events, faults, live } = world();
  faults.save = new Fault('STORE', 'no room');
  const all = ['192.0.2.1', '192.0.2.2'].map((subject) => book.change({ come: entry(subject) }));
  expect(await Promise.allSettled(all)).toMatchObject([
    { status: 'rejected', reason: { code: 'STORE' } },
    { status: 'rejected', reason: { code: 'STORE' } },
  ]);
  expect([live.size, events.length]).toEqual([0, 1]);
  faults.save = undefined;
  await book.change({ come: entry('192.0.2.1') });
  expect(live.size).toBe(1);
});

test('a map that cannot show it is an answer: it stands', async () => {
  const { book, faults, live } = world();
  faults.change = new Fault('MAP', 'no');
  expect(await book.change({ come: entry('192.0.2.1') })).toEqual({
    before: undefined,
    fault: faults.change,
  });
  expect(live.size).toBe(1);
});

test('what lets relay leaves room for as many denies', async () => {
  const { book } = world(2);
  const deny = (subject: string) => book.change({ come: entry(subject) });
  for (const subject of ['192.0.2.1', '192.0.2.2']) await book.change({ come: entry(subject, 'pin') });
  for (const subject of ['192.0.2.3', '192.0.2.4']) expect((await deny(subject)).fault).toBeUndefined();
  await expect(deny('192.0.2.5')).rejects.toMatchObject({ code: 'REFUSED' });
  await expect(book.change({ come: entry('192.0.2.6', 'pin') })).rejects.toMatchObject({ code: 'REFUSED' });
});

test('denies leave room for what lets relay, so that entries can be made again in any order', async () => {
  const { book, live } = world(2);
  const come = (subject: string, kind: OperatorEntry['kind']) => book.change({ come: entry(subject, kind) });
  for (const subject of ['192.0.2.1', '192.0.2.2']) await come(subject, 'deny');
  for (const subject of ['192.0.2.3', '192.0.2.4']) {
    expect(() => {
      book.check(entry(subject, 'pin'));
    }).not.toThrow();
    await come(subject, 'pin');
  }
  expect(() => {
    book.check(entry('192.0.2.5', 'deny'));
  }).toThrow('4 entries already');
  await expect(come('192.0.2.5', 'deny')).rejects.toMatchObject({ code: 'REFUSED' });
  // One that is there may be changed.
  book.check(entry('192.0.2.1', 'deny'));
  expect(live.size).toBe(4);
});

test('there is a limit; what is there may be changed all the same', async () => {
  const { book } = world(2);
  await book.change({ come: entry('192.0.2.1', 'pin') });
  const second = book.change({ come: entry('192.0.2.2', 'pin') });
  const third = book.change({ come: entry('192.0.2.3', 'pin') });
  await second;
  await expect(third).rejects.toMatchObject({
    code: 'REFUSED',
    message: expect.stringContaining('2 pins and grants among 2 entries') as string,
  });
  expect((await book.change({ come: entry('192.0.2.2', 'pin') })).before).toBeDefined();
  await book.change({ go: { kind: 'pin', subject: '192.0.2.1' as Subject } });
  expect((await book.change({ come: entry('192.0.2.3', 'pin') })).fault).toBeUndefined();
});

test('the diary hears of what is to be done before it is saved, and of what was done, by whom', async () => {
  const { book, diary, faults } = world();
  const by = { author: 'ann', reason: 'r' };
  await Promise.all([
    book.change({ come: entry('192.0.2.1') }, by),
    book.change({ come: entry('192.0.2.2', 'grant') }, by),
    book.change({ come: entry('192.0.2.2', 'grant') }, by),
    book.change(go('192.0.2.9'), by),
    book.change(go('192.0.2.1'), by),
  ]);
  expect(diary).toEqual([
    'will denied 192.0.2.1,granted 192.0.2.2,renewed 192.0.2.2,undenied 192.0.2.1',
    'saved 0',
    'did denied 192.0.2.1 ann,granted 192.0.2.2 ann,renewed 192.0.2.2 ann,undenied 192.0.2.1 ann',
  ]);
  faults.save = new Fault('STORE', 'no room');
  await expect(book.change({ come: entry('192.0.2.3', 'pin') }, by)).rejects.toThrow('no room');
  expect(diary.slice(3)).toEqual(['will pinned 192.0.2.3', 'saved 5', 'did ']);
  // What changes nothing is not told.
  faults.save = undefined;
  await book.rewrite();
  await book.change(go('192.0.2.9'), by);
  expect(diary).toHaveLength(6);
});
