/**
 * names - the names in a client's certificate, and which of them the configuration means
 *
 * Only subject alternative names count (RFC 6125 section 6.4.4: a common name is no name), of the kinds DNS,
 * email and URI. The configuration writes the bare name; its form says the kind that is meant: with "://" it is a
 * URI, with "@" an email address, otherwise a DNS name. So `DNS:alice@example.org` in a certificate is
 * not the email address alice@example.org. DNS names are compared without regard to case; "*" is a letter like
 * any other, not a pattern.
 *
 * Node tells of the names as one text, `DNS:a.example, URI:spiffe://b/c`, in which names that could be mistaken for
 * several are JSON strings.
 */

export type NameKind = 'DNS' | 'email' | 'URI';

export interface Name {
  readonly kind: NameKind;
  readonly text: string;
}

const ENTRY = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/y;
const kinds: readonly NameKind[] = ['DNS', 'email', 'URI'];

const isKind = (text: string): text is NameKind => kinds.includes(text as NameKind);

function unquoted(text: string): string | undefined {
  if (!text.startsWith('"')) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return undefined;
  }
}

/** The names of a certificate, from Node's text of them; none from a text that makes no sense. */
export function namesOf(subjectAltName: string): Name[] {
  const names: Name[] = [];
  const entry = new RegExp(ENTRY);
  while (entry.lastIndex < subjectAltName.length) {
    const match = entry.exec(subjectAltName);
    if (match === null) return [];
    const [, kind = '', quoted = ''] = match;
    const text = unquoted(quoted);
    if (text === undefined) return [];
    if (isKind(kind)) names.push(named(kind, text));
  }
  return names;
}

/** The name that the configuration means. */
export function configuredName(text: string): Name {
  if (text.includes('://')) return named('URI', text);
  return named(text.includes('@') ? 'email' : 'DNS', text);
}

function named(kind: NameKind, text: string): Name {
  return { kind, text: kind === 'DNS' ? text.toLowerCase() : text };
}

/** The first of a certificate's names that is in a list of the configuration. */
export function firstListed(names: readonly Name[], list: readonly string[]): string | undefined {
  const wanted = list.map(configuredName);
  return names.find(({ kind, text }) => wanted.some((one) => one.kind === kind && one.text === text))?.text;
}
