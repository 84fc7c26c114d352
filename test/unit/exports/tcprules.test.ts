/** Grants and the administrator's rules in one file, judged by tcprulescheck. */
import { tcprules } from '../../../src/exports/tcprules.js';
import { dumpCdb, tcpRule } from '../../support/map-readers.js';
import { wordedRecords, writeFile } from '../../support/written.js';

const RULES = `# the site's own
127.:allow,RELAYCLIENT="@inside"
192.0.2.66:deny
192.0.2.7:allow,DATABYTES="1000"
198.51.100.:allow,SCANNER="/bin/scan"
203.0.113.:deny
=bad.example:deny
:allow,RBLSMTPD="dul"
`;

function file(clients: readonly string[], rules?: string): { path: string; unsaid: string[] } {
  const { records, unsaid } = wordedRecords(tcprules, clients, { rules });
  return { path: writeFile(tcprules, records), unsaid };
}

test('without rules: granted clients may relay, others may connect', async () => {
  const { path } = file(['192.0.2.1']);
  expect(await tcpRule(path, '192.0.2.1')).toBe(
    'rule 192.0.2.1:\nset environment variable RELAYCLIENT=\nallow connection\n',
  );
  expect(await tcpRule(path, '192.0.2.2')).toMatch(/allow connection/);
  expect(await tcpRule(path, '192.0.2.2')).not.toMatch(/RELAYCLIENT/);
});

test("without a grant the file is what tcprules makes of the administrator's rules", async () => {
  const records = await dumpCdb(file([], RULES).path);
  expect(new Map(records)).toEqual(
    new Map([
      ['127.', '+RELAYCLIENT=@inside\0'],
      ['192.0.2.66', 'D\0'],
      ['192.0.2.7', '+DATABYTES=1000\0'],
      ['198.51.100.', '+SCANNER=/bin/scan\0'],
      ['203.0.113.', 'D\0'],
      ['=bad.example', 'D\0'],
      ['', '+RBLSMTPD=dul\0'],
    ]),
  );
});

test.each([
  ['192.0.2.1', ['RBLSMTPD=dul', 'RELAYCLIENT='], 'the rule for everybody'],
  ['192.0.2.7', ['DATABYTES=1000', 'RELAYCLIENT='], 'its own rule'],
  ['198.51.100.9', ['SCANNER=/bin/scan', 'RELAYCLIENT='], 'the rule for its network'],
  ['127.0.0.9', ['RELAYCLIENT=@inside'], 'a rule that lets it relay already'],
])('a grant for %s: %j, after %s', async (client, variables) => {
  const told = await tcpRule(file([client], RULES).path, client);
  expect(told).toBe(
    [
      `rule ${client}:`,
      ...variables.map((one) => `set environment variable ${one}`),
      'allow connection',
      '',
    ].join('\n'),
  );
});

test.each(['192.0.2.66', '203.0.113.5'])(
  'a grant does not open what the administrator has closed: %s',
  async (client) => {
    const { path, unsaid } = file([client], RULES);
    expect(await tcpRule(path, client)).toMatch(/deny connection/);
    expect(unsaid).toEqual([]);
  },
);

test('":deny" with grants: those who have fetched mail may connect', async () => {
  const { path } = file(['192.0.2.1'], ':deny');
  expect(await tcpRule(path, '192.0.2.1')).toMatch(/RELAYCLIENT=\nallow/);
  expect(await tcpRule(path, '192.0.2.2')).toMatch(/deny/);
});

test('networks of whole bytes, others in pieces; IPv6 has no words', async () => {
  const { path, unsaid } = file([
    '192.0.2.0/24',
    '10.0.0.0/8',
    '192.0.3.0/25',
    '2001:db8::6',
    '2001:db8::/64',
  ]);
  expect(await tcpRule(path, '192.0.2.200')).toMatch(
    /^rule 192\.0\.2\.:\nset environment variable RELAYCLIENT=\n/,
  );
  expect(await tcpRule(path, '10.200.1.1')).toMatch(/RELAYCLIENT/);
  expect(await tcpRule(path, '192.0.3.1')).toMatch(
    /^rule 192\.0\.3\.1:\nset environment variable RELAYCLIENT=\n/,
  );
  expect(await tcpRule(path, '192.0.3.129')).not.toMatch(/RELAYCLIENT/);
  expect(unsaid).toEqual(['2001:db8::6', '2001:db8::/64']);
});

test('a grant for a network reaches those inside who have rules of their own, and opens none of the closed', async () => {
  const { path } = file(['192.0.2.0/24', '203.0.113.0/24'], RULES);
  expect(await tcpRule(path, '192.0.2.7')).toMatch(
    /DATABYTES=1000\nset environment variable RELAYCLIENT=\nallow/,
  );
  expect(await tcpRule(path, '192.0.2.8')).toMatch(/RELAYCLIENT=\nallow/);
  expect(await tcpRule(path, '192.0.2.66')).toMatch(/deny/);
  expect(await tcpRule(path, '203.0.113.5')).toMatch(/deny/);
});

test('a variable that only ends with the same name is another', async () => {
  const { path } = file(['192.0.2.1'], ':allow,NORELAYCLIENT="x"');
  expect(await tcpRule(path, '192.0.2.1')).toMatch(/NORELAYCLIENT=x\n.*variable RELAYCLIENT=\n/);
});
