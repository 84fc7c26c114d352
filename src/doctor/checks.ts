/**
 * checks - every check, by the name that `--only` calls it, in the order in which they are run
 */
import type { Check } from './check.js';
import { certificates } from './certificates.js';
import { clock } from './clock.js';
import { configuration } from './configuration.js';
import { daemon } from './daemon.js';
import { descriptors } from './descriptors.js';
import { expiry } from './expiry.js';
import { maps } from './maps.js';
import { permissions } from './permissions.js';
import { postfix } from './postfix.js';
import { rpcbind } from './rpcbind.js';
import { sockets } from './sockets.js';
import { space } from './space.js';

export const checks = {
  config: configuration,
  daemon,
  rpcbind,
  maps,
  sockets,
  postfix,
  certificates,
  clock,
  space,
  descriptors,
  expiry,
  permissions,
} as const satisfies Record<string, Check>;

/** What `--only` may say. */
export type CheckName = keyof typeof checks;
