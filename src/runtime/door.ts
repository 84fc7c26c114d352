/**
 * door - opens one listening socket, and takes it away again
 *
 * A unix socket is made beside its path, given its group and mode, and renamed: nobody meets it before it is as
 * it should be, and what another daemon has left is replaced without a moment in between. What stands at the
 * path is tried first: a socket that somebody answers is left alone, and so is anything that is no socket.
 * At the end the socket is removed, if it is still the one that was made.
 *
 * Errors: what `fault` makes of a message that names the place and the cure.
 * Limits: whoever may write to the directory may put a socket of his own in the place of ours, and would then
 * answer in our place: a warning tells of it.
 */
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  renameSync,
  statSync,
  unlinkSync,
  type Stats,
} from 'node:fs';
import { type Server, type Socket, connect, createServer } from 'node:net';
import path from 'node:path';
import { GROUP_FILE, groupId } from './groups.js';
import type { Log } from './log.js';
import { BESIDE, type Place, placeText } from './place.js';

export interface DoorOptions {
  readonly place: Place;
  /** Who opens it, in the log. */
  readonly who: string;
  /** The configuration's key that names the place, in messages. */
  readonly key: string;
  /** Makes the error that is thrown. */
  readonly fault: (message: string, cause?: unknown) => Error;
  readonly mode: number;
  readonly group?: string | undefined;
  /** Whether a peer that has closed its side may still be answered; else it has gone. */
  readonly halfOpen: boolean;
  /** Connections beyond these are closed before anything is made of them. */
  readonly maxConnections: number;
  readonly onSocket: (socket: Socket) => void;
  /** A connection beyond the number was closed. */
  readonly onDrop: () => void;
  /** A connection that could not be taken. */
  readonly onError: () => void;
  readonly log: Log;
}

export interface Door {
  /** Where it is, as the configuration writes it; a port 0 is the port that was got. */
  readonly text: string;
  /** The unix socket as it was made; a port has none. */
  readonly made?: Stats;
  close(): void;
}

type UnixPlace = Extract<Place, { transport: 'unix' }>;
type TcpPlace = Extract<Place, { transport: 'tcp' }>;

const DIRECTORY_MODE = 0o755;
const OTHERS_MAY_WRITE = 0o002;

/** An error whose message is ready to be shown. */
class Refusal extends Error {}

/** The text of whatever was thrown. */
export const messageOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'message' in thrown
    ? String(thrown.message)
    : String(thrown);

const codeOf = (thrown: unknown): string =>
  typeof thrown === 'object' && thrown !== null && 'code' in thrown ? String(thrown.code) : '';

function cureOf({ place, key }: DoorOptions, code: string): string {
  if (place.transport === 'unix') {
    const directory = path.dirname(place.path);
    if (code === 'EACCES' || code === 'EPERM')
      return `let the daemon's user (uid ${process.geteuid?.() ?? 0}) write to ${directory}`;
    if (code === 'EROFS')
      return `${directory} is read-only for the daemon; under systemd, name it in ReadWritePaths= (systemctl edit dracd)`;
    if (code === 'EADDRINUSE') return `remove ${place.path}${BESIDE}, which is no socket of ours`;
    return `make ${directory} a directory that the daemon may write to, or choose another path (${key})`;
  }
  if (code === 'EADDRINUSE')
    return `another program has it; stop that program or choose another port (${key})`;
  if (code === 'EADDRNOTAVAIL') return `this host has no such address; correct ${key}`;
  if (code === 'EACCES') return `ports below 1024 need CAP_NET_BIND_SERVICE; choose another port (${key})`;
  return `see ${key}`;
}

function faultOf(options: DoorOptions, thrown: unknown): Error {
  const cure = thrown instanceof Refusal ? '' : `; ${cureOf(options, codeOf(thrown))}`;
  return options.fault(`cannot listen on ${placeText(options.place)}: ${messageOf(thrown)}${cure}`, thrown);
}

/** Opens a door. Rejects with what `fault` makes, and leaves nothing behind. */
export async function openDoor(options: DoorOptions): Promise<Door> {
  const { place } = options;
  const server = createServer({ allowHalfOpen: options.halfOpen, noDelay: true }, options.onSocket);
  server.maxConnections = options.maxConnections;
  server.on('drop', options.onDrop);
  try {
    return place.transport === 'unix'
      ? await openUnix(server, place, options)
      : await openTcp(server, place, options);
  } catch (thrown) {
    server.close();
    throw faultOf(options, thrown);
  }
}

function listening(
  server: Server,
  where: Parameters<Server['listen']>[0],
  options: DoorOptions,
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.removeAllListeners('error').on('error', options.onError);
      resolve();
    });
  });
}

async function openTcp(server: Server, place: TcpPlace, options: DoorOptions): Promise<Door> {
  const { host, port } = place;
  await listening(server, { host, port, exclusive: true, ipv6Only: host.includes(':') }, options);
  const bound = server.address();
  const text = placeText({ ...place, port: typeof bound === 'object' && bound !== null ? bound.port : port });
  return { text, close: () => void server.close() };
}

async function openUnix(server: Server, place: UnixPlace, options: DoorOptions): Promise<Door> {
  const gid = options.group === undefined ? undefined : groupOf(options.group);
  prepareDirectory(place, options);
  if (await isLeftOver(place, options.key))
    options.log.info(`${options.who}: a socket that nobody answered is replaced`, { path: place.path });
  const beside = `${place.path}${BESIDE}`;
  removeSocket(beside);
  await listening(server, { path: beside }, options);
  try {
    if (gid !== undefined) giveTo(beside, gid, options.group);
    chmodSync(beside, options.mode);
    renameSync(beside, place.path);
  } catch (thrown) {
    removeSocket(beside);
    throw thrown;
  }
  const made = lstatSync(place.path);
  return {
    text: placeText(place),
    made,
    close: () => {
      try {
        removeSocket(place.path, made);
      } catch (thrown) {
        options.log.warn(`${options.who}: its socket cannot be removed`, {
          path: place.path,
          error: messageOf(thrown),
        });
      }
      server.close();
    },
  };
}

function groupOf(name: string): number {
  const gid = groupId(name);
  if (gid !== undefined) return gid;
  throw new Refusal(`group ${name} is not in ${GROUP_FILE}; create it (groupadd ${name}) or name another`);
}

function giveTo(file: string, gid: number, group: string | undefined): void {
  try {
    // The supplied unit forbids the call itself, so it is made only when it changes something.
    if (lstatSync(file).gid !== gid) chownSync(file, -1, gid);
  } catch (thrown) {
    throw new Refusal(
      `it cannot be given to group ${group ?? gid}: ${messageOf(thrown)}; ` +
        `make the daemon's user a member of that group, or leave \`group\` out and give its directory to the ` +
        `group with the setgid bit (chgrp ${group ?? gid} DIRECTORY; chmod g+s DIRECTORY)`,
      { cause: thrown },
    );
  }
}

/** Makes the directory when it is missing (0755: the socket's own mode says who may ask), and warns of who may write to it. */
function prepareDirectory(place: UnixPlace, { who, log }: DoorOptions): void {
  const directory = path.dirname(place.path);
  const first = mkdirSync(directory, { recursive: true });
  if (first !== undefined) {
    for (let made = directory; made.startsWith(first); made = path.dirname(made))
      chmodSync(made, DIRECTORY_MODE);
    log.info(`${who}: directory made`, { directory });
  }
  if ((statSync(directory).mode & OTHERS_MAY_WRITE) !== 0)
    log.warn(
      `${who}: others may write to the directory of its socket and could answer in its place; chmod o-w it`,
      {
        directory,
      },
    );
}

/** Whether a socket stands at the path that nobody answers. Anything but that or nothing is refused. */
async function isLeftOver(place: UnixPlace, key: string): Promise<boolean> {
  const stat = lstatSync(place.path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (!stat.isSocket()) {
    throw new Refusal(`${kindOf(stat)} stands there; move it away or choose another path (${key})`);
  }
  const code = await tryToConnect(place.path);
  if (code === 'ECONNREFUSED') return true;
  if (code === 'ENOENT') return false;
  const why =
    code === undefined ? 'another program answers there' : `what is there cannot be tried (${code})`;
  throw new Refusal(`${why}; stop that program, or choose another path (${key})`);
}

function kindOf(stat: Stats): string {
  if (stat.isDirectory()) return 'a directory';
  if (stat.isSymbolicLink()) return 'a symbolic link';
  return stat.isFIFO() ? 'a FIFO' : stat.isFile() ? 'a file' : 'a device';
}

/** The error of connecting to a socket; undefined when somebody answers. */
function tryToConnect(file: string): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect(file);
    socket.once('connect', () => {
      resolve(undefined);
      socket.destroy();
    });
    socket.once('error', (error) => {
      resolve(codeOf(error));
    });
  });
}

/** Removes a socket that is there, when it is the one that was made, if that is given. */
function removeSocket(file: string, made?: Stats): void {
  const stat = lstatSync(file, { throwIfNoEntry: false });
  if (stat?.isSocket() !== true) return;
  if (made === undefined || (stat.ino === made.ino && stat.dev === made.dev)) unlinkSync(file);
}
