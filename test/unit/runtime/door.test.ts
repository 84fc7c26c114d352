/** door - unix sockets and ports of the real system: what is replaced, what is left alone, and what is said about it */
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import { parsePlace } from '../../../src/config-place.js';
import { Fault } from '../../../src/core/fault.js';
import { type Door, openDoor } from '../../../src/runtime/door.js';
import { recordingLog } from '../../support/live-map.js';
import { newDirectory, until } from '../../support/processes.js';

const GREETING = 'ours';
let directory: string;
let file: string;
const doors: Door[] = [];
const servers: Server[] = [];
let dropped = 0;
let { log, said } = recordingLog();

beforeEach(() => {
  directory = newDirectory('door');
  file = path.join(directory, 's');
  ({ log, said } = recordingLog());
});

afterEach(() => {
  for (const door of doors.splice(0)) door.close();
  for (const server of servers.splice(0)) server.close();
  rmSync(directory, { recursive: true });
});

async function open(
  text = `unix:${file}`,
  more: { mode?: number; group?: string } = {},
  serve = (socket: Socket): void => void socket.end(GREETING),
): Promise<Door> {
  const place = parsePlace(text);
  if (place === undefined) throw new RangeError(text);
  const door = await openDoor({
    place,
    who: 'look-up',
    key: '[[lookups]] listen',
    fault: (message, cause) => new Fault('LISTEN', message, cause),
    halfOpen: true,
    mode: more.mode ?? 0o660,
    group: more.group,
    maxConnections: 2,
    onDrop: () => (dropped += 1),
    onSocket: (socket) => {
      serve(socket.on('error', () => undefined).resume());
    },
    onError: () => undefined,
    log,
  });
  doors.push(door);
  return door;
}

async function failure(text?: string, more?: { group?: string }): Promise<string> {
  const error: unknown = await open(text, more).then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  expect(error).toBeInstanceOf(Fault);
  expect((error as Fault).code).toBe('LISTEN');
  return (error as Fault).message;
}

/** What whoever answers at the socket says; the error's code when nobody does. */
function hear(at = file): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    const socket = connect(at);
    socket.setEncoding('utf8').on('data', (more: string) => (text += more));
    socket.on('error', (error) => {
      resolve((error as NodeJS.ErrnoException).code ?? '');
    });
    socket.on('end', () => {
      resolve(text);
    });
  });
}

/** Another program's socket. */
async function occupy(at: string, greeting = 'theirs'): Promise<Server> {
  const server = createServer((socket) => socket.on('error', () => undefined).end(greeting));
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(at, resolve));
  return server;
}

/** A socket that its program has left when it died. */
async function leaveBehind(at: string): Promise<void> {
  const server = await occupy(`${at}.living`);
  renameSync(`${at}.living`, at);
  await new Promise((resolve) => server.close(resolve));
  servers.pop();
  expect(lstatSync(at).isSocket()).toBe(true);
}

const modeOf = (at: string): string => (lstatSync(at).mode & 0o7777).toString(8);

describe('a unix socket', () => {
  test.each([0o660, 0o666, 0o600])('has the mode %o, and is the only thing there', async (mode) => {
    const door = await open(undefined, { mode });
    expect(door.text).toBe(`unix:${file}`);
    expect(modeOf(file)).toBe(mode.toString(8));
    expect(readdirSync(directory)).toEqual(['s']);
    expect(await hear()).toBe(GREETING);
  });

  test('belongs to the group that was named', async () => {
    await open(undefined, { group: 'postfix' });
    expect(lstatSync(file).gid).toBe(Number(execFileSync('id', ['-g', 'postfix'], { encoding: 'utf8' })));
    expect(modeOf(file)).toBe('660');
  });

  test('without a group has that of its directory, when that hands it on', async () => {
    const group = Number(execFileSync('id', ['-g', 'postfix'], { encoding: 'utf8' }));
    execFileSync('chgrp', ['postfix', directory]);
    chmodSync(directory, 0o2755);
    await open();
    expect(lstatSync(file).gid).toBe(group);
    expect(modeOf(file)).toBe('660');
  });

  test('a missing directory is made, and others may walk through it', async () => {
    const umask = process.umask(0o077);
    try {
      file = path.join(directory, 'a', 'b', 's');
      await open();
    } finally {
      process.umask(umask);
    }
    expect(modeOf(path.join(directory, 'a'))).toBe('755');
    expect(modeOf(path.join(directory, 'a', 'b'))).toBe('755');
    expect(said).toEqual([
      { level: 'info', event: 'look-up: directory made', fields: { directory: path.dirname(file) } },
    ]);
    expect(await hear()).toBe(GREETING);
  });

  test('a socket that nobody answers is replaced', async () => {
    await leaveBehind(file);
    expect(await hear()).toBe('ECONNREFUSED');
    await open();
    expect(await hear()).toBe(GREETING);
    expect(said.map(({ event }) => event)).toEqual(['look-up: a socket that nobody answered is replaced']);
  });

  test('what an interrupted start has left beside it is removed', async () => {
    await leaveBehind(`${file}.new`);
    await open();
    expect(await hear()).toBe(GREETING);
    expect(readdirSync(directory)).toEqual(['s']);
  });

  test('a socket that somebody answers is left alone', async () => {
    await occupy(file);
    expect(await failure()).toBe(
      `cannot listen on unix:${file}: another program answers there; stop that program, or choose another path ([[lookups]] listen)`,
    );
    expect(await hear()).toBe('theirs');
    expect(readdirSync(directory)).toEqual(['s']);
  });

  test.each([
    [
      'a file',
      () => {
        writeFileSync(file, 'mine');
      },
    ],
    [
      'a directory',
      () => {
        mkdirSync(file);
      },
    ],
    ['a FIFO', () => execFileSync('mkfifo', [file])],
    [
      'a symbolic link',
      () => {
        symlinkSync(path.join(directory, 'elsewhere'), file);
      },
    ],
    [
      'a symbolic link',
      () => {
        symlinkSync('/dev/null', file);
      },
    ],
  ])('%s in its place is left alone', async (what, make) => {
    make();
    const before = lstatSync(file);
    expect(await failure()).toBe(
      `cannot listen on unix:${file}: ${what} stands there; move it away or choose another path ([[lookups]] listen)`,
    );
    const after = lstatSync(file);
    expect([after.ino, after.mode, after.size]).toEqual([before.ino, before.mode, before.size]);
    expect(readdirSync(directory)).toEqual(['s']);
  });

  test('something else beside it is left alone', async () => {
    writeFileSync(`${file}.new`, 'mine');
    expect(await failure()).toContain(`; remove ${file}.new, which is no socket of ours`);
    expect(readFileSync(`${file}.new`, 'utf8')).toBe('mine');
    expect(existsSync(file)).toBe(false);
  });

  test('a group that is not there, and nothing is left', async () => {
    expect(await failure(undefined, { group: 'no-such-group' })).toBe(
      `cannot listen on unix:${file}: group no-such-group is not in /etc/group; create it (groupadd no-such-group) or name another`,
    );
    expect(readdirSync(directory)).toEqual([]);
  });

  test('a directory that cannot be', async () => {
    writeFileSync(path.join(directory, 'file'), '');
    expect(await failure(`unix:${directory}/file/s`)).toMatch(
      /make \S+\/file a directory that the daemon may write to/,
    );
  });

  describe('as another user than root', () => {
    const NOBODY = 65_534;

    async function failureAsNobody(more?: { group?: string }): Promise<string> {
      process.seteuid?.(NOBODY);
      try {
        return await failure(undefined, more);
      } finally {
        process.seteuid?.(0);
      }
    }

    test('a directory that it may not write to, and nothing is left', async () => {
      expect(await failureAsNobody()).toBe(
        `cannot listen on unix:${file}: listen EACCES: permission denied ${file}.new; let the daemon's user (uid 65534) write to ${directory}`,
      );
      expect(readdirSync(directory)).toEqual([]);
    });

    test('a group that it may not give to, and nothing is left', async () => {
      chownSync(directory, NOBODY, NOBODY);
      expect(await failureAsNobody({ group: 'postfix' })).toMatch(
        /it cannot be given to group postfix: EPERM: .*; make the daemon's user a member of that group, or leave `group` out and/,
      );
      expect(readdirSync(directory)).toEqual([]);
    });
  });

  test('others who may write to its directory are warned of', async () => {
    chmodSync(directory, 0o777);
    await open();
    expect(said).toEqual([
      {
        level: 'warn',
        event:
          'look-up: others may write to the directory of its socket and could answer in its place; chmod o-w it',
        fields: { directory },
      },
    ]);
  });

  test('close removes it, and nobody answers any more', async () => {
    const door = await open();
    door.close();
    expect(readdirSync(directory)).toEqual([]);
    expect(await hear()).toBe('ENOENT');
  });

  test('close leaves the socket of somebody who has taken its place', async () => {
    const door = await open();
    rmSync(file);
    await occupy(file);
    door.close();
    expect(await hear()).toBe('theirs');
    expect(said).toEqual([]);
  });
});

test('connections beyond its number are closed at once, and told of', async () => {
  const door = await open('127.0.0.1:0', {}, () => undefined);
  const port = Number(/\d+$/.exec(door.text)?.[0]);
  dropped = 0;
  const sockets = Array.from({ length: 5 }, () => connect(port, '127.0.0.1').on('error', () => undefined));
  await until(
    'three are closed',
    5_000,
    () => sockets.filter((socket) => socket.readableEnded || socket.destroyed).length === 3,
  );
  expect(dropped).toBe(3);
  for (const socket of sockets) socket.destroy();
});

describe('a port', () => {
  test('that another program has', async () => {
    const door = await open('127.0.0.1:0');
    expect(await failure(door.text)).toBe(
      `cannot listen on ${door.text}: listen EADDRINUSE: address already in use ${door.text}; another program has it; stop that program or choose another port ([[lookups]] listen)`,
    );
  });

  test('on an address that this host does not have', async () => {
    expect(await failure('192.0.2.1:0')).toMatch(
      /EADDRNOTAVAIL.*; this host has no such address; correct \[\[lookups\]\] listen$/,
    );
  });

  test('of IPv6 is of IPv6 alone', async () => {
    const door = await open('[::]:0');
    const port = /\d+$/.exec(door.text)?.[0] ?? '';
    await open(`0.0.0.0:${port}`);
    expect(doors).toHaveLength(2);
  });

  test('is free again after close', async () => {
    const door = await open('127.0.0.1:0');
    door.close();
    expect((await open(door.text)).text).toBe(door.text);
  });
});
