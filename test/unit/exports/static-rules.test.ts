/** The administrator's rules, understood as tcprules(1) understands them. */
import path from 'node:path';
import fc from 'fast-check';
import { Fault } from '../../../src/core/fault.js';
import { MAX_RULES, parseStaticRules } from '../../../src/exports/static-rules.js';
import { dumpCdb } from '../../support/map-readers.js';
import { newDirectory, run } from '../../support/processes.js';

const directory = newDirectory('rules');

/** What the real program makes of rules: of several records for an address the first; undefined when it refuses. */
async function compiled(text: string): Promise<Map<string, string> | undefined> {
  const file = path.join(directory, 'rules.cdb');
  const { code } = await run(['tcprules', file, `${file}.tmp`], { input: text });
  if (code !== 0) return undefined;
  const rules = new Map<string, string>();
  for (const [key, data] of await dumpCdb(file)) if (!rules.has(key)) rules.set(key, data);
  return rules;
}

function parsed(text: string): Map<string, string> | undefined {
  try {
    return new Map(parseStaticRules(text, 'rules'));
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    return undefined;
  }
}

test.each([
  '',
  ':allow',
  ':deny\n',
  '# comment\n\n192.0.2.1:allow,RELAYCLIENT=""\n10.:deny\n:allow',
  '127.:allow,RELAYCLIENT="",RBLSMTPD=/x y/\n',
  '1.2.3.37-53:deny',
  '1.2.3.250-300:deny',
  '10.2-3.:allow,A="b"',
  '1.2.3.5-4:deny',
  'joe@127.0.0.1:allow',
  '=host.example:deny\n=.example:allow\n=:allow',
  'a-b@1.2.3.4-5:deny',
  '1.2.3.4:allow  \t\n',
  '1.2.3.4:deny,WHY="because, they = we"',
  '1.2.3.4:allow\n1.2.3.4:deny',
  'no colon here',
  '1.2.3.4:permit',
  '1.2.3.4:allow,',
  '1.2.3.4:allow,A',
  '1.2.3.4:allow,A=',
  '1.2.3.4:allow,A="b',
  '1.2.3.4:allow A="b"',
  '1.2.3.x-4:allow',
  '1.2.3.4:allowed',
  ' 1.2.3.4:allow',
])('%j means what tcprules says', async (text) => {
  expect(parsed(text)).toEqual(await compiled(text));
});

test('so do rules of any pieces', async () => {
  const piece = fc.constantFrom(
    '1.2.3.4',
    '10.',
    '1.2.3.4-6',
    ':',
    ':',
    'allow',
    'deny',
    ',A="b"',
    ',',
    '=',
    '"',
    '@',
    '-',
    '#',
    '\n',
    '\n',
    ' ',
    '\t',
    'x',
  );
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { maxLength: 12 }), async (pieces) => {
      const text = pieces.join('');
      expect({ text, rules: parsed(text) }).toEqual({ text, rules: await compiled(text) });
    }),
    { numRuns: 150 },
  );
});

test('a mistake is told of with file and line', () => {
  expect(() => parseStaticRules(':allow\n\n10.:perhaps', '/etc/tcp.smtp')).toThrow(
    expect.objectContaining({
      code: 'CONFIG',
      message: expect.stringContaining('/etc/tcp.smtp:3: "10.:perhaps"') as string,
    }) as Error,
  );
});

test('there is a limit', () => {
  const line = (i: number): string => `${i >> 8}.${i & 255}.0-255.:deny`;
  const text = Array.from({ length: Math.ceil(MAX_RULES / 256) + 1 }, (_, i) => line(i)).join('\n');
  expect(() => parseStaticRules(text, 'rules')).toThrow(/more than 100000 rules/);
});
