/** peers - who calls and who decides, as the tests of intake/ play them, and the messages they send */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { type ClientAddress, parseAddress } from '../../../src/core/address.js';
import type { Outcome, Report } from '../../../src/core/ledger.js';
import type { Transport } from '../../../src/intake/doors.js';
import type { Authorizer } from '../../../src/intake/intake.js';
import type { Peer } from '../../../src/intake/rpc-program.js';
import { words } from '../../support/rpc-client.js';

export const XID = 0x1122_3344;
export const REPORTER = at('198.51.100.7');

export function at(text: string): ClientAddress {
  const address = parseAddress(text);
  if (address === undefined) throw new RangeError(`no address: ${text}`);
  return address;
}

/** What became of a message: the hexadecimal of its reply, or 'refused'. */
export class FakePeer implements Peer {
  readonly transport: Transport;
  readonly sender: ClientAddress;
  readonly port: number;
  readonly got: string[] = [];

  constructor(transport: Transport = 'udp', from: { sender?: ClientAddress; port?: number } = {}) {
    this.transport = transport;
    this.sender = from.sender ?? REPORTER;
    this.port = from.port ?? 40_000;
  }

  reply(bytes: Uint8Array): void {
    this.got.push(Buffer.from(bytes).toString('hex'));
  }

  refuse(): void {
    this.got.push('refused');
  }
}

/** Keeps every report; settles it at once, or leaves that to the test ('wait'). */
export class FakeAuthorizer implements Authorizer {
  readonly reports: Report[] = [];
  decide: (report: Report) => Outcome | 'wait';

  constructor(outcome: Outcome | 'wait' = 'granted') {
    this.decide = () => outcome;
  }

  authorize(report: Report): void {
    this.reports.push(report);
    const outcome = this.decide(report);
    if (outcome !== 'wait') report.settle(outcome);
  }

  get clients(): ClientAddress[] {
    return this.reports.map(({ client }) => client);
  }
}

export interface CallParts {
  readonly xid?: number;
  readonly rpcVersion?: number;
  readonly type?: number;
  readonly program?: number;
  readonly version?: number;
  readonly procedure?: number;
  readonly credential?: Uint8Array;
  readonly verifier?: Uint8Array;
  readonly argument?: Uint8Array;
}

/** Flavor, length and body, padded. */
export function auth(flavor: number, body: Uint8Array = new Uint8Array()): Buffer {
  return Buffer.concat([words(flavor, body.length), body, Buffer.alloc(-body.length & 3)]);
}

/** The body of an AUTH_SYS credential. */
export function authSys(name: string, groups: readonly number[] = [1000, 1001]): Buffer {
  const text = Buffer.from(name, 'latin1');
  return Buffer.concat([
    words(7, text.length),
    text,
    Buffer.alloc(-text.length & 3),
    words(1000, 100, groups.length, ...groups),
  ]);
}

/** A message byte by byte; what is not said is an ADD of version 1 for 192.0.2.9 with AUTH_NONE. */
export function message(parts: CallParts = {}): Buffer {
  return Buffer.concat([
    words(parts.xid ?? XID, parts.type ?? 0, parts.rpcVersion ?? 2, parts.program ?? 900_101),
    words(parts.version ?? 1, parts.procedure ?? 1),
    parts.credential ?? auth(0),
    parts.verifier ?? auth(0),
    parts.argument ?? Buffer.from([192, 0, 2, 9]),
  ]);
}

export interface ServerVector {
  readonly name: string;
  readonly call: string;
  readonly udp: string;
  readonly tcp: string;
  readonly dracd?: string;
  readonly why?: string;
}

/** Calls and the replies of a libtirpc server, with ours where it is another (test/vectors). */
export const serverVectors = (
  JSON.parse(readFileSync(path.join(import.meta.dirname, '../../vectors/onc-rpc.json'), 'utf8')) as {
    readonly server: readonly ServerVector[];
  }
).server;
