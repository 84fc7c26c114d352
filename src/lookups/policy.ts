/**
 * policy - Postfix's policy delegation: one question a recipient, and the action that Postfix then takes
 *
 * Only client_address decides. Actions:
 *   OK               the client may relay
 *   DUNNO            it may not, and Postfix goes on to its next restriction
 *   550 5.7.1 TEXT   it may not and is told why, when so configured (on_miss = "explain")
 *   451 4.7.1 TEXT   the same, for one whose grant has only just ended (grace): its next attempt may succeed
 *   DEFER_IF_REJECT  it cannot be said at present: a later refusal becomes a temporary one, nothing is permitted
 * How long ago a grant ended is told only to a client that held one within the configured past, so that strangers
 * learn nothing.
 *
 * Never put it before permit_auth_destination: an explained refusal ends inbound mail as well.
 *
 * Source: SMTPD_POLICY_README, access(5).
 */
import type { ClientAddress } from '../core/address.js';
import { PolicyReader, type PolicyRequest, encodeAction } from '../wire/policy.js';
import { Malformed } from '../wire/xdr.js';
import { clientOf } from './client-key.js';
import { fill, smtpText } from './explanation.js';
import { Listener, type Service } from './listener.js';
import type { Lookup, LookupOptions } from './lookup.js';

const REQUEST = 'smtpd_access_policy';
const MINUTE_MS = 60_000;

const HIT = encodeAction('OK');
const MISS = encodeAction('DUNNO');
const UNKNOWN = encodeAction('DEFER_IF_REJECT 4.3.0 the relay authorization service cannot tell at present');

export type PolicyOptions = Omit<LookupOptions, 'hit'>;
type Asking = Pick<PolicyOptions, 'miss' | 'lifetimeMs' | 'permits' | 'counters' | 'clock'>;

/** Whole minutes, at least one: nobody is helped by a fraction. */
const minutes = (ms: number): string => String(Math.max(1, Math.ceil(ms / MINUTE_MS)));

export class Policy implements Service<PolicyRequest> {
  readonly kind = 'policy';
  readonly #options: Asking;

  constructor(options: Asking) {
    this.#options = options;
  }

  reader(): PolicyReader {
    return new PolicyReader(['request', 'client_address']);
  }

  answer(question: PolicyRequest): Uint8Array {
    if (question.get('request') !== REQUEST) throw new Malformed('not an access policy request');
    const { counters, permits } = this.#options;
    const client = clientOf(question.get('client_address') ?? '');
    // Without an address there can be no grant: that is as sure as a no can be.
    const verdict = client === undefined ? ({ verdict: 'not' } as const) : permits.ask(client);
    switch (verdict.verdict) {
      case 'permitted':
        counters.add('lookup.policy.hit');
        return HIT;
      case 'not':
        counters.add('lookup.policy.miss');
        // No advice to log in for whom a login does not help.
        return verdict.never === true ? MISS : this.#refuse(client, verdict.endedAt);
      case 'unknown':
        counters.add('lookup.policy.unknown');
        return UNKNOWN;
    }
  }

  #refuse(client: ClientAddress | undefined, endedAt: number | undefined): Uint8Array {
    const { clock, counters, lifetimeMs, miss } = this.#options;
    if (miss.answer === 'dunno') return MISS;
    const agoMs = endedAt === undefined ? Infinity : Math.max(0, clock.wall() - endedAt);
    const ended = agoMs < miss.pastMs ? fill(miss.ended, { ago: minutes(agoMs) }) : '';
    const text = smtpText(
      fill(miss.text, {
        client: client ?? 'your address',
        minutes: minutes(lifetimeMs),
        url: miss.url,
        ended,
      }),
    );
    if (agoMs >= miss.graceMs) return encodeAction(`550 5.7.1 ${text}`);
    counters.add('lookup.policy.grace');
    return encodeAction(`451 4.7.1 ${text}`);
  }
}

/** A policy service on its doors. */
export function policy(options: PolicyOptions): Lookup {
  return new Listener(new Policy(options), options);
}
