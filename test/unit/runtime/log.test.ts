/** log - one line an event, printable whatever a peer has put into it */
import { closeSync, constants, openSync, readFileSync, readSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import {
  createLogger,
  type LogFields,
  type LogLevel,
  LOG_LEVELS,
  type Logger,
  type LogStyle,
  silentLog,
} from '../../../src/runtime/log.js';
import { printable } from '../../../src/runtime/printable.js';
import { mustRun, newDirectory, pause } from '../../support/processes.js';

const STYLES: readonly LogStyle[] = ['json', 'journal', 'terminal'];

/** What a logger wrote to a file. */
function written(options: { style: LogStyle; level?: LogLevel }, say: (log: Logger) => void): string {
  const directory = newDirectory('log');
  const file = path.join(directory, 'log');
  const fd = openSync(file, 'a');
  try {
    say(createLogger({ level: options.level ?? 'debug', style: options.style, fd }));
    return readFileSync(file, 'latin1');
  } finally {
    closeSync(fd);
    rmSync(directory, { recursive: true });
  }
}

/** The only line of a text. */
function lineOf(text: string): string {
  const lines = text.split('\n');
  expect(lines).toHaveLength(2);
  expect(lines[1]).toBe('');
  return lines[0] ?? '';
}

/** What a peer may send so that a log says what it should not. */
const PIECES = [
  '\r\n',
  '\n{"level":"error","event":"forged"}',
  '\n<0>kernel: forged',
  '\u001b[2J\u001b[31m',
  '\u009b31m',
  '%s%n%d',
  '\u202e\u2066gnp.exe\u2069',
  '\u2028\u2029\u0085',
  '\u0000',
  '\u007f\b\t\v\f',
  '"}\\',
  '\\u000a',
  '\ud800',
  '\udfff x',
  '\u{1f4a9}\u{e0001}',
  'a'.repeat(300),
  '\u00e9\u0100\ufeff\ufffe',
  ' level=error event=forged ',
];
/** Each alone, and in pairs, once and twice. */
const PAIRS = PIECES.flatMap((one) => PIECES.map((other) => `${one}x${other}`));
const HOSTILE = [...PIECES, ...PAIRS, ...PAIRS.map((pair) => pair + pair)].slice(0, 500);

describe('printable', () => {
  test.each([
    ['192.0.2.1', '192.0.2.1'],
    ['', ''],
    [' ~', ' ~'],
    ['\r\n', '\\u000d\\u000a'],
    ['\u001b[0m', '\\u001b[0m'],
    ['\u007f\u0080\u009f', '\\u007f\\u0080\\u009f'],
    ['\u2028\u202e\ufeff', '\\u2028\\u202e\\ufeff'],
    ['\u{1f600}', '\\ud83d\\ude00'],
  ])('text %# is made printable', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test('half a character is escaped as it is', () => {
    expect(printable('a\ud800b')).toBe('a\\ud800b');
  });

  test('256 characters are whole, more are cut and marked', () => {
    expect(printable('a'.repeat(256))).toBe('a'.repeat(256));
    expect(printable('a'.repeat(257))).toBe(`${'a'.repeat(256)}...`);
    expect(printable('\n'.repeat(100_000))).toBe(`${'\\u000a'.repeat(256)}...`);
  });

  test('of any text is printable ASCII', () => {
    for (let code = 0; code <= 0xffff; code += 1) {
      if (!/^[\x20-\x7e]+$/.test(printable(String.fromCharCode(code)))) throw new Error(`character ${code}`);
    }
    for (const text of HOSTILE) expect(printable(text)).toMatch(/^[\x20-\x7e]*$/);
  });
});

describe.each(STYLES)('%s', (style) => {
  test(`${HOSTILE.length} hostile texts: each event is exactly one printable line`, () => {
    expect(HOSTILE).toHaveLength(500);
    const text = written({ style }, (log) => {
      for (const hostile of HOSTILE) log.warn('rpc: event', { sender: hostile, list: [hostile, hostile] });
    });
    const lines = text.split('\n');
    expect(lines.pop()).toBe('');
    expect(lines).toHaveLength(HOSTILE.length);
    for (const line of lines) {
      expect(line).toMatch(/^[\x20-\x7e]+$/);
      expect(line).toMatch(
        style === 'terminal' ? /^warn: rpc: event / : style === 'journal' ? /^<4>\{/ : /^\{/,
      );
    }
    // Positive control: written as they are, they would be more lines than events.
    expect(HOSTILE.join('\n').split(/[\r\n]+/).length).toBeGreaterThan(HOSTILE.length);
  });

  test('says the event and its fields', () => {
    const fields: LogFields = { port: 900, addresses: ['127.0.0.1', '::1'], on: true, nothing: undefined };
    const line = lineOf(written({ style }, (log) => log.info('ready', fields)));
    if (style === 'terminal') {
      expect(line).toBe('ready port=900 addresses=["127.0.0.1","::1"] on=true nothing=undefined');
      return;
    }
    const json = JSON.parse(line.replace(/^<\d>/, '')) as Record<string, unknown>;
    expect(json).toMatchObject({ level: 'info', event: 'ready', port: 900, addresses: ['127.0.0.1', '::1'] });
    expect('time' in json).toBe(style === 'json');
    expect(json).not.toHaveProperty('pid');
  });

  test.each(LOG_LEVELS)('%s: what is below it is not said', (level) => {
    const text = written({ style, level }, (log) => {
      for (const one of LOG_LEVELS) log[one](`event-${one}`);
    });
    const said = LOG_LEVELS.filter((one) => text.includes(`event-${one}`));
    expect(said).toEqual(LOG_LEVELS.slice(LOG_LEVELS.indexOf(level)));
  });

  test('the level can be changed while it runs', () => {
    const text = written({ style, level: 'error' }, (log) => {
      log.info('before');
      log.setLevel('info');
      log.info('after');
      log.debug('not even now');
      log.setLevel('error');
      log.warn('not any more');
    });
    expect(text).toContain('after');
    expect(text).not.toMatch(/before|not/);
  });
});

test('a journal’s line begins with its priority', () => {
  const text = written({ style: 'journal' }, (log) => {
    for (const level of LOG_LEVELS) log[level](level);
  });
  expect(text.split('\n').map((line) => /^(<\d>).*"level":"(\w+)"/.exec(line)?.slice(1))).toEqual([
    ['<7>', 'debug'],
    ['<6>', 'info'],
    ['<4>', 'warn'],
    ['<3>', 'error'],
    undefined,
  ]);
});

test('a line has its time, in a file', () => {
  const line = lineOf(written({ style: 'json' }, (log) => log.info('ready')));
  expect((JSON.parse(line) as { time: string }).time).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
});

test('a reader that went away does not end the daemon', async () => {
  const directory = newDirectory('log');
  const pipe = path.join(directory, 'pipe');
  await mustRun(['mkfifo', pipe]);
  const reader = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK);
  const fd = openSync(pipe, 'w');
  const log = createLogger({ level: 'info', style: 'json', fd });
  log.info('one');
  const read = Buffer.alloc(1_000);
  expect(read.toString('latin1', 0, readSync(reader, read))).toContain('"event":"one"');
  closeSync(reader);
  // Positive control: the pipe is broken.
  expect(() => writeSync(fd, 'x')).toThrow('EPIPE');
  for (const event of ['two', 'three']) log.info(event);
  // An error that nobody hears of would come now.
  await pause(20);
  closeSync(fd);
  rmSync(directory, { recursive: true });
});

test('a full disk does not end the daemon', () => {
  const fd = openSync('/dev/full', 'w');
  // Positive control: it is full.
  expect(() => writeSync(fd, 'x')).toThrow('ENOSPC');
  const log = createLogger({ level: 'info', style: 'json', fd });
  for (const event of ['one', 'two', 'three']) {
    expect(() => {
      log.info(event);
    }).not.toThrow();
  }
  closeSync(fd);
});

test('the silent log says nothing and takes everything', () => {
  for (const level of LOG_LEVELS) {
    expect(() => {
      silentLog[level]('event', { a: 1 });
    }).not.toThrow();
  }
});
