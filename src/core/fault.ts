/**
 * fault - the one error class of the daemon
 *
 * A Fault carries a code from a closed list and knows whether trying again later can help. Expected
 * outcomes (a stranger's report, an address that may not be granted) are values, not Faults.
 */

/** Every code a Fault can carry, with whether the same request may succeed later. */
export const faultCodes = {
  CONFIG: { temporary: false },
  /** An operator's wish that can never be granted. */
  REFUSED: { temporary: false },
  /** There is no room for more of what is asked for. */
  FULL: { temporary: true },
  LOCKED: { temporary: false },
  IMPORT: { temporary: false },
  STORE: { temporary: true },
  MAP: { temporary: true },
  LIBRARY: { temporary: false },
  LISTEN: { temporary: false },
  RPCBIND: { temporary: true },
  UNREACHABLE: { temporary: true },
  TIMEOUT: { temporary: true },
} as const satisfies Record<string, { temporary: boolean }>;

export type FaultCode = keyof typeof faultCodes;

export class Fault extends Error {
  readonly code: FaultCode;
  readonly temporary: boolean;

  constructor(code: FaultCode, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'Fault';
    this.code = code;
    this.temporary = faultCodes[code].temporary;
  }
}

/** The text of whatever was thrown; Node's own errors may come from another realm, so no instanceof. */
export function reasonOf(thrown: unknown): string {
  return typeof thrown === 'object' && thrown !== null && 'message' in thrown
    ? String(thrown.message)
    : String(thrown);
}

/** Turns whatever was thrown into a Fault; a Fault passes unchanged. */
export function toFault(thrown: unknown, code: FaultCode): Fault {
  return thrown instanceof Fault ? thrown : new Fault(code, reasonOf(thrown), thrown);
}
