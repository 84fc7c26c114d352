/**
 * operator - operators who list or watch, and do as little else as they can: `node operator.mjs SOCKET list|watch [name=value ...]`
 *
 *   list            reads the whole List; pause=N: after N messages reads nothing more until it is told to go on
 *   watch           streams=N: so many watch, each on a connection of its own; deaf=N: as many more that never read
 *
 * Speaks HTTP/2 itself and looks into messages only to count: what it uses of the machine is missing to the daemon. Of
 * the watchers, who are all told the same, one counts changes and the others only bytes.
 *
 * A line on standard input is a command: `tell`, `go-on` (who has not read, reads), `end`. Each answer, and whatever happens
 * first, is a line of JSON on standard output.
 */
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:net';
import { createInterface } from 'node:readline';

const [socket = '', what = '', ...words] = process.argv.slice(2);
const options = Object.fromEntries(words.map((word) => word.split('=')));
/** What gRPC puts before each message: whether it is compressed, and its length. */
const PREFIX_BYTES = 5;
const NO_MESSAGE = Buffer.alloc(PREFIX_BYTES);
/** The tag of field 1, as a message in it: a row, a change. */
const ITEM = 0x0a;
const WINDOW_BYTES = 1024 * 1024;
/** One caller may have half of the watches, so there are several. */
const CALLERS = 3;
let calls = 0;

/** @param {unknown} event */
const tell = (event) => process.stdout.write(`${JSON.stringify(event)}\n`);

/** How many items one message of the stream has. @param {Buffer} message */
function countItems(message) {
  let items = 0;
  for (let at = 0; message[at] === ITEM; items += 1) {
    let [length, shift] = [0, 0];
    do {
      at += 1;
      length |= ((message[at] ?? 0) & 0x7f) << shift;
      shift += 7;
    } while ((message[at] ?? 0) >= 0x80);
    at += 1 + length;
  }
  return items;
}

class Stream {
  bytes = 0;
  messages = 0;
  items = 0;
  /** @type {{code: number, message: string} | undefined} */
  status;
  #held = Buffer.alloc(0);

  /** @param {{counts: boolean, windowBytes?: number}} how */
  constructor({ counts, windowBytes = WINDOW_BYTES }) {
    this.counts = counts;
    this.windowBytes = windowBytes;
  }

  /** Resolves when the daemon has answered. @param {'List' | 'Watch'} call */
  async open(call) {
    const settings = { initialWindowSize: this.windowBytes };
    const session = connectHttp2('http://dracd', { createConnection: () => connect(socket), settings });
    session.on('error', () => undefined);
    this.stream = session.request({
      ':method': 'POST',
      ':path': `/dracd.admin.v1.Admin/${call}`,
      'content-type': 'application/grpc',
      te: 'trailers',
      'x-dracd-author': `operator-${(calls += 1) % CALLERS}`,
    });
    this.stream.on('trailers', this.#hearStatus).on('error', () => undefined);
    this.ended = new Promise((resolve) => this.stream?.once('close', () => resolve(undefined)));
    void this.ended.then(() => session.destroy());
    this.stream.end(NO_MESSAGE);
    const [headers] = await once(this.stream, 'response');
    this.#hearStatus(headers);
  }

  /** @param {Record<string, unknown>} headers */
  #hearStatus = (headers) => {
    const code = headers['grpc-status'];
    if (code !== undefined)
      this.status = {
        code: Number(code),
        message: decodeURIComponent(String(headers['grpc-message'] ?? '')),
      };
  };

  read() {
    this.stream?.on('data', (bytes) => {
      this.bytes += bytes.length;
      if (this.counts) this.#count(bytes);
    });
  }

  /** @param {Buffer} bytes */
  #count(bytes) {
    this.#held = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    for (;;) {
      const end = this.#held.length < PREFIX_BYTES ? Infinity : PREFIX_BYTES + this.#held.readUInt32BE(1);
      if (this.#held.length < end) return;
      this.items += countItems(this.#held.subarray(PREFIX_BYTES, end));
      this.messages += 1;
      this.#held = this.#held.subarray(end);
      this.onMessage?.();
    }
  }

  /** @type {(() => void) | undefined} */
  onMessage;
}

async function list() {
  const one = new Stream({ counts: true });
  const stopAfter = Number(options['pause'] ?? Infinity);
  one.onMessage = () => {
    if (one.messages !== stopAfter) return;
    one.stream?.pause();
    tell({ event: 'stopped', rows: one.items });
  };
  const from = performance.now();
  await one.open('List');
  one.read();
  void one.ended?.then(() =>
    tell({
      event: 'over',
      rows: one.items,
      bytes: one.bytes,
      ms: performance.now() - from,
      status: one.status,
    }),
  );
  return { readers: [one], deaf: [one] };
}

async function watch() {
  /** @param {number} count @param {(i: number) => Stream} make */
  const open = async (count, make) => {
    const streams = Array.from({ length: count }, (_, i) => make(i));
    for (const stream of streams) await stream.open('Watch');
    return streams;
  };
  const readers = await open(Number(options['streams'] ?? 0), (i) => new Stream({ counts: i === 0 }));
  for (const stream of readers) stream.read();
  const deaf = await open(
    Number(options['deaf'] ?? 0),
    () => new Stream({ counts: true, windowBytes: 65_535 }),
  );
  tell({ event: 'watching' });
  return { readers, deaf };
}

const { readers, deaf } = await (what === 'list' ? list() : watch());
/** @type {Record<string, () => unknown>} */
const commands = {
  tell: () => ({
    event: 'told',
    items: readers[0]?.items,
    bytes: readers.map(({ bytes }) => bytes),
    statuses: readers.flatMap(({ status }) => status ?? []),
    cpuMs: process.cpuUsage().user / 1_000 + process.cpuUsage().system / 1_000,
  }),
  'go-on': () => {
    for (const one of deaf) {
      if (one.stream?.isPaused()) one.stream.resume();
      else one.read();
      void one.ended?.then(() => tell({ event: 'heard', items: one.items, status: one.status }));
    }
    return { event: 'goes on' };
  },
  end: () => process.exit(0),
};
for await (const line of createInterface({ input: process.stdin })) tell(commands[line]?.());
process.exit(0);
