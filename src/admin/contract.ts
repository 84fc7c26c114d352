/**
 * contract - what proto/dracd/admin/v1/admin.proto says, as server and client use it
 *
 * The types in gen/ are generated from the same file with the same options (`npm run proto`); a test
 * compares. The file is read from the package's own proto/ directory once, when this module is loaded.
 */
import path from 'node:path';
import { loadPackageDefinition } from '@grpc/grpc-js';
import { loadSync, type Options } from '@grpc/proto-loader';
import type { ProtoGrpcType } from './gen/admin.js';

/** Must be what the script `proto` in package.json says. */
export const OPTIONS: Options = {
  longs: Number,
  enums: String,
  defaults: true,
  oneofs: true,
  includeDirs: [path.join(import.meta.dirname, '../../proto')],
};

/** The file, as the options find it. */
export const FILE = 'dracd/admin/v1/admin.proto';

const root = loadPackageDefinition(loadSync(FILE, OPTIONS)) as unknown as ProtoGrpcType;
export const api = root.dracd.admin.v1;
export const rpc = root.google.rpc;
