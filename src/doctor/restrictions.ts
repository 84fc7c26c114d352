/**
 * restrictions - Postfix's lists of restrictions: read, and judged by where dracd is asked in them
 *
 * A list is read from left to right and the first decision counts; smtpd_relay_restrictions is read first, then
 * smtpd_recipient_restrictions, and both must let a recipient pass.
 *
 * Limits: what a restriction class says stands in the list as if it were written there; that check_client_access
 * may lead to a class for some clients only is not followed.
 * Source: postconf(5), SMTPD_ACCESS_README.
 */

export interface Restriction {
  readonly word: string;
  /** What a check_ or the like is told. */
  readonly argument?: string;
}

/** Words that decide about every recipient elsewhere. */
const DECIDING = ['reject', 'defer', 'permit', 'reject_unauth_destination', 'defer_unauth_destination'];
const REFUSING = DECIDING.filter((word) => word !== 'permit');
const WITH_ARGUMENT = /^(?:check_|reject_rbl|reject_rhsbl|permit_dnswl|permit_rhswl|sleep$)/;
/** Classes name classes; Postfix itself stops at some depth. */
const MAX_DEPTH = 5;
const MAX_RESTRICTIONS = 10_000;

/** The words of a list: separated by blanks and commas, but not inside of braces. */
export function wordsOf(text: string): string[] {
  const words: string[] = [];
  let word = '';
  let depth = 0;
  for (const character of text) {
    if (depth === 0 && /[\s,]/.test(character)) {
      if (word !== '') words.push(word);
      word = '';
      continue;
    }
    if (character === '{') depth += 1;
    if (character === '}') depth = Math.max(0, depth - 1);
    word += character;
  }
  return word === '' ? words : [...words, word];
}

/** Reads a list; `classes` are the lists that it may call by name. */
export function parseRestrictions(
  text: string,
  classes: ReadonlyMap<string, string> = new Map(),
  depth = 0,
): Restriction[] {
  const list: Restriction[] = [];
  const words = wordsOf(text);
  for (let at = 0; at < words.length && list.length < MAX_RESTRICTIONS; at += 1) {
    const word = words[at] ?? '';
    const inside = classes.get(word);
    if (inside !== undefined && depth < MAX_DEPTH)
      list.push(...parseRestrictions(inside, classes, depth + 1));
    else if (WITH_ARGUMENT.test(word) && words[at + 1] !== undefined) {
      list.push({ word, argument: words[at + 1] ?? '' });
      at += 1;
    } else list.push({ word });
  }
  return list;
}

export interface Lists {
  readonly relay: readonly Restriction[];
  readonly recipient: readonly Restriction[];
}

export type ListName = 'smtpd_relay_restrictions' | 'smtpd_recipient_restrictions';

export interface Judgement {
  readonly severity: 'warning' | 'error';
  readonly list: ListName;
  readonly what: string;
  readonly cure: string;
}

export type IsOurs = (restriction: Restriction) => boolean;

const text = ({ word, argument }: Restriction): string =>
  argument === undefined ? word : `${word} ${argument}`;

/** The first word of a list that decides before dracd is asked, if it is; undefined when dracd comes first. */
function decidesFirst(list: readonly Restriction[], isOurs: IsOurs): Restriction | undefined {
  const first = list.find((one) => isOurs(one) || DECIDING.includes(one.word));
  return first === undefined || isOurs(first) ? undefined : first;
}

/** What is wrong with where dracd is asked; undefined when it is not asked at all. */
export function judge({ relay, recipient }: Lists, isOurs: IsOurs): Judgement[] | undefined {
  const inRelay = relay.some(isOurs);
  const asked = inRelay ? relay : recipient;
  const at = asked.findIndex(isOurs);
  if (at < 0) return undefined;
  const list = inRelay ? 'smtpd_relay_restrictions' : 'smtpd_recipient_restrictions';
  const ours = text(asked[at] ?? { word: '' });
  return [
    ...lateIn(asked, list, isOurs),
    ...otherList({ relay, recipient }, inRelay, isOurs),
    ...openRelay({ relay, recipient }, list),
    ...dependent(asked.slice(0, at), asked.slice(at + 1), { list, ours }),
  ];
}

function lateIn(asked: readonly Restriction[], list: ListName, isOurs: IsOurs): Judgement[] {
  const decided = decidesFirst(asked, isOurs);
  if (decided === undefined) return [];
  const what = `dracd is never asked: ${decided.word} stands before it and decides`;
  return [
    {
      severity: 'error',
      list,
      what,
      cure: `move ${decided.word} behind ${text(asked.find(isOurs) ?? decided)}`,
    },
  ];
}

/** Both lists must let pass: what the other one says without asking dracd. */
function otherList({ relay, recipient }: Lists, inRelay: boolean, isOurs: IsOurs): Judgement[] {
  const list = inRelay ? 'smtpd_recipient_restrictions' : 'smtpd_relay_restrictions';
  const decided = decidesFirst(inRelay ? recipient : relay, isOurs);
  if (decided === undefined || decided.word === 'permit') return [];
  const what = `this list has to let clients pass as well, and ${decided.word} refuses them without asking dracd`;
  const cure = inRelay
    ? `take ${decided.word} out of ${list}: smtpd_relay_restrictions does that`
    : `ask dracd in ${list} instead, before ${decided.word}`;
  return [{ severity: 'error', list, what, cure }];
}

function openRelay({ relay, recipient }: Lists, list: ListName): Judgement[] {
  if ([...relay, ...recipient].some(({ word }) => REFUSING.includes(word))) return [];
  const what = 'nothing refuses those who may not relay: an open relay';
  return [{ severity: 'error', list, what, cure: 'end the list with reject_unauth_destination, or reject' }];
}

function dependent(
  before: readonly Restriction[],
  after: readonly Restriction[],
  { list, ours }: { list: ListName; ours: string },
): Judgement[] {
  const has = (part: readonly Restriction[], name: string): boolean => part.some(({ word }) => word === name);
  const found: Judgement[] = [];
  // Behind a word that decides it is of no use, and that is told already.
  if (!has(before, 'permit_auth_destination') && !before.some(({ word }) => DECIDING.includes(word)))
    found.push({
      severity: 'warning',
      list,
      what: 'inbound mail depends on dracd: while it cannot be asked, all mail is put off',
      cure: `put permit_auth_destination before ${ours}`,
    });
  if (has(after, 'permit_mynetworks'))
    found.push({
      severity: 'warning',
      list,
      what: 'your own networks depend on dracd: while it cannot be asked, their mail is put off',
      cure: `put permit_mynetworks before ${ours}`,
    });
  return found;
}
