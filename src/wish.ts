/**
 * wish - whether an operator may have what is asked for, and the entry that it becomes
 *
 * Errors: Fault REFUSED, in words that say why and what to do instead.
 */
import type { Wish } from './admin/operations.js';
import { IPV4_BYTES } from './core/address.js';
import { Fault } from './core/fault.js';
import { MAX_LIFETIME_MS, MIN_LIFETIME_MS } from './core/grant.js';
import { isUnfit, type NeverGranted } from './core/never.js';
import { prefixLength } from './core/network.js';
import { type EntryKind, MAX_NAME, MAX_REASON, type OperatorEntry } from './core/operator-entry.js';
import type { Standing } from './core/standing.js';
import { isNetwork, networkOfSubject, type Subject } from './core/subject.js';

/** The longest time that a pin or deny with an end may have; longer ones have none. */
export const MAX_ENTRY_LIFETIME_MS = 10 * 365 * 24 * 3_600_000;
/** A network with a shorter prefix than this is a slip of the pen, and would let a good part of the Internet relay. */
const MIN_PREFIX_IPV4 = 8;
const MIN_PREFIX_IPV6 = 19;

export interface WishRules {
  readonly never: NeverGranted;
  readonly standing: Standing;
  /** In words, which map has no words for the subject; undefined when all have. */
  readonly unsaid: (subject: Subject) => string | undefined;
  readonly now: number;
}

const refuse = (problem: string): Fault => new Fault('REFUSED', problem);

/** The entry that a wish becomes. Throws Fault REFUSED. */
export function entryOfWish(kind: EntryKind, wish: Wish, rules: WishRules): OperatorEntry {
  const { author, lifetimeMs, reason, subject, user } = wish;
  checkTexts(wish);
  checkLifetime(kind, lifetimeMs);
  if (kind !== 'deny') checkSubject(wish, rules);
  const { now } = rules;
  const expiresAt = lifetimeMs === undefined ? undefined : Math.round(now + lifetimeMs);
  return { kind, subject, reason, author, user, createdAt: Math.round(now), expiresAt };
}

function checkTexts({ author, reason, user = '' }: Wish): void {
  if (reason.length > MAX_REASON) throw refuse(`the reason has more than ${MAX_REASON} characters`);
  if (author.length > MAX_NAME) throw refuse(`the author has more than ${MAX_NAME} characters`);
  if (user.length > MAX_NAME) throw refuse(`the user has more than ${MAX_NAME} characters`);
}

function checkLifetime(kind: EntryKind, lifetimeMs: number | undefined): void {
  if (lifetimeMs === undefined) {
    if (kind === 'grant') throw refuse('a grant has a lifetime: pin what shall have no end');
    return;
  }
  const most = kind === 'grant' ? MAX_LIFETIME_MS : MAX_ENTRY_LIFETIME_MS;
  if (!(lifetimeMs >= MIN_LIFETIME_MS && lifetimeMs <= most)) {
    const cure = kind === 'grant' ? 'pin what shall last longer' : 'leave it out for one without an end';
    throw refuse(`a lifetime is from 1 second to ${most / 86_400_000} days: ${cure}`);
  }
}

function checkSubject({ evenIfDenied = false, subject }: Wish, { never, standing, unsaid }: WishRules): void {
  const network = networkOfSubject(subject);
  if (isNetwork(subject)) {
    const least = network.base.length === IPV4_BYTES ? MIN_PREFIX_IPV4 : MIN_PREFIX_IPV6;
    if (prefixLength(network) < least)
      throw refuse(`${subject} is too large: a network that may relay has at least /${least}`);
    if (isUnfit(network))
      throw refuse(
        `${subject} holds addresses that no client can have (loopback, multicast, reserved, 6to4, ...)`,
      );
  } else {
    const reason = never.reason(subject);
    if (reason === 'unusable') throw refuse(`${subject} is an address that no client can have`);
    if (reason === 'never')
      throw refuse(`${subject} may never relay: it is listed in grants.never of the configuration`);
  }
  const against = standing.against(subject);
  if (against === 'never')
    throw refuse(`${subject} may never relay: it is listed in grants.never of the configuration`);
  if (against !== undefined && !evenIfDenied)
    throw refuse(
      `${subject} is denied (${against.subject}, by ${against.author}: "${against.reason}"): remove that deny first`,
    );
  const wordless = unsaid(subject);
  if (wordless !== undefined) throw refuse(wordless);
}
