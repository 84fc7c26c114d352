/**
 * caller - who makes a call, and what he may
 *
 * Through a unix socket: an operator, because the file's mode and group have let him in. The kernel does not tell Node
 * who he is, so what he says himself (the metadata x-dracd-author) is noted as his claim. Through a port: whom
 * the certificate names, with the role in whose list that name is; one in neither list may nothing.
 *
 * The check stands before every call of every service, those of reflection and health too.
 */
import { type Metadata, type ServerInterceptor, ServerInterceptingCall } from '@grpc/grpc-js';
import type { PeerCertificate } from 'node:tls';
import type { Clock } from '../runtime/clock.js';
import { firstListed, type Name, namesOf } from './names.js';
import { badFields, errorResponse, Refusal } from './refusal.js';
import { AUTHOR_KEY, SERVICE } from './well-known.js';

export type Role = 'viewer' | 'operator';

export interface Caller {
  readonly role: Role;
  /** For the audit. */
  readonly author: string;
}

/** Tells who makes a call of a connection. Throws a Refusal for those who may nothing. */
export type Identify = (metadata: Metadata) => Caller;

const AUTHOR = /^[\x21-\x7e]{1,64}$/;

/**
 * Calls that only look. History too, which a help desk is asked about: it names one address that the asker has already, while
 * List and Watch show all of them.
 */
const views: ReadonlySet<string> = new Set(
  ['Explain', 'List', 'Watch', 'History', 'Stats'].map((name) => `/${SERVICE}/${name}`),
);

const mayView = (path: string): boolean => views.has(path) || !path.startsWith(`/${SERVICE}/`);

/** Of those who come through a unix socket. */
export const localCaller: Identify = (metadata) => {
  const [claim] = metadata.get(AUTHOR_KEY);
  if (claim === undefined) return { role: 'operator', author: 'local' };
  if (typeof claim !== 'string' || !AUTHOR.test(claim))
    throw badFields([{ field: AUTHOR_KEY, description: 'must be 1 to 64 printable ASCII characters' }]);
  return { role: 'operator', author: `local (says: ${claim})` };
};

export interface Roles {
  readonly viewers: readonly string[];
  readonly operators: readonly string[];
}

export interface Guest {
  /** It was checked when the connection was made. */
  readonly certificate: Pick<PeerCertificate, 'subjectaltname' | 'valid_to'>;
  /** A reload changes them. */
  readonly roles: () => Roles;
  readonly clock: Pick<Clock, 'wall'>;
}

function inNeitherList(names: readonly Name[]): string {
  const rule = 'an entry with "@" means an email name, with "://" a URI, any other a DNS name';
  const told = names.map(({ kind, text }) => `${kind}:${text}`).join(', ');
  const why =
    names.length === 0
      ? 'the certificate has no subject alternative name (DNS, email or URI) that could be in'
      : `none of the certificate's subject alternative names (${told}) is in`;
  return `${why} admin.tls.viewers or admin.tls.operators (${rule}); its common name does not count`;
}

/**
 * Of those who come with a certificate. That it has not ended since, and what it may, is looked at again in every
 * call.
 */
export function certifiedCaller({ certificate, roles, clock }: Guest): Identify {
  const { subjectaltname = '', valid_to: until } = certificate;
  const names = namesOf(subjectaltname);
  return () => {
    const { viewers, operators } = roles();
    if (!(Date.parse(until) > clock.wall()))
      throw new Refusal('NO_ROLE', `the certificate has ended (${until})`);
    const operator = firstListed(names, operators);
    if (operator !== undefined) return { role: 'operator', author: operator };
    const viewer = firstListed(names, viewers);
    if (viewer !== undefined) return { role: 'viewer', author: viewer };
    throw new Refusal('NO_ROLE', inNeitherList(names));
  };
}

export interface GateOptions {
  readonly identify: Identify;
  /** A call was not let through. */
  readonly onRefused: (path: string, thrown: unknown) => void;
}

/** Lets calls through to those whose role they are for. */
export function gate({ identify, onRefused }: GateOptions): ServerInterceptor {
  return ({ path }, call) =>
    new ServerInterceptingCall(call, {
      start: (next) => {
        next({
          onReceiveMetadata: (metadata, pass) => {
            try {
              const { role, author } = identify(metadata);
              if (role === 'viewer' && !mayView(path))
                throw new Refusal('NO_ROLE', `${author} is a viewer; this call is for operators`);
            } catch (thrown) {
              onRefused(path, thrown);
              const { code = null, details = '', metadata: trailers } = errorResponse(thrown);
              if (code !== null) call.sendStatus({ code, details, metadata: trailers });
              return;
            }
            pass(metadata);
          },
        });
      },
    });
}
