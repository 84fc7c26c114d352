/**
 * log - structured log lines, one an event
 *
 * pino writes them: JSON on a pipe or file, plain text on a terminal, and with a journald priority
 * (`<6>`) in front when standard output is the journal's. Text from peers is escaped to printable
 * ASCII and cut at 256 characters, so that an event is always exactly one honest line.
 */
import pino from 'pino';
import { printable } from './printable.js';

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
export type LogFields = Readonly<Record<string, unknown>>;

/** What a room needs to tell of events. */
export type Log = Record<LogLevel, (event: string, fields?: LogFields) => void>;

/** How lines are framed. */
export type LogStyle = 'json' | 'journal' | 'terminal';

/** Bytes of lines kept while the disk takes none; later lines are lost. */
const MAX_UNWRITTEN = 1024 * 1024;
const PRIORITY: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

function clean(value: unknown): unknown {
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map(clean);
  return value;
}

function terminalLine(level: LogLevel, event: string, fields: LogFields): string {
  const rest = Object.entries(fields).map(
    ([key, value]) => ` ${key}=${typeof value === 'string' ? value : JSON.stringify(value)}`,
  );
  return `${level === 'info' ? '' : `${level}: `}${event}${rest.join('')}\n`;
}

export interface Logger extends Log {
  setLevel(level: LogLevel): void;
}

/** Builds the daemon's logger on a file descriptor (1: standard output). */
export function createLogger(options: { level: LogLevel; style: LogStyle; fd?: number }): Logger {
  const destination = pino.destination({ fd: options.fd ?? 1, sync: true, maxLength: MAX_UNWRITTEN });
  // A reader that went away (a closed pipe) must not end the daemon.
  destination.on('error', () => undefined);
  let lastLevel: LogLevel = 'info';
  const framed = {
    write: (line: string) =>
      destination.write(options.style === 'journal' ? `<${PRIORITY[lastLevel]}>${line}` : line),
  };
  const logger = pino(
    {
      level: options.level,
      base: null,
      messageKey: 'event',
      timestamp: options.style === 'journal' ? false : pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
    },
    framed,
  );
  const say =
    (level: LogLevel) =>
    (event: string, fields: LogFields = {}) => {
      if (!logger.isLevelEnabled(level)) return;
      lastLevel = level;
      const safe = Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, clean(value)]));
      if (options.style === 'terminal') destination.write(terminalLine(level, event, safe));
      else logger[level](safe, event);
    };
  return {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    setLevel: (level) => {
      logger.level = level;
    },
  };
}

const silence = (): void => undefined;
/** Says nothing. */
export const silentLog: Log = { debug: silence, info: silence, warn: silence, error: silence };
