/**
 * config-schema - the configuration's keys, what each allows, and what it is when not given
 *
 * One table of keys serves three ends: the messages that say what is allowed, the test that holds the
 * configuration's page to every key, and the reader of this file.
 */
import { normalize } from 'node:path';
import { z } from 'zod';
import { adminKeys, adminTable } from './config-admin.js';
import { auditAllowed, auditSection } from './config-audit.js';
import { absolutePath as path, areApart, place, portOrNone } from './config-place.js';
import { MAX_LIFETIME_MS, MIN_LIFETIME_MS } from './core/grant.js';
import { IPV4_BYTES, parseAddress } from './core/address.js';
import { WIDE_IPV4, WIDE_IPV6 } from './core/coverage.js';
import { isUnfit } from './core/never.js';
import { type Network, parseNetwork, prefixLength } from './core/network.js';
import { dialects, type DialectName } from './exports/dialect.js';
import type { ExportKey, LiveMapFormat } from './exports/format.js';
import { formats } from './exports/formats.js';
import { placeholders } from './lookups/explanation.js';
import { lookups } from './lookups/lookups.js';
import { LOG_LEVELS } from './runtime/log.js';

const formatNames = Object.keys(formats) as (keyof typeof formats)[];
const lookupNames = Object.keys(lookups) as (keyof typeof lookups)[];
const dialectNames = Object.keys(dialects) as DialectName[];
const suffixes = formatNames.map((name) => `${name}: ${formats[name].suffix || 'any'}`).join(', ');

const quoted = (words: readonly string[]): string => words.map((word) => `"${word}"`).join(', ');

/** In words, which formats know a key. */
function known(key: ExportKey): string {
  const names = formatNames.filter((name) => formats[name].keys?.includes(key));
  return `for format ${quoted(names)} only`;
}

/** In words, which dialects each format knows. */
const dialectsAllowed = formatNames
  .map((name) => {
    const { dialects: some = ['postfix'], shared } = formats[name];
    const several = some.includes('drac') ? ', or a list of these without "drac"' : ', or a list of these';
    return `${name}: ${some.length === 0 ? 'none' : quoted(some)}${shared === true ? several : ''}`;
  })
  .join('; ');

/** What each key allows, in words; `*` stands for any index. */
export const allowed: Readonly<Record<string, string>> = {
  rpc: 'a table [rpc]',
  'rpc.addresses': 'a list of one or more IP addresses; "0.0.0.0" or "::" mean all of the host\'s own',
  'rpc.addresses.*': 'an IP address such as "127.0.0.1", "0.0.0.0" or "::1"',
  'rpc.udp': 'true or false; one of udp and tcp must be true',
  'rpc.tcp': 'true or false; one of udp and tcp must be true',
  'rpc.port': 'a whole number from 0 to 65535; 0 means any',
  'rpc.rpcbind': '"auto", "required" or "off"',
  'rpc.strangers': '"answer" or "silent"',
  reporters: 'a table [reporters]',
  'reporters.allow': 'a list of addresses and networks',
  'reporters.allow.*': 'an address or network without host bits, such as "192.0.2.7" or "2001:db8::/32"',
  'reporters.allow_file': 'an absolute path; the file may be absent',
  'reporters.names': 'a table of at most 64 names, each with a list of addresses and networks',
  'reporters.names.*': 'a list of addresses and networks, under a name of 1 to 32 letters, digits, - and _',
  grants: 'a table [grants]',
  'grants.lifetime': 'a duration from "1s" to "7d", such as "30m"',
  'grants.max': 'a whole number from 1 to 16000000',
  'grants.never': 'a list of addresses and networks',
  'grants.never.*': 'an address or network without host bits, such as "192.0.2.7" or "2001:db8::/32"',
  'grants.always': "a list of at most 1000 of the site's own networks, none of them wholly in grants.never",
  'grants.always.*':
    'an address or network without host bits, IPv4 of at least /8, IPv6 of at least /19, none of which are of no use to clients (loopback, multicast, link-local, 6to4, NAT64, Teredo, ...)',
  'grants.ipv6_prefix': "128 (a lease covers the client's address) or 64 (its /64)",
  'grants.ipv4_prefix': "32 (a lease covers the client's address) or 24 (its /24)",
  'grants.access_networks': 'a list of networks in which a lease covers a /64 (IPv6) or a /24 (IPv4)',
  'grants.access_networks.*': 'a network without host bits, IPv4 of at most /24, IPv6 of at most /64',
  'grants.hosting_networks': "a list of networks in which a lease covers the client's address alone",
  'grants.hosting_networks.*':
    'an address or network without host bits, such as "192.0.2.7" or "2001:db8::/32"',
  store: 'a table [store]',
  'store.directory': 'an absolute path of a directory that only the daemon writes',
  'store.durability': '"disk" or "memory"',
  exports: 'a list of at most 16 tables [[exports]], each with a path of its own',
  'exports.*': 'a table [[exports]] with format and path',
  'exports.*.format': quoted(formatNames),
  'exports.*.path': `an absolute path, different for each export, that ends as the MTA expects it (${suffixes})`,
  'exports.*.mode': '"0644", "0640", "0604" or "0600"',
  'exports.*.group': 'the name of a group',
  lookups: 'a list of at most 8 tables [[lookups]], no two of them listening at one place',
  'lookups.*': 'a table [[lookups]] with kind and listen',
  'lookups.*.kind': lookupNames.map((name) => `"${name}"`).join(', '),
  'lookups.*.listen': 'a list of one to eight places to listen at',
  'lookups.*.listen.*':
    'an IP address and port such as "127.0.0.1:4799" or "[::1]:4799", or "unix:" and an absolute path of at most 103 bytes',
  'lookups.*.mode': '"0660", "0666" or "0600"',
  'lookups.*.group': 'the name of a group',
  'lookups.*.hit': '"OK" or "expiry"; only for kind = "socketmap"',
  'lookups.*.on_miss': '"dunno" or "explain"; only for kind = "policy"',
  'lookups.*.explain_text':
    'a text of at most 256 characters, with {client}, {minutes}, {url} and {ended}; only for kind = "policy"',
  'lookups.*.explain_ended': 'a text of at most 128 characters, with {ago}; only for kind = "policy"',
  'lookups.*.explain_url': 'a URL of at most 128 characters; only for kind = "policy"',
  'lookups.*.explain_past': 'a duration from "0s" to "7d"; only for kind = "policy"',
  'lookups.*.grace': 'a duration from "0s" to "7d"; only with on_miss = "explain"',
  'exports.*.dialect': `one that the format knows (${dialectsAllowed})`,
  'exports.*.value': `1 to 100 printable ASCII characters, ${known('value')}`,
  'exports.*.cidr_key': `true or false, ${known('cidr_key')} and dialect "drac"`,
  'exports.*.term_kd': `true or false, ${known('term_kd')} and dialect "drac"`,
  'exports.*.rules': `an absolute path of a file with rules for tcprules(1), ${known('rules')}`,
  'exports.*.interval': `a duration from "100ms" to "1m", ${known('interval')}`,
  'exports.*.command': `a list of a program and its arguments, ${known('command')}`,
  'exports.*.command.*': 'a text of 1 to 4096 characters',
  'exports.*.command_stdin': `"none" or "list", ${known('command_stdin')}`,
  http: 'a table [http]',
  'http.listen':
    'an IP address and port such as "127.0.0.1:9479" or "[::1]:9479"; port 0 means any, and "" no HTTP at all',
  'http.show_addresses': 'true or false',
  ...adminKeys,
  ...auditAllowed,
  log: 'a table [log]',
  'log.level': quoted(LOG_LEVELS),
};

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

function duration(minMs: number, maxMs: number) {
  return z.string().transform((text, context) => {
    const match = /^(\d{1,12})(ms|s|m|h|d)$/.exec(text);
    const value = match === null ? NaN : Number(match[1]) * (UNIT_MS[match[2] ?? ''] ?? NaN);
    if (value >= minMs && value <= maxMs) return value;
    context.addIssue({ code: 'custom', message: 'not a duration in range' });
    return z.NEVER;
  });
}

const address = z.string().transform((text, context) => {
  const parsed = parseAddress(text);
  if (parsed !== undefined) return parsed;
  context.addIssue({ code: 'custom', message: 'not an address' });
  return z.NEVER;
});

const network = z.string().transform((text, context) => {
  const parsed = parseNetwork(text);
  if (parsed !== undefined && !parsed.hostBits) return parsed;
  context.addIssue({ code: 'custom', message: parsed === undefined ? 'not a network' : 'host bits are set' });
  return z.NEVER;
});

/** Larger ones are no site's own: a slip of the pen would let a good part of the Internet relay. */
const MIN_SITE_IPV4 = 8;
const MIN_SITE_IPV6 = 19;

const isIpv4 = ({ base }: Network): boolean => base.length === IPV4_BYTES;

const siteNetwork = network.refine(
  (one) => prefixLength(one) >= (isIpv4(one) ? MIN_SITE_IPV4 : MIN_SITE_IPV6) && !isUnfit(one),
  { message: 'no network of a site' },
);

const accessNetwork = network.refine((one) => prefixLength(one) <= (isIpv4(one) ? WIDE_IPV4 : WIDE_IPV6), {
  message: 'smaller than what a lease covers',
});

const grants = z.strictObject({
  lifetime: duration(MIN_LIFETIME_MS, MAX_LIFETIME_MS).prefault('30m'),
  max: z.int().min(1).max(16_000_000).default(1_000_000),
  never: z.array(network).max(100_000).default([]),
  always: z.array(siteNetwork).max(1_000).default([]),
  ipv6_prefix: z.literal([128, WIDE_IPV6]).default(128),
  ipv4_prefix: z.literal([32, WIDE_IPV4]).default(32),
  access_networks: z.array(accessNetwork).max(10_000).default([]),
  hosting_networks: z.array(network).max(100_000).default([]),
});

const rpc = z
  .strictObject({
    addresses: z
      .array(address)
      .min(1)
      .max(64)
      .default(['127.0.0.1', '::1'].map((text) => address.parse(text))),
    udp: z.boolean().default(true),
    tcp: z.boolean().default(true),
    port: z.int().min(0).max(65_535).default(0),
    rpcbind: z.enum(['auto', 'required', 'off']).default('auto'),
    strangers: z.enum(['answer', 'silent']).default('answer'),
  })
  .refine((value) => value.udp || value.tcp, { path: ['udp'], message: 'nothing to listen on' });

const MIN_INTERVAL_MS = 100;
const MAX_INTERVAL_MS = 60_000;
const dialect = z.enum(dialectNames);
const word = z
  .string()
  .max(4096)
  .regex(/^[^\0]+$/);

const exportedTable = z
  .strictObject({
    format: z.enum(formatNames),
    path,
    mode: z
      .enum(['0644', '0640', '0604', '0600'])
      .default('0644')
      .transform((text) => parseInt(text, 8)),
    group: z.string().min(1).optional(),
    dialect: z
      .union([dialect.transform((one) => [one]), z.array(dialect).min(1)])
      .refine((list) => new Set(list).size === list.length && (list.length === 1 || !list.includes('drac')))
      .optional(),
    value: z
      .string()
      .regex(/^[\x20-\x7e]{1,100}$/)
      .optional(),
    cidr_key: z.boolean().optional(),
    term_kd: z.boolean().optional(),
    rules: path.optional(),
    interval: duration(MIN_INTERVAL_MS, MAX_INTERVAL_MS).optional(),
    command: z.array(word).max(64).optional(),
    command_stdin: z.enum(['none', 'list']).optional(),
  })
  .refine(({ format, path: file }) => file.endsWith(formats[format].suffix), {
    path: ['path'],
    message: 'the MTA would not find it',
  });

function template(maxLength: number, names: readonly string[]) {
  return z
    .string()
    .min(1)
    .max(maxLength)
    .refine((text) => placeholders(text).every((name) => names.includes(name)), {
      message: 'an unknown placeholder',
    });
}

const past = duration(0, MAX_LIFETIME_MS);

/** Keys that only one kind of look-up has. */
const kindOfKey = {
  hit: 'socketmap',
  on_miss: 'policy',
  explain_text: 'policy',
  explain_ended: 'policy',
  explain_url: 'policy',
  explain_past: 'policy',
  grace: 'policy',
} as const;

const lookedUp = z
  .strictObject({
    kind: z.enum(lookupNames),
    listen: z.array(place).min(1).max(8),
    mode: z
      .enum(['0660', '0666', '0600'])
      .default('0660')
      .transform((text) => parseInt(text, 8)),
    group: z.string().min(1).optional(),
    hit: z.enum(['OK', 'expiry']).optional(),
    on_miss: z.enum(['dunno', 'explain']).optional(),
    explain_text: template(256, ['client', 'minutes', 'url', 'ended']).optional(),
    explain_ended: template(128, ['ago']).optional(),
    explain_url: z.string().max(128).optional(),
    explain_past: past.optional(),
    grace: past.optional(),
  })
  .superRefine((value, context) => {
    for (const [key, kind] of Object.entries(kindOfKey) as [keyof typeof kindOfKey, string][]) {
      if (value[key] !== undefined && value.kind !== kind)
        context.addIssue({ code: 'custom', path: [key], message: `only for ${kind}` });
    }
    if (value.grace !== undefined && value.kind === 'policy' && value.on_miss !== 'explain')
      context.addIssue({ code: 'custom', path: ['grace'], message: 'only with explain' });
  })
  .transform(({ kind, listen, mode, group, hit, ...rest }) => ({
    kind,
    listen,
    mode,
    group,
    hit: hit ?? 'OK',
    miss: {
      answer: rest.on_miss ?? 'dunno',
      text:
        rest.explain_text ??
        'No mailbox login from {client} was seen in the last {minutes} minutes. {ended} Receive mail first, then send; or send through port 587 with a password. {url}',
      ended: rest.explain_ended ?? 'The permission from your last login ended {ago} minutes ago.',
      url: rest.explain_url ?? '',
      pastMs: rest.explain_past ?? 86_400_000,
      graceMs: rest.grace ?? 0,
    },
  }));

/** The keys of a table that its format or dialect does not know: each is a mistake, not a wish to be passed over. */
function misplaced(table: z.output<typeof exportedTable>): ExportKey[] {
  const format: LiveMapFormat = formats[table.format];
  const { dialects: some = ['postfix'], shared = false, keys = [] } = format;
  const { dialect: chosen = [] } = table;
  const unknown = (['value', 'rules', 'interval', 'command', 'command_stdin'] as const).filter(
    (key) => table[key] !== undefined && !keys.includes(key),
  );
  const ofDrac = (['cidr_key', 'term_kd'] as const).filter(
    (key) => table[key] !== undefined && !(keys.includes(key) && chosen[0] === 'drac'),
  );
  const unfit = chosen.some((name) => !some.includes(name)) || (chosen.length > 1 && !shared);
  return [...(unfit ? (['dialect'] as const) : []), ...unknown, ...ofDrac];
}

const exported = exportedTable
  .superRefine((table, context) => {
    for (const key of misplaced(table)) context.addIssue({ code: 'custom', path: [key], message: 'unfit' });
  })
  .transform(({ dialect: chosen, cidr_key, term_kd, interval, command_stdin, ...rest }) => ({
    ...rest,
    dialects: chosen,
    cidrKey: cidr_key,
    termKd: term_kd,
    intervalMs: interval,
    commandStdin: command_stdin,
  }));

type Exported = z.output<typeof exported>;

/** Who says neither maps nor look-ups gets the live map; who asks for look-ups alone gets no file beside them. */
function withMaps<Table extends { exports?: Exported[] | undefined; lookups: readonly unknown[] }>(
  config: Table,
  state: string,
) {
  const live = { format: 'lmdb', path: `${state}/relay.lmdb` };
  const { exports = config.lookups.length > 0 ? [] : [exported.parse(live)] } = config;
  return { ...config, exports };
}

/** Where things are when a path is not given. */
export interface Directories {
  readonly state: string;
  /** Of sockets. */
  readonly runtime: string;
}

/** The schema, with the directories that are meant when a path is not given. */
export function configSchema({ state, runtime }: Directories) {
  const schema = z.strictObject({
    rpc: rpc.prefault({}),
    reporters: z
      .strictObject({
        allow: z.array(network).max(100_000).optional(),
        allow_file: path.default('/etc/mail/dracd.allow'),
        names: z
          .record(z.string().regex(/^[A-Za-z0-9_-]{1,32}$/), z.array(network).min(1).max(1_000))
          .refine((names) => Object.keys(names).length <= 64)
          .default({}),
      })
      .prefault({}),
    grants: grants.prefault({}),
    store: z
      .strictObject({
        directory: path.default(`${state}/journal`),
        durability: z.enum(['disk', 'memory']).default('disk'),
      })
      .prefault({}),
    exports: z
      .array(exported)
      .max(16)
      .refine((list) => new Set(list.map((one) => normalize(one.path))).size === list.length, {
        message: 'two exports with one path',
      })
      .optional(),
    lookups: z.array(lookedUp).max(8).refine(areApart, { message: 'one place twice' }).default([]),
    http: z
      .strictObject({
        listen: portOrNone.prefault('127.0.0.1:9479'),
        show_addresses: z.boolean().default(false),
      })
      .prefault({}),
    admin: adminTable(runtime).prefault({}),
    audit: auditSection,
    log: z.strictObject({ level: z.enum(LOG_LEVELS).default('info') }).prefault({}),
  });
  return schema.transform((config) => withMaps(config, state));
}

/** The whole configuration, checked and with every default filled in. Durations in milliseconds. */
export type Config = z.output<ReturnType<typeof configSchema>>;
