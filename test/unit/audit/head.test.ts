/** head - what stands, in the words of the mode, from the moment at which it was asked for. */
import { headOf } from '../../../src/audit/head.js';
import { Privacy } from '../../../src/audit/privacy.js';
import { recordIn } from '../../../src/audit/record.js';
import type { OperatorEntry } from '../../../src/core/operator-entry.js';
import type { Subject } from '../../../src/core/subject.js';
import { net } from '../core/world.js';

const pin: OperatorEntry = {
  kind: 'pin',
  subject: '192.0.2.7' as Subject,
  reason: 'r',
  author: 'ann',
  user: 'carol',
  createdAt: 1_000,
};

function headIn(privacy: Privacy, entries: OperatorEntry[]) {
  const head = headOf({
    entries: () => entries,
    always: [net('198.51.100.0/25')],
    never: [net('203.0.113.9')],
    privacy,
    clock: { wall: () => 9_000 },
  });
  entries.length = 0;
  const lines: string[] = [];
  for (let next = head.next(); next.done !== true; next = head.next()) lines.push(next.value);
  return lines.map((line) => recordIn(line));
}

test('begin, never, always, entries, end', () => {
  expect(headIn(new Privacy('full'), [pin])).toMatchObject([
    { kind: 'head', what: 'begin', at: 9_000 },
    { kind: 'standing', what: 'never', subject: '203.0.113.9' },
    { kind: 'standing', what: 'always', subject: '198.51.100.0/25' },
    {
      kind: 'standing',
      what: 'pin',
      subject: '192.0.2.7',
      author: 'ann',
      user: 'carol',
      from: 1_000,
      until: undefined,
    },
    { kind: 'head', what: 'end' },
  ]);
});

test('truncated like all else', () => {
  const subjects = headIn(new Privacy('truncated'), [pin]).map((record) => record?.subject);
  expect(subjects).toEqual([undefined, '203.0.113.0/24', '198.51.100.0/24', '192.0.2.0/24', undefined]);
});
