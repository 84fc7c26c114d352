/**
 * registered - what rpcbind has registered of ours: its whole list, asked for over TCP on loopback
 *
 * Not by GETADDR: that tells of the transport on which it is asked, whatever the question names.
 *
 * Errors: rejects when nobody answers at its port, and with Malformed for what is no list.
 * Limits: a list of more than MAX_LIST_BYTES is refused.
 * Source: RFC 1833 section 2.1 (rpcblist) and 2.2.1 (RPCBPROC_DUMP); record marking RFC 5531 section 11.
 */
import { connect } from 'node:net';
import type { Clock } from '../runtime/clock.js';
import { PROGRAM } from '../wire/drac.js';
import { decodeList, fromUniversal, PORTMAP_PORT, PORTMAP_PROGRAM, Rpcb4 } from '../wire/portmap.js';
import { encodeRecord, RecordReader } from '../wire/record.js';
import { decodeReply, encodeCall } from '../wire/rpc.js';
import type { NetId } from './check.js';

/** A version of our program on a transport. */
export interface Registered {
  readonly version: number;
  readonly netid: NetId;
}

const RPCBIND_VERSION = 4;
const HOST = '127.0.0.1';
const XID = 1;
const MAX_LIST_BYTES = 1024 * 1024;
const MAX_FRAGMENTS = 1024;

const keyOf = ({ version, netid }: { version: number; netid: string }): string => `${version} ${netid}`;

/** The port of each entry of our program. */
function portsIn(list: Uint8Array): Map<string, number | undefined> {
  const ports = new Map<string, number | undefined>();
  for (const { program, version, netid, address } of decodeList(list))
    if (program === PROGRAM) ports.set(keyOf({ version, netid }), fromUniversal(address)?.port);
  return ports;
}

/** The whole list, as it comes. */
function dump(clock: Clock, limitMs: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const reader = new RecordReader({ maxRecordBytes: MAX_LIST_BYTES, maxFragments: MAX_FRAGMENTS });
    const socket = connect(PORTMAP_PORT, HOST);
    const end = (settle: () => void): void => {
      timer.stop();
      socket.destroy();
      settle();
    };
    const fail = (what: string): void => {
      end(() => {
        reject(new Error(`${HOST} port ${PORTMAP_PORT}: ${what}`));
      });
    };
    const timer = clock.after(limitMs, () => {
      fail('no answer in time');
    });
    socket.on('connect', () => {
      const call = { xid: XID, program: PORTMAP_PROGRAM, version: RPCBIND_VERSION, procedure: Rpcb4.DUMP };
      socket.write(encodeRecord(encodeCall({ ...call, argument: new Uint8Array() })));
    });
    socket.on('data', (chunk) => {
      try {
        for (const record of reader.push(chunk)) {
          const reply = decodeReply(record);
          if (reply.kind === 'success')
            end(() => {
              resolve(reply.result);
            });
          else fail('it refuses the call');
        }
      } catch {
        fail('it speaks something else');
      }
    });
    socket.on('error', ({ message }) => {
      fail(message);
    });
    socket.on('close', () => {
      fail('it closes the connection');
    });
  });
}

/** The port that is registered for each entry; undefined where there is none. */
export async function registered(
  entries: readonly Registered[],
  { clock, limitMs }: { readonly clock: Clock; readonly limitMs: number },
): Promise<(number | undefined)[]> {
  const ports = portsIn(await dump(clock, limitMs));
  return entries.map((entry) => ports.get(keyOf(entry)));
}
