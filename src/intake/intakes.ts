/**
 * intakes - the table of the ways in: one line for each
 *
 * The configuration section of the same name holds the options of an intake; intakes are started in
 * this order and stopped in reverse.
 */
import type { Intake } from './intake.js';
import { RpcIntake, type RpcIntakeOptions } from './rpc.js';

export const intakes = {
  rpc: (options: RpcIntakeOptions) => new RpcIntake(options),
} as const satisfies Record<string, (options: never) => Intake>;

export type IntakeName = keyof typeof intakes;
