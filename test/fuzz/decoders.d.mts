/** decoders - the types of decoders.mjs */
import type * as address from '../../src/core/address.js';
import type * as reporters from '../../src/core/reporters.js';
import type * as oldRecord from '../../src/import/record.js';
import type * as berkeley from '../../src/wire/berkeley.js';
import type * as drac from '../../src/wire/drac.js';
import type * as netstring from '../../src/wire/netstring.js';
import type * as policy from '../../src/wire/policy.js';
import type * as portmap from '../../src/wire/portmap.js';
import type * as protobuf from '../../src/wire/protobuf.js';
import type * as record from '../../src/wire/record.js';
import type * as rpc from '../../src/wire/rpc.js';
import type * as seal from '../../src/wire/seal.js';
import type * as xdr from '../../src/wire/xdr.js';

/** The modules under test. */
export interface Code {
  readonly address: typeof address;
  readonly berkeley: typeof berkeley;
  readonly drac: typeof drac;
  readonly netstring: typeof netstring;
  readonly oldRecord: typeof oldRecord;
  readonly policy: typeof policy;
  readonly portmap: typeof portmap;
  readonly protobuf: typeof protobuf;
  readonly record: typeof record;
  readonly reporters: typeof reporters;
  readonly rpc: typeof rpc;
  readonly seal: typeof seal;
  readonly xdr: typeof xdr;
}

export interface Decoder {
  readonly name: string;
  /** Messages to begin from, and to take pieces from. */
  readonly corpus: readonly Uint8Array[];
  /** Whether the message is accepted; throws when something does not hold. */
  readonly run: (bytes: Uint8Array, random: never) => boolean;
}

export function decoders(code: Code): Decoder[];
