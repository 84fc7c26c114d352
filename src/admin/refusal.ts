/**
 * refusal - why a call was not done, as gRPC says it: a status, and google.rpc details for programs
 *
 * Every refusal has an ErrorInfo with one of the reasons that admin.proto lists. A Fault of the daemon becomes
 * UNAVAILABLE with a RetryInfo when trying again can help, else FAILED_PRECONDITION. Whatever else is thrown
 * is a bug here: INTERNAL, without a word of what it was (the log has it).
 *
 * Limits: a description is cut at MAX_DESCRIPTION characters and a message at MAX_MESSAGE, so that the trailers
 * stay within the 8 KiB that clients take. Several lines are several mistakes.
 */
import { Metadata, type ServerErrorResponse, status } from '@grpc/grpc-js';
import { Fault } from '../core/fault.js';
import { legible } from '../runtime/printable.js';
import { rpc } from './contract.js';
import { DETAILS, SERVICE, TYPE_PREFIX } from './well-known.js';

export interface Violation {
  /** The request's field, as admin.proto names it. */
  readonly field: string;
  readonly description: string;
}

export type Reason = 'BAD_FIELD' | 'NO_ROLE' | 'HISTORY_GONE' | 'TOO_SLOW' | 'TOO_MANY' | 'STOPPING';

const codes = {
  BAD_FIELD: status.INVALID_ARGUMENT,
  NO_ROLE: status.PERMISSION_DENIED,
  HISTORY_GONE: status.OUT_OF_RANGE,
  TOO_SLOW: status.RESOURCE_EXHAUSTED,
  TOO_MANY: status.RESOURCE_EXHAUSTED,
  STOPPING: status.UNAVAILABLE,
} as const satisfies Record<Reason, status>;

const MAX_DESCRIPTION = 300;
/** A letter may be nine bytes of a trailer. */
const MAX_MESSAGE = 400;
const RETRY_SECONDS = 1;

/** A call that is not done. */
export class Refusal extends Error {
  readonly reason: Reason;
  readonly violations: readonly Violation[];

  constructor(reason: Reason, message: string, violations: readonly Violation[] = []) {
    super(message);
    this.name = 'Refusal';
    this.reason = reason;
    this.violations = violations;
  }
}

/** The refusal of a request with wrong fields. */
export function badFields(violations: readonly Violation[]): Refusal {
  const message = violations.map(({ field, description }) => `${field}: ${description}`).join('; ');
  return new Refusal('BAD_FIELD', message, violations);
}

const cut = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}...` : text;

interface Detail {
  readonly type: keyof typeof rpc;
  readonly value: Buffer;
}

interface Answer {
  readonly code: status;
  readonly message: string;
  readonly details: readonly Detail[];
}

const errorInfo = (reason: string): Detail => ({
  type: 'ErrorInfo',
  value: rpc.ErrorInfo.serialize({ reason, domain: SERVICE }),
});

function answerOfRefusal({ reason, message, violations }: Refusal): Answer {
  const fieldViolations = violations.map(({ field, description }) => ({
    field,
    description: cut(description, MAX_DESCRIPTION),
  }));
  const bad: Detail[] =
    violations.length === 0
      ? []
      : [{ type: 'BadRequest', value: rpc.BadRequest.serialize({ fieldViolations }) }];
  return { code: codes[reason], message, details: [errorInfo(reason), ...bad] };
}

function answerOfFault({ code, message, temporary }: Fault): Answer {
  if (temporary) {
    const value = rpc.RetryInfo.serialize({ retryDelay: { seconds: RETRY_SECONDS, nanos: 0 } });
    return { code: status.UNAVAILABLE, message, details: [errorInfo(code), { type: 'RetryInfo', value }] };
  }
  const violation = { type: code, subject: 'dracd', description: cut(message, MAX_DESCRIPTION) };
  const value = rpc.PreconditionFailure.serialize({ violations: [violation] });
  return {
    code: status.FAILED_PRECONDITION,
    message,
    details: [errorInfo(code), { type: 'PreconditionFailure', value }],
  };
}

function answerOf(thrown: unknown): Answer {
  if (thrown instanceof Refusal) return answerOfRefusal(thrown);
  if (thrown instanceof Fault) return answerOfFault(thrown);
  return { code: status.INTERNAL, message: "an error of dracd's own; its log tells more", details: [] };
}

/** What grpc-js sends for whatever was thrown. */
export function errorResponse(thrown: unknown): ServerErrorResponse & { readonly metadata: Metadata } {
  const { code, message, details } = answerOf(thrown);
  const text = cut(message.split('\n').map(legible).join('\n'), MAX_MESSAGE);
  const metadata = new Metadata();
  if (details.length > 0) {
    const any = details.map(({ type, value }) => ({ type_url: `${TYPE_PREFIX}${type}`, value }));
    metadata.set(DETAILS, rpc.Status.serialize({ code, message: text, details: any }));
  }
  return Object.assign(new Error(text), { code, details: text, metadata });
}
