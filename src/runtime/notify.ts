/**
 * notify - tells systemd how the daemon is
 *
 * Runs systemd-notify (part of systemd), because Node cannot open a unix datagram socket. The message
 * comes from that helper's process, so the unit says NotifyAccess=all. The helper stays until systemd has
 * taken the message: of a sender that has gone systemd cannot tell the unit, and the message is lost.
 * Without NOTIFY_SOCKET nothing is run. A helper that fails or hangs (2 s) is passed over: systemd then acts on silence, as it should.
 */
import { execFile } from 'node:child_process';

const HELPER_TIMEOUT_MS = 2_000;
const SHORTEST_INTERVAL_MS = 100;

export interface NotifyEnvironment {
  readonly NOTIFY_SOCKET?: string | undefined;
  readonly WATCHDOG_USEC?: string | undefined;
}

/** Sends assignments such as READY=1 or WATCHDOG=1; resolves when they are sent or given up. */
export function notify(environment: NotifyEnvironment, ...assignments: string[]): Promise<void> {
  if (environment.NOTIFY_SOCKET === undefined) return Promise.resolve();
  return new Promise((resolve) => {
    const options = { timeout: HELPER_TIMEOUT_MS, env: { ...process.env, ...environment } };
    try {
      execFile('systemd-notify', [`--pid=${process.pid}`, ...assignments], options, () => {
        resolve();
      });
    } catch {
      // No memory for another process: as good as a helper that failed.
      resolve();
    }
  });
}

/** How often the watchdog must be fed, milliseconds: half of what systemd allows. Undefined: no watchdog. */
export function watchdogIntervalMs(environment: NotifyEnvironment): number | undefined {
  if (!/^\d{1,12}$/.test(environment.WATCHDOG_USEC ?? '')) return undefined;
  const allowedUsec = Number(environment.WATCHDOG_USEC);
  return allowedUsec > 0 ? Math.max(allowedUsec / 2_000, SHORTEST_INTERVAL_MS) : undefined;
}
