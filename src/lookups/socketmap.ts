/**
 * socketmap - one table for Postfix `socketmap:`, Sendmail `K... socket` and Exim `${readsocket}`
 *
 * A question is `MAP KEY`; the map selects the view, the key is a client's address or host name. There is one
 * view, who may relay now, under two names: `relay`, and `drac`, which Sendmail's FEATURE(`drac') asks for: it sends
 * the name of its own map, and that name is fixed. Answers:
 *   OK OK, or OK EPOCH   the client may relay (EPOCH: when its grant ends, as in the maps)
 *   NOTFOUND             it may not, or the key is no address (host names are asked for before addresses)
 *   TEMP TEXT            it cannot be said at present; the mail server puts off, neither relays nor refuses
 *   PERM TEXT            the question is wrong: no such map
 * Exim compares the text of an answer, so a hit is exactly `OK OK` unless `hit = "expiry"`.
 *
 * Source: socketmap_table(5); doc/op/op.me of Sendmail, "socket map".
 */
import { endSecond } from '../core/grant.js';
import { NetstringReader, encodeNetstring } from '../wire/netstring.js';
import { clientOf } from './client-key.js';
import { Listener, type Service } from './listener.js';
import type { Lookup, LookupOptions } from './lookup.js';

/** The names of the only view there is, who may relay now; a blank ends each. */
const RELAY = ['relay ', 'drac '];

const HIT = encodeNetstring('OK OK');
// The blank belongs to it: some clients want a value, if an empty one.
const MISS = encodeNetstring('NOTFOUND ');
const UNKNOWN = encodeNetstring('TEMP dracd cannot tell at present');
const NO_SUCH_MAP = encodeNetstring('PERM no such map');

export type SocketmapOptions = Omit<LookupOptions, 'miss' | 'lifetimeMs'>;

export class Socketmap implements Service<Uint8Array> {
  readonly kind = 'socketmap';
  readonly #options: Pick<SocketmapOptions, 'hit' | 'permits' | 'counters'>;

  constructor(options: Pick<SocketmapOptions, 'hit' | 'permits' | 'counters'>) {
    this.#options = options;
  }

  reader(): NetstringReader {
    return new NetstringReader();
  }

  answer(question: Uint8Array): Uint8Array {
    const { counters, permits } = this.#options;
    const text = Buffer.from(question.buffer, question.byteOffset, question.length).toString('latin1');
    const map = RELAY.find((name) => text.startsWith(name));
    if (map === undefined) {
      counters.add('lookup.socketmap.no-map');
      return NO_SUCH_MAP;
    }
    const client = clientOf(text.slice(map.length));
    if (client === undefined) {
      counters.add('lookup.socketmap.no-address');
      return MISS;
    }
    const verdict = permits.ask(client);
    switch (verdict.verdict) {
      case 'permitted':
        counters.add('lookup.socketmap.hit');
        return this.#options.hit === 'OK' ? HIT : encodeNetstring(`OK ${endSecond(verdict.expiresAt)}`);
      case 'not':
        counters.add('lookup.socketmap.miss');
        return MISS;
      case 'unknown':
        counters.add('lookup.socketmap.unknown');
        return UNKNOWN;
    }
  }
}

/** A socketmap on its doors. */
export function socketmap(options: SocketmapOptions): Lookup {
  return new Listener(new Socketmap(options), options);
}
