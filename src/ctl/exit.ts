/**
 * exit - with which status dracctl ends, and what it says when something was not done
 *
 * Wrong fields are named as they stand on the command line. The statuses from 64 on are those of sysexits.h.
 */
import { CommanderError } from 'commander';
import type { AdminError } from '../admin/client.js';

export const EXIT = {
  failed: 2,
  usage: 64,
  data: 65,
  noInput: 66,
  unreachable: 69,
  cannotCreate: 73,
  output: 74,
  later: 75,
  forbidden: 77,
} as const;
type Exit = (typeof EXIT)[keyof typeof EXIT];

/** For --help. */
export const EXIT_TEXT = `
Exit status:
   0  done; also when the reader of the output has seen enough, and when watch or top was told to end
   1  the answer is no: explain: may not relay; history: could not; revoke, unpin, undeny, forget: there was none
   2  dracd could not do it; history: it cannot be told
  64  the command line or a field is wrong
  65  import: a line of the file is wrong (without --partial nothing was done)
  66  import: the file cannot be read
  69  dracd is not reached
  73  export: the file cannot be made
  74  the output cannot be written
  75  try again later
  77  not allowed`;

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
  readonly exit: number;
  /** What goes to standard error; may be empty. */
  readonly text: string;
}

function exitOf({ status, reason }: AdminError): Exit {
  // A daemon that has answered was reached.
  if (status === 'UNAVAILABLE' && reason !== '') return EXIT.later;
  return statuses[status] ?? EXIT.failed;
}

const isAdminError = (thrown: unknown): thrown is AdminError =>
  thrown instanceof Error && thrown.name === 'AdminError';

/** What to say of an error, and with which status to end. */
export function failureOf(thrown: unknown): Failure {
  // Commander has said it already.
  if (thrown instanceof CommanderError) return { exit: thrown.exitCode === 0 ? 0 : EXIT.usage, text: '' };
  if (isAdminError(thrown)) {
    const { violations, message, cure } = thrown;
    const lines = violations.map(({ field, description }) => `${FIELDS[field] ?? field}: ${description}`);
    return { exit: exitOf(thrown), text: sayLines(lines.length > 0 ? lines : [message], cure) };
  }
  if (thrown instanceof CtlError) return { exit: thrown.exit, text: sayLines([thrown.message], thrown.cure) };
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return { exit: EXIT.failed, text: sayLines([message], '') };
}

function sayLines(lines: readonly string[], cure: string): string {
  return [...lines.map((line) => `dracctl: ${line}\n`), ...(cure === '' ? [] : [`  cure: ${cure}\n`])].join(
    '',
  );
}
