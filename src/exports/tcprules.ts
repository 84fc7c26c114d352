/**
 * tcprules - the allow-list as the cdb that tcpserver -x reads, the administrator's own rules merged in
 *
 * tcpserver takes the first rule it finds for a client: its address, then shorter and shorter pieces of
 * it (`192.0.2.`, `192.0.`, `192.`), then the rule without an address. A grant becomes a rule for the address, which
 * hides those behind it. So it takes their variables along and adds RELAYCLIENT="", unless they set it
 * already: a virus scanner that is set for all stays set. And a client that a rule for its address or
 * a piece of it denies stays denied. Only the rule without an address gives way: `:deny` with grants
 * means that those who have fetched mail may connect.
 *
 * Limits: IPv4 only, as tcpserver; other networks than those of whole bytes are said in pieces. Rules for host names (`=name`) and for
 * names that clients give themselves (`info@`) stay as they are; the former come after a grant's rule.
 */
import { writeCdb } from './cdb.js';
import type { Container } from './container.js';
import type { Words } from './dialect.js';
import { isExact, isIpv6, leadingBytes, type Entry } from './entry.js';
import { sayInPieces } from './pieces.js';
import { denies, parseStaticRules, type StaticRules } from './static-rules.js';

const RELAYCLIENT = '+RELAYCLIENT=';
const RELAYS = `${RELAYCLIENT}\0`;
const EVERYBODY = '';

/** An address, or what tcpserver calls it when it means a network: `192.0.2.` */
function addressOf(entry: Entry): string | undefined {
  if (isExact(entry)) return entry.client;
  const bytes = leadingBytes(entry);
  return bytes === undefined ? undefined : `${bytes.join('.')}.`;
}

/** The rule that tcpserver would find for an address if there was no grant, without the one for everybody. */
function ruleFor(address: string, rules: StaticRules): string | undefined {
  for (
    let piece = address;
    piece !== '';
    piece = piece.slice(0, piece.lastIndexOf('.', piece.length - 2) + 1)
  ) {
    const rule = rules.get(piece);
    if (rule !== undefined) return rule;
  }
  return undefined;
}

/** The addresses of rules, by each network of whole bytes around them. */
function rulesInside(rules: StaticRules): ReadonlyMap<string, readonly string[]> {
  const inside = new Map<string, string[]>();
  for (const address of rules.keys()) {
    for (
      let dot = address.indexOf('.');
      dot >= 0 && dot < address.length - 1;
      dot = address.indexOf('.', dot + 1)
    ) {
      const around = address.slice(0, dot + 1);
      const known = inside.get(around);
      if (known === undefined) inside.set(around, [address]);
      else known.push(address);
    }
  }
  return inside;
}

function withRelayClient(rule: string): string {
  const sets = rule.startsWith(RELAYCLIENT) || rule.includes(`\0${RELAYCLIENT}`);
  return sets ? rule : rule + RELAYS;
}

function words(rules: StaticRules): Words {
  const everybody = rules.get(EVERYBODY) ?? '';
  const inherited = denies(everybody) ? '' : everybody;
  const inside = rulesInside(rules);
  /**
   * The keys that a grant for an address or a network takes: its own, unless that is denied, and those of rules
   * inside of it, which tcpserver would find first.
   */
  const keysUnder = (address: string): string[] => {
    const keys = denies(ruleFor(address, rules) ?? '') ? [] : [address];
    for (const one of inside.get(address) ?? []) if (!denies(rules.get(one) ?? '')) keys.push(one);
    return keys;
  };
  return {
    terminated: false,
    fixed: rules,
    keys: (entry) =>
      isIpv6(entry)
        ? undefined
        : sayInPieces(entry, (piece) => {
            const address = addressOf(piece);
            return address === undefined ? undefined : keysUnder(address);
          }),
    value: (address) => withRelayClient(ruleFor(address, rules) ?? inherited),
  };
}

export const tcprules: Container = {
  suffix: '',
  dialects: [],
  shared: false,
  keys: ['rules', 'interval', 'command'],
  words: (wording) => words(parseStaticRules(wording.rules ?? '', 'rules')),
  write: writeCdb,
};
