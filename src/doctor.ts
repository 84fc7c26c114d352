/**
 * doctor - what `dracctl doctor` does: examines dracd, and what stands around it, on this machine
 *
 * The one place that knows the daemon's configuration and the checks (doctor/), and lends them what speaks to the
 * daemon and to rpcbind. It reads the same file as the daemon. Nothing is changed.
 *
 * Exit status: 0 nothing to do, 1 warnings, 2 errors.
 */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { AdminClient } from './admin/client.js';
import type { Row__Output } from './admin/gen/dracd/admin/v1/Row.js';
import { type Config, parseConfig, readConfig } from './config.js';
import { reasonOf } from './core/fault.js';
import type { Asking, Examined, Live, MapFile } from './doctor/check.js';
import { type CheckName, checks } from './doctor/checks.js';
import { examine } from './doctor/examine.js';
import { type Severity, statusOf } from './doctor/finding.js';
import { Programs } from './doctor/programs.js';
import { configFindings, findingText, type ReportStyle, summaryText, type Told } from './doctor/report.js';
import { formats } from './exports/formats.js';
import type { LiveMapFormat } from './exports/format.js';
import { ReportClient } from './report/client.js';
import type { Clock } from './runtime/clock.js';

export type { CheckName } from './doctor/checks.js';

export interface DoctorOptions extends ReportStyle {
  /** Default: the service's, if it is there. */
  readonly config?: string | undefined;
  /** Default: all. */
  readonly only?: readonly CheckName[] | undefined;
  /** Postfix's configuration directory; default: the host's. */
  readonly postfix?: string | undefined;
  /** For each check, milliseconds. */
  readonly limitMs: number;
  readonly clock: Clock;
  readonly write: (text: string) => void;
}

const DEFAULT_CONFIG = '/etc/dracd/dracd.toml';
const SERVICE_STATE = '/var/lib/dracd';
const SERVICE_RUNTIME = '/run/dracd';
const LOCAL_STATE = './var';
/** As the publisher has it when the configuration says nothing. */
const DEFAULT_INTERVAL_MS = 1_000;
/** Rows that are looked at for a canary. */
const ROWS = 100;
/** Of these so many are asked for. */
const CANARIES = 20;
/** Parts of a check's time that one answer, or one program, may take. */
const ANSWER_PART = 0.4;
const PROGRAM_PART = 0.8;

/** The configuration and the directories that the daemon would take: those of the service, or a person's ./var. */
function load(given: string | undefined): { file: string | undefined; config: Config } {
  const file = given ?? (existsSync(DEFAULT_CONFIG) ? DEFAULT_CONFIG : undefined);
  const isService = file !== undefined || existsSync(path.join(SERVICE_STATE, 'journal'));
  const state = isService ? SERVICE_STATE : path.resolve(LOCAL_STATE);
  const runtime = isService && existsSync(SERVICE_RUNTIME) ? SERVICE_RUNTIME : state;
  const directories = { stateDirectory: state, runtimeDirectory: runtime };
  const config =
    file === undefined ? parseConfig('', 'built-in defaults', directories) : readConfig(file, directories);
  return { file, config };
}

/** Dialects that have a client's canonical text among its keys. */
const CANONICAL = ['postfix', 'exim'];

function mapFile(table: Config['exports'][number], index: number): MapFile {
  const format: LiveMapFormat = formats[table.format];
  const dialects = table.dialects ?? format.dialects?.slice(0, 1) ?? ['postfix'];
  return {
    key: `exports[${index}]`,
    format: table.format,
    path: table.path,
    table: format.table?.(table.path),
    isCanonical: dialects.some((name) => CANONICAL.includes(name)),
    hasEnds: table.value === undefined && table.format !== 'tcprules',
    intervalMs: table.intervalMs ?? DEFAULT_INTERVAL_MS,
  };
}

const timeOf = (time: Row__Output['expiresAt']): number | undefined =>
  time === null ? undefined : time.seconds * 1_000 + time.nanos / 1e6;

/** Some who may relay as one address, those that last longest first. Of a row that is denied nobody may. */
async function liveOf(client: AdminClient): Promise<Live[]> {
  const rows: Row__Output[] = [];
  for (const kind of ['KIND_PIN', 'KIND_GRANT'] as const)
    for await (const message of client.list({ kind, pageSize: ROWS })) rows.push(...message.rows);
  const live = rows
    .filter(({ subject }) => !subject.includes('/'))
    .map(({ subject, expiresAt, createdAt }) => ({
      address: subject,
      endsAt: timeOf(expiresAt),
      madeAt: timeOf(createdAt),
    }))
    .sort((a, b) => (b.endsAt ?? Number.MAX_VALUE) - (a.endsAt ?? Number.MAX_VALUE));
  const verdicts = await Promise.all(
    live.slice(0, CANARIES).map(async ({ address }) => (await client.explain({ address })).verdict),
  );
  return live.filter((_, index) => verdicts[index] === 'VERDICT_PERMITTED');
}

function askingWith(clock: Clock, timeoutMs: number): Asking {
  const withClient = async <T>(socket: string, ask: (client: AdminClient) => Promise<T>): Promise<T> => {
    const client = new AdminClient({ server: `unix:${socket}`, timeoutMs, clock });
    try {
      return await ask(client);
    } finally {
      client.close();
    }
  };
  return {
    admin: (socket) =>
      withClient(socket, async (client) => {
        await client.stats();
      }),
    live: (socket) => withClient(socket, liveOf),
    rpc: (door) => new ReportClient({ ...door, timeoutMs, clock }).ping(),
  };
}

function examinedOf(options: DoctorOptions, { file, config }: ReturnType<typeof load>): Examined {
  const { clock, limitMs, postfix } = options;
  return {
    configFile: file,
    store: config.store.directory,
    maps: config.exports.map(mapFile),
    lookups: config.lookups.map(({ kind, listen }, index) => ({ key: `lookups[${index}]`, kind, listen })),
    adminSockets: config.admin.listen.flatMap((place) => (place.transport === 'unix' ? [place.path] : [])),
    tls: config.admin.listen.some(({ transport }) => transport === 'tcp') ? config.admin.tls : undefined,
    rpc: config.rpc,
    allowFile: config.reporters.allow_file,
    postfix,
    asking: askingWith(clock, limitMs * ANSWER_PART),
    answerMs: limitMs * ANSWER_PART,
    programs: new Programs(clock, limitMs * PROGRAM_PART),
    clock,
  };
}

/** Examines and tells; resolves with the exit status. */
export async function doctor(options: DoctorOptions): Promise<0 | 1 | 2> {
  const severities: Severity[] = [];
  const tell = (told: Told): void => {
    severities.push(told.severity);
    options.write(findingText(told, options));
  };
  let loaded;
  try {
    loaded = load(options.config);
  } catch (thrown) {
    for (const told of configFindings(reasonOf(thrown))) tell(told);
  }
  if (loaded !== undefined) {
    const examined = examinedOf(options, loaded);
    const names = (Object.keys(checks) as CheckName[]).filter((name) => options.only?.includes(name) ?? true);
    for (const check of names)
      for await (const finding of examine(checks[check], examined, options.limitMs))
        tell({ check, ...finding });
  }
  options.write(summaryText(severities, options));
  return statusOf(severities);
}
