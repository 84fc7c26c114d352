import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import fc from 'fast-check';
import { parseConfig, readConfig } from '../../src/config.js';
import { Fault } from '../../src/core/fault.js';
import { allBlocks, blocks, pages } from '../support/page.js';

const parse = (text: string): ReturnType<typeof parseConfig> =>
  parseConfig(text, 'dracd.toml', { stateDirectory: '/var/lib/dracd', runtimeDirectory: '/run/dracd' });

function mistakes(text: string): string[] {
  try {
    parse(text);
  } catch (error) {
    expect(error).toBeInstanceOf(Fault);
    expect((error as Fault).code).toBe('CONFIG');
    return (error as Fault).message.split('\n');
  }
  return [];
}

test('nothing given: every default', () => {
  expect(parse('')).toMatchObject({
    rpc: {
      addresses: ['127.0.0.1', '::1'],
      udp: true,
      tcp: true,
      port: 0,
      rpcbind: 'auto',
      strangers: 'answer',
    },
    reporters: { allow_file: '/etc/mail/dracd.allow' },
    grants: { lifetime: 1_800_000, max: 1_000_000, never: [] },
    store: { directory: '/var/lib/dracd/journal', durability: 'disk' },
    exports: [{ format: 'lmdb', path: '/var/lib/dracd/relay.lmdb', mode: 0o644 }],
    lookups: [],
    http: { listen: { transport: 'tcp', host: '127.0.0.1', port: 9479 }, show_addresses: false },
    admin: {
      listen: [{ transport: 'unix', path: '/run/dracd/admin.sock' }],
      mode: 0o660,
      tls: { cert: '', key: '', clientCa: '', viewers: [], operators: [] },
    },
    audit: { file: '', retention: 90 * 86_400_000, privacy: 'full' },
    log: { level: 'info' },
  });
  expect(parse('').reporters.names).toEqual({});
  expect(parse('').reporters.allow).toBeUndefined();
});

test('look-ups without any export: no map, unless one is asked for', () => {
  const lookups = '[[lookups]]\nkind = "socketmap"\nlisten = ["127.0.0.1:4799"]\n';
  expect(parse(lookups).exports).toEqual([]);
  expect(parse('exports = []').exports).toEqual([]);
  const map = '[[exports]]\nformat = "list"\npath = "/m/relay.list"\n';
  expect(parse(lookups + map).exports.map(({ path: file }) => file)).toEqual(['/m/relay.list']);
});

const examples = pages().flatMap((page) =>
  allBlocks(page)
    .filter(({ language }) => language === 'toml')
    .map(({ text }) => [page, text] as const),
);

test('the pages have configuration examples', () => {
  const found = new Set(examples.map(([page]) => page));
  expect([...found]).toEqual(expect.arrayContaining(['README.md', 'docs/configuration.md']));
});

test.each(examples)('an example of %s loads: %s', (_, text) => {
  expect(mistakes(text)).toEqual([]);
});

test('docs/configuration.md lists the defaults as they are', () => {
  const whole = blocks('docs/configuration.md', 'The keys with their defaults')[0]?.text ?? '';
  expect(whole).toContain('[store]');
  const { reporters, ...rest } = parse(whole);
  const { reporters: defaults, ...defaultRest } = parse('');
  expect(rest).toEqual(defaultRest);
  expect(reporters.allow_file).toBe(defaults.allow_file);
});

test('all mistakes at once, each with file, key, value and what is allowed', () => {
  expect(
    mistakes(`
[rpc]
addresses = ["127.0.0.1", "localhost"]
port = 70000
rpcbind = "maybe"
[reporters]
allow = ["192.0.2.7/24"]
[grants]
lifetime = "0s"
max = 0
nevr = []
[[exports]]
format = "dbm"
path = "/x"
mode = "0666"
[[lookups]]
kind = "tcp_table"
listen = ["localhost:4799", "unix:run/s"]
mode = "0777"
hits = "OK"
[lgo]
level = "info"
`),
  ).toEqual([
    'dracd.toml: key rpc.addresses[1] = "localhost": must be an IP address such as "127.0.0.1", "0.0.0.0" or "::1"',
    'dracd.toml: key rpc.port = 70000: must be a whole number from 0 to 65535; 0 means any',
    'dracd.toml: key rpc.rpcbind = "maybe": must be "auto", "required" or "off"',
    'dracd.toml: key reporters.allow[0] = "192.0.2.7/24": must be an address or network without host bits, such as "192.0.2.7" or "2001:db8::/32"',
    'dracd.toml: key grants.lifetime = "0s": must be a duration from "1s" to "7d", such as "30m"',
    'dracd.toml: key grants.max = 0: must be a whole number from 1 to 16000000',
    'dracd.toml: key grants.nevr = []: no such key; known here: lifetime, max, never, always, ipv6_prefix, ipv4_prefix, access_networks, hosting_networks',
    'dracd.toml: key exports[0].format = "dbm": must be "lmdb", "bdb", "cdb", "tcprules", "list"',
    'dracd.toml: key exports[0].mode = "0666": must be "0644", "0640", "0604" or "0600"',
    'dracd.toml: key lookups[0].kind = "tcp_table": must be "socketmap", "policy"',
    'dracd.toml: key lookups[0].listen[0] = "localhost:4799": must be an IP address and port such as "127.0.0.1:4799" or "[::1]:4799", or "unix:" and an absolute path of at most 103 bytes',
    'dracd.toml: key lookups[0].listen[1] = "unix:run/s": must be an IP address and port such as "127.0.0.1:4799" or "[::1]:4799", or "unix:" and an absolute path of at most 103 bytes',
    'dracd.toml: key lookups[0].mode = "0777": must be "0660", "0666" or "0600"',
    'dracd.toml: key lookups[0].hits = "OK": no such key; known here: kind, listen, mode, group, hit, on_miss, explain_text, explain_ended, explain_url, explain_past, grace',
    'dracd.toml: key lgo = {"level":"info"}: no such key; known here: rpc, reporters, grants, store, exports, lookups, http, admin, audit, log',
  ]);
});

test.each([
  [
    '[rpc]\nudp = false\ntcp = false',
    'key rpc.udp = false: must be true or false; one of udp and tcp must be true',
  ],
  ['[rpc]\naddresses = []', 'key rpc.addresses = []: must be a list of one or more IP addresses'],
  ['rpc = 3', 'key rpc = 3: must be a table [rpc]'],
  ['[[exports]]\nformat = "lmdb"', 'key exports[0].path = not given: must be an absolute path'],
  [
    '[[exports]]\nformat = "lmdb"\npath = "/a.lmdb"\n[[exports]]\nformat = "lmdb"\npath = "/a.lmdb"',
    'key exports = ',
  ],
  ['[[exports]]\nformat = "lmdb"\npath = "/a.db"', 'that ends as the MTA expects it (lmdb: .lmdb, '],
  [
    '[[exports]]\nformat = "lmdb"\npath = "a.lmdb"',
    'key exports[0].path = "a.lmdb": must be an absolute path',
  ],
  ['[store]\ndirectory = "journal"', 'key store.directory = "journal": must be an absolute path'],
  ['[grants]\nlifetime = 30', 'key grants.lifetime = 30: must be a duration'],
  ['[grants]\nlifetime = "8d"', 'key grants.lifetime = "8d": must be a duration'],
  ['[audit]\nfile = "audit.jsonl"', 'key audit.file = "audit.jsonl": must be an absolute path'],
  ['[audit]\nfile = "/var/lib/dracd/"', 'key audit.file = "/var/lib/dracd/": must be an absolute path'],
  ['[audit]\nretention = "12h"', 'key audit.retention = "12h": must be a number of whole days from "1d"'],
  ['[audit]\nretention = "3651d"', 'key audit.retention = "3651d": must be'],
  ['[audit]\nprivacy = "none"', 'must be "full", "truncated", "hashed"'],
  ['[audit]\nfiles = "/x"', 'key audit.files = "/x": no such key; known here: file, retention, privacy'],
  ['[log]\nlevel = "loud"', 'key log.level = "loud": must be "debug", "info", "warn", "error"'],
])('%j', (text, message) => {
  expect(mistakes(text)).toEqual([expect.stringContaining(message)]);
});

describe('lookups', () => {
  const looked = (text: string) => parse(`[[lookups]]\n${text}`).lookups[0];

  test('with every default', () => {
    expect(looked('kind = "socketmap"\nlisten = ["127.0.0.1:4799", "unix:/run/dracd/map"]')).toEqual({
      kind: 'socketmap',
      listen: [
        { transport: 'tcp', host: '127.0.0.1', port: 4799 },
        { transport: 'unix', path: '/run/dracd/map' },
      ],
      mode: 0o660,
      group: undefined,
      hit: 'OK',
      miss: expect.objectContaining({ answer: 'dunno', graceMs: 0 }) as unknown,
    });
  });

  test('with everything given', () => {
    const text = `kind = "policy"
listen = ["[::1]:4798"]
mode = "0666"
group = "postfix"
on_miss = "explain"
explain_text = "{client} {minutes} {url} {ended}"
explain_ended = "{ago}"
explain_url = "https://help.example/"
explain_past = "12h"
grace = "10m"`;
    expect(looked(text)).toEqual({
      kind: 'policy',
      listen: [{ transport: 'tcp', host: '::1', port: 4798 }],
      mode: 0o666,
      group: 'postfix',
      hit: 'OK',
      miss: {
        answer: 'explain',
        text: '{client} {minutes} {url} {ended}',
        ended: '{ago}',
        url: 'https://help.example/',
        pastMs: 43_200_000,
        graceMs: 600_000,
      },
    });
  });

  test('of several kinds, and of one kind several', () => {
    const one = (kind: string, port: number): string =>
      `[[lookups]]\nkind = "${kind}"\nlisten = ["127.0.0.1:${port}"]\n`;
    expect(parse(one('socketmap', 1) + one('policy', 2) + one('socketmap', 3)).lookups).toHaveLength(3);
    // Any port is no place of its own.
    expect(parse(one('socketmap', 0) + one('policy', 0)).lookups).toHaveLength(2);
  });

  const socketmap = '[[lookups]]\nkind = "socketmap"\nlisten = ["unix:/run/s"]\n';
  const policy = '[[lookups]]\nkind = "policy"\nlisten = ["unix:/run/p"]\n';

  test.each([
    [`${socketmap}${socketmap}`, 'key lookups = '],
    [`${socketmap}${policy.replace('/run/p', '/run/./s')}`, 'key lookups = '],
    [
      '[[lookups]]\nkind = "policy"',
      'key lookups[0].listen = not given: must be a list of one to eight places',
    ],
    ['[[lookups]]\nkind = "policy"\nlisten = []', 'key lookups[0].listen = []: must be a list'],
    [
      `${socketmap}on_miss = "dunno"`,
      'key lookups[0].on_miss = "dunno": must be "dunno" or "explain"; only for kind = "policy"',
    ],
    [`${socketmap}grace = "1h"`, 'key lookups[0].grace = "1h": must be a duration'],
    [
      `${policy}hit = "OK"`,
      'key lookups[0].hit = "OK": must be "OK" or "expiry"; only for kind = "socketmap"',
    ],
    [
      `${policy}grace = "1h"`,
      'key lookups[0].grace = "1h": must be a duration from "0s" to "7d"; only with on_miss = "explain"',
    ],
    [
      `${policy}explain_past = "8d"`,
      'key lookups[0].explain_past = "8d": must be a duration from "0s" to "7d"',
    ],
    [
      `${policy}explain_text = "you are {who}"`,
      'key lookups[0].explain_text = "you are {who}": must be a text of at most 256 characters, with {client}',
    ],
    [`${policy}explain_text = "${'x'.repeat(257)}"`, 'key lookups[0].explain_text = "xxx'],
    [`${policy}explain_text = ""`, 'key lookups[0].explain_text = "": must be a text'],
    [
      `${policy}explain_ended = "{client}"`,
      'key lookups[0].explain_ended = "{client}": must be a text of at most 128 characters, with {ago}',
    ],
  ])('%j', (text, message) => {
    expect(mistakes(text)).toEqual([expect.stringContaining(message)]);
  });
});

describe('exports', () => {
  const suffixes: Readonly<Record<string, string>> = { lmdb: '.lmdb', bdb: '.db', cdb: '.cdb' };
  const table = (text: string): string => {
    const format = /^format = "(\w+)"/.exec(text)?.[1] ?? '';
    return `[[exports]]\npath = "/x${suffixes[format] ?? ''}"\n${text}`;
  };

  test('what a snapshot can be told', () => {
    const text = table(`format = "bdb"
dialect = ["postfix", "sendmail"]
value = "OK"
interval = "1500ms"
command = ["makemap", "-v"]`);
    expect(parse(text).exports).toEqual([
      {
        format: 'bdb',
        path: '/x.db',
        mode: 0o644,
        dialects: ['postfix', 'sendmail'],
        value: 'OK',
        intervalMs: 1_500,
        command: ['makemap', '-v'],
      },
    ]);
    const drac = table('format = "bdb"\ndialect = "drac"\ncidr_key = true\nterm_kd = true');
    expect(parse(drac).exports).toMatchObject([{ dialects: ['drac'], cidrKey: true, termKd: true }]);
    const list = table('format = "list"\ncommand = ["smtpctl"]\ncommand_stdin = "list"');
    expect(parse(list).exports).toMatchObject([{ format: 'list', commandStdin: 'list' }]);
    const rules = table('format = "tcprules"\nrules = "/etc/tcp.smtp"');
    expect(parse(rules).exports).toMatchObject([{ format: 'tcprules', rules: '/etc/tcp.smtp' }]);
  });

  test.each([
    ['format = "lmdb"\ndialect = "postfix"', []],
    ['format = "lmdb"\ndialect = "sendmail"', ['dialect']],
    ['format = "lmdb"\ndialect = ["postfix", "sendmail"]', ['dialect']],
    ['format = "lmdb"\ninterval = "1s"\ncommand = ["x"]\nvalue = "OK"', ['value', 'interval', 'command']],
    ['format = "lmdb"\nterm_kd = true', ['term_kd']],
    ['format = "bdb"\ndialect = ["postfix", "drac"]', ['dialect']],
    ['format = "bdb"\ndialect = ["postfix", "postfix"]', ['dialect']],
    ['format = "bdb"\ndialect = []', ['dialect']],
    ['format = "bdb"\ncidr_key = true', ['cidr_key']],
    ['format = "bdb"\ndialect = "exim"\nterm_kd = false', ['term_kd']],
    ['format = "bdb"\ncommand_stdin = "list"', ['command_stdin']],
    ['format = "bdb"\nrules = "/r"', ['rules']],
    ['format = "cdb"\ndialect = "drac"', ['dialect']],
    ['format = "tcprules"\ndialect = "postfix"\nvalue = "OK"', ['dialect', 'value']],
    ['format = "list"\ndialect = ["exim", "postfix"]', ['dialect']],
    ['format = "list"\ninterval = "99ms"', ['interval']],
    ['format = "list"\ninterval = "61s"', ['interval']],
    ['format = "list"\nvalue = "two\\nlines"', ['value']],
    ['format = "list"\ncommand = "smtpctl update"', ['command']],
  ])('%j: a mistake in %j', (text, keys) => {
    const named = mistakes(table(text)).map((mistake) => /key exports\[0\]\.(\w+) = /.exec(mistake)?.[1]);
    expect(named).toEqual(keys);
  });

  test('a key that the format does not know is told of with the formats that do', () => {
    expect(mistakes(table('format = "lmdb"\ncommand = ["x"]'))).toEqual([
      'dracd.toml: key exports[0].command = ["x"]: must be a list of a program and its arguments, for format "bdb", "cdb", "tcprules", "list" only',
    ]);
    expect(mistakes(table('format = "lmdb"\ndialect = "sendmail"'))).toEqual([
      expect.stringContaining(
        'must be one that the format knows (lmdb: "postfix"; bdb: "postfix", "sendmail"',
      ),
    ]);
  });
});

test('what is not TOML is told of by line and column', () => {
  expect(mistakes('[rpc]\nport = = 3')[0]).toMatch(/^dracd\.toml:2:\d+: not TOML: /);
});

test('durations', () => {
  for (const [text, ms] of [
    ['1s', 1_000],
    ['1500ms', 1_500],
    ['2h', 7_200_000],
    ['7d', 604_800_000],
  ] as const) {
    expect(parse(`[grants]\nlifetime = "${text}"`).grants.lifetime).toBe(ms);
  }
});

test('is total: a configuration or a Fault CONFIG, whatever the text', () => {
  const word = fc.constantFrom(
    '[rpc]',
    '[grants]',
    '[[exports]]',
    'port',
    'lifetime',
    '=',
    '"30m"',
    '0',
    '-1',
    '1e999',
    '[',
    ']',
    '{',
    '}',
    '\n',
    'never',
    'allow',
    '__proto__',
    'nan',
    '1979-05-27',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string({ unit: 'binary' }),
        fc.array(word).map((words) => words.join(' ')),
      ),
      (text) => {
        mistakes(text);
      },
    ),
    { numRuns: 2_000 },
  );
});

describe('readConfig', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'dracd-config-'));
  afterAll(() => {
    rmSync(directory, { recursive: true });
  });

  test('reads a file', () => {
    const file = path.join(directory, 'dracd.toml');
    writeFileSync(file, '[rpc]\nport = 4711\n');
    expect(
      readConfig(file, { stateDirectory: '/var/lib/dracd', runtimeDirectory: '/run/dracd' }).rpc.port,
    ).toBe(4711);
  });

  test.each([
    ['a missing file', 'missing.toml'],
    ['a directory', '.'],
  ])('%s is a Fault that names it', (_what, name) => {
    const file = path.join(directory, name);
    expect(() => readConfig(file, '/x')).toThrow(`${file}: cannot be read: `);
  });
});

test.each([
  [
    'always = ["0.0.0.0/0"]',
    'key grants.always[0] = "0.0.0.0/0": must be an address or network without host bits, IPv4 of at least /8',
  ],
  ['always = ["127.0.0.0/8"]', 'key grants.always[0] = "127.0.0.0/8": must be'],
  ['always = ["2002::/20"]', 'key grants.always[0] = "2002::/20": must be'],
  [
    'always = ["2002:c000:207::/48"]',
    'none of which are of no use to clients (loopback, multicast, link-local, 6to4,',
  ],
  [
    'always = ["198.51.100.0/24"]\nnever = ["198.51.0.0/16"]',
    'key grants.always[0] = "198.51.100.0/24": it lies in grants.never, which wins',
  ],
  ['ipv6_prefix = 56', 'key grants.ipv6_prefix = 56: must be 128 '],
  ['ipv4_prefix = 16', 'key grants.ipv4_prefix = 16: must be 32 '],
  [
    'access_networks = ["192.0.2.0/25"]',
    'key grants.access_networks[0] = "192.0.2.0/25": must be a network without host bits, IPv4 of at most /24',
  ],
  ['access_networks = ["2001:db8::/65"]', 'key grants.access_networks[0] = "2001:db8::/65": must be'],
  ['hosting_networks = ["x"]', 'key grants.hosting_networks[0] = "x": must be'],
])('[grants] %s: %s', (text, mistake) => {
  expect(mistakes(`[grants]\n${text}`).join('\n')).toContain(mistake);
});

const map = (format: string, dialect: string): string =>
  `[[exports]]\nformat = "${format}"\npath = "/m/relay.${format === 'bdb' ? 'db' : format}"\n${dialect === '' ? '' : `dialect = "${dialect}"\n`}`;

test.each([
  ['ipv6_prefix = 64', 'bdb', 'sendmail', 'no words for IPv6 networks, which grants.ipv6_prefix asks for'],
  ['ipv6_prefix = 64', 'bdb', 'drac', 'no words for IPv6 networks'],
  ['access_networks = ["2001:db8::/32"]', 'bdb', 'sendmail', 'which grants.access_networks asks for'],
  ['access_networks = ["192.0.2.0/24"]', 'bdb', 'sendmail', ''],
  ['ipv4_prefix = 24', 'bdb', 'sendmail', ''],
  ['always = ["10.0.0.0/8"]', 'bdb', 'sendmail', 'no words for 10.0.0.0/8, which grants.always asks for'],
  ['always = ["10.0.0.0/8"]', 'bdb', 'postfix', ''],
  ['always = ["10.0.0.0/8"]', 'lmdb', '', ''],
  ['always = ["2001:0:0:5::/64"]', 'lmdb', '', 'must be'],
  ['always = ["2400:0:0:5::/64"]', 'lmdb', '', 'no words for 2400:0:0:5::/64'],
  ['always = ["2400:0:0:5::/64"]', 'list', 'exim', ''],
  ['always = ["2001:db8:a::/48"]\nnever = ["2001:db8:a:1::6"]', 'lmdb', '', ''],
  ['always = ["2001:db8:a::/48"]\nnever = ["2001:db8:a:1::6"]', 'cdb', 'postfix', ''],
  [
    'always = ["2001:db8:a::/48"]\nnever = ["2001:db8:a:1::6"]',
    'cdb',
    'exim',
    'no words for 2001:db8:a:1::/126, a part that grants.never leaves, which grants.always asks for',
  ],
  ['always = ["10.0.0.0/14", "10.8.0.0/16"]', 'cdb', 'exim', ''],
  [
    `always = [${Array.from({ length: 5 }, (_, i) => `"10.${i}.0.0/16"`).join()}]`,
    'bdb',
    'sendmail',
    'needs more than 262144 keys for the networks, which grants.always asks for',
  ],
  ['always = ["2001:db8::/64"]', 'tcprules', '', ''],
  ['ipv6_prefix = 64', 'tcprules', '', ''],
  ['ipv6_prefix = 64', 'lmdb', '', ''],
  ['ipv6_prefix = 64', 'cdb', 'exim', ''],
])('[grants] %s and a map %s %s: %j', (...[grants, format, dialect, mistake]) => {
  const found = mistakes(`[grants]\n${grants}\n${map(format, dialect)}`);
  if (mistake === '') expect(found).toEqual([]);
  else expect(found.join('\n')).toContain(mistake);
});

describe('the admin door', () => {
  const port = '[admin]\nlisten = ["unix:/run/a", "127.0.0.1:9480"]\n';
  const files = '[admin.tls]\ncert = "/c"\nkey = "/k"\nclient_ca = "/ca"\n';

  test('a port needs mutual TLS', () => {
    expect(mistakes(port)).toEqual([
      'dracd.toml: key admin.listen[1] = "127.0.0.1:9480": a port needs mutual TLS; set cert, key, client_ca in [admin.tls], or listen on a unix socket',
    ]);
    expect(mistakes(`${port}[admin.tls]\ncert = "/c"\nkey = ""\nclient_ca = "/ca"\n`)).toEqual([
      expect.stringContaining('set key in [admin.tls]'),
    ]);
  });

  test('a port needs somebody who may come in', () => {
    expect(mistakes(port + files)).toEqual([expect.stringContaining('nobody may come in')]);
    expect(mistakes(`${port}${files}viewers = ["spiffe://example.org/desk"]\n`)).toEqual([]);
  });

  test('a directory in which its socket would have too long a path', () => {
    const deep = `/${'d'.repeat(90)}`;
    expect(parseConfig('', 'none', deep).admin.listen).toEqual([
      { transport: 'unix', path: `${deep}/admin.sock` },
    ]);
    expect(() => parseConfig('', 'none', `${deep}ee`)).toThrow(
      /key admin\.listen\[0\] = not given: must be .* an absolute path of at most 103 bytes$/,
    );
    expect(parseConfig('[admin]\nlisten = []', 'none', `${deep}ee`).admin.listen).toEqual([]);
  });

  test('no door at all, and keys that will not do', () => {
    expect(parse('[admin]\nlisten = []\n').admin.listen).toEqual([]);
    expect(
      mistakes(
        '[admin]\nlisten = ["unix:/a", "unix:/a"]\nmode = "0666"\n[admin.tls]\ncert = "c"\noperators = ["a b", ""]\n',
      ).map((line) => line.split(' ')[2]),
    ).toEqual([
      'admin.listen',
      'admin.mode',
      'admin.tls.cert',
      'admin.tls.operators[0]',
      'admin.tls.operators[1]',
    ]);
  });
});
