/**
 * admin-door - opens the door for operators, when the configuration names one
 *
 * What it needs (gRPC) is loaded only then.
 */
import type { Operations } from './admin/operations.js';
import type { AdminServer } from './admin/server.js';
import type { Config } from './config.js';
import type { Clock } from './runtime/clock.js';
import type { Log } from './runtime/log.js';

export interface AdminDoorOptions {
  readonly config: Config;
  readonly clock: Clock;
  readonly log: Log;
}

/** Throws Fault LISTEN or CONFIG. */
export async function openAdmin(
  { config: { admin, grants }, clock, log }: AdminDoorOptions,
  operations: Operations,
): Promise<AdminServer | undefined> {
  if (admin.listen.length === 0) return undefined;
  const { AdminServer } = await import('./admin/server.js');
  const server = new AdminServer({ ...admin, operations, lifetimeMs: grants.lifetime, clock, log });
  await server.start();
  return server;
}
