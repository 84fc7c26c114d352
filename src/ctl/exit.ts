/**
 * exit - with which status dracctl ends, and what it says when something was not done
 *
 * Wrong fields are named as they stand on the command line. The statuses from 64 on are those of sysexits.h.
 */
import { CommanderError } from 'commander';
import type { AdminError } from '../admin/client.js';
import type { IdentityError } from '../admin/identity.js';
import { legible } from '../runtime/printable.js';

export const EXIT = {
  done: 0,
  failed: 2,
  usage: 64,
  data: 65,
  noInput: 66,
  unreachable: 69,
  cannotCreate: 73,
  output: 74,
  later: 75,
  forbidden: 77,
  config: 78,
} as const;
export type Exit = (typeof EXIT)[keyof typeof EXIT];

/** For --help. */
export const EXIT_TEXT = `
Exit status:
   0  done; also when the reader of the output has seen enough, and when watch or top was told to end
   1  the answer is no: explain: may not relay; history: could not; revoke, unpin, undeny, forget: there was none
   2  dracd could not do it, or refuses it, or its answer cannot be understood; history: it cannot be told
  64  the command line or a field is wrong
  65  import: a line of the file is wrong (without --partial nothing was done)
  66  a file cannot be read: that of import, or --cert, --key, --ca
  69  dracd is not reached, or it is not dracd that answers; watch, top: it is gone
  73  export: the file cannot be made
  74  the output cannot be written
  75  try again later
  77  not allowed: the socket is for others, or dracd does not take the certificate or what it may
  78  --cert, --key or --ca is none, or they do not go together`;

/** Something that dracctl itself cannot do. */
export class CtlError extends Error {
  readonly exit: Exit;
  readonly cure: string;

  constructor(exit: Exit, message: string, cure = '') {
    super(message);
    this.name = 'CtlError';
    this.exit = exit;
    this.cure = cure;
  }
}

/** What fields are called on the command line. */
const FIELDS: Readonly<Record<string, string | undefined>> = {
  subject: 'ADDRESS',
  address: 'ADDRESS',
  within: 'NETWORK',
  covering: 'NETWORK',
  reporter: '--reporter',
  user: '--user',
  reason: '--reason',
  lifetime: '--for',
  at: '--at',
  ends_before: '--ends-within',
  page_size: '--limit',
};

const statuses: Readonly<Record<string, Exit | undefined>> = {
  INVALID_ARGUMENT: EXIT.usage,
  UNAVAILABLE: EXIT.unreachable,
  DEADLINE_EXCEEDED: EXIT.later,
  RESOURCE_EXHAUSTED: EXIT.later,
  PERMISSION_DENIED: EXIT.forbidden,
};

export interface Failure {
  readonly exit: Exit;
  /** What is wrong; commander has said it already when there is none. */
  readonly lines: readonly string[];
  /** May be empty. */
  readonly cure: string;
}

function exitOf({ isForbidden, status, reason }: AdminError): Exit {
  if (isForbidden) return EXIT.forbidden;
  // A daemon that has answered was reached.
  if (status === 'UNAVAILABLE' && reason !== '') return EXIT.later;
  return statuses[status] ?? EXIT.failed;
}

const isAdminError = (thrown: unknown): thrown is AdminError =>
  thrown instanceof Error && thrown.name === 'AdminError';

const isIdentityError = (thrown: unknown): thrown is IdentityError =>
  thrown instanceof Error && thrown.name === 'IdentityError';

/** What to say of an error, and with which status to end. */
export function failureOf(thrown: unknown): Failure {
  if (thrown instanceof CommanderError)
    return { exit: thrown.exitCode === 0 ? EXIT.done : EXIT.usage, lines: [], cure: '' };
  if (isAdminError(thrown)) {
    const { violations, message, cure } = thrown;
    const lines = violations.map(({ field, description }) => `${FIELDS[field] ?? field}: ${description}`);
    return { exit: exitOf(thrown), lines: lines.length > 0 ? lines : [message], cure };
  }
  if (isIdentityError(thrown)) {
    const { cure, isUnread, message } = thrown;
    return { exit: isUnread ? EXIT.noInput : EXIT.config, lines: [message], cure };
  }
  if (thrown instanceof CtlError) return { exit: thrown.exit, lines: [thrown.message], cure: thrown.cure };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { exit: EXIT.failed, lines: [message], cure: '' };
}

/** What goes to standard error. */
export function failureText({ lines, cure }: Failure): string {
  const said = lines.flatMap((text) => text.split('\n')).map((line) => `dracctl: ${legible(line)}\n`);
  return [...said, ...(cure === '' ? [] : [`  cure: ${legible(cure)}\n`])].join('');
}
