/** doors - an admin server over MemoryOperations, and clients of it, for the tests of this directory */
import path from 'node:path';
import { AdminClient, type ClientOptions } from '../../../src/admin/client.js';
import { type AdminOptions, AdminServer } from '../../../src/admin/server.js';
import { parsePlace } from '../../../src/config-place.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { recordingLog, type Said } from '../../support/live-map.js';
import { MemoryOperations } from '../../support/operations.js';
import { newDirectory } from '../../support/processes.js';

export const LIFETIME_MS = 1_800_000;

export interface Opened {
  readonly directory: string;
  readonly operations: MemoryOperations;
  readonly server: AdminServer;
  readonly said: readonly Said[];
  /** Where the first door is. */
  readonly place: string;
  /** A client of the first door; closed with the rest. */
  readonly client: (options?: Partial<ClientOptions>) => AdminClient;
}

const opened: { stop(): Promise<void> }[] = [];

export async function open(options: Partial<AdminOptions> & { at?: string } = {}): Promise<Opened> {
  const directory = newDirectory('admin');
  const operations = new MemoryOperations();
  const { log, said } = recordingLog();
  const { at = `unix:${path.join(directory, 's')}`, ...rest } = options;
  const place = parsePlace(at);
  if (place === undefined) throw new RangeError(at);
  const server = new AdminServer({
    listen: [place],
    mode: 0o660,
    operations,
    lifetimeMs: LIFETIME_MS,
    clock: systemClock,
    log,
    ...rest,
  });
  const clients: AdminClient[] = [];
  opened.push({
    stop: async () => {
      for (const client of clients) client.close();
      await server.stop();
    },
  });
  await server.start();
  const text = server.doors[0] ?? '';
  const client = (more: Partial<ClientOptions> = {}): AdminClient => {
    const made = new AdminClient({ server: text, timeoutMs: 20_000, clock: systemClock, ...more });
    clients.push(made);
    return made;
  };
  return { directory, operations, server, said, place: text, client };
}

export async function closeAll(): Promise<void> {
  await Promise.all(opened.splice(0).map((one) => one.stop()));
}

/** The reason and status of a call that is refused; fails when it is not. */
export async function refusal(call: Promise<unknown>): Promise<{
  status: string;
  reason: string;
  message: string;
  fields: string[];
  cure: string;
}> {
  const error = await call.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Error)) throw new Error('the call was not refused');
  const { status, reason, message, violations, cure } = error as Error & {
    status: string;
    reason: string;
    violations: { field: string }[];
    cure: string;
  };
  return { status, reason, message, fields: violations.map(({ field }) => field), cure };
}
