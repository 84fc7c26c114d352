// Original file: proto/dracd/admin/v1/admin.proto

import type { Change as _dracd_admin_v1_Change, Change__Output as _dracd_admin_v1_Change__Output } from '../../../dracd/admin/v1/Change.js';
import type { Position as _dracd_admin_v1_Position, Position__Output as _dracd_admin_v1_Position__Output } from '../../../dracd/admin/v1/Position.js';

export interface WatchResponse {
  'changes'?: (_dracd_admin_v1_Change)[];
  'position'?: (_dracd_admin_v1_Position | null);
}

export interface WatchResponse__Output {
  'changes': (_dracd_admin_v1_Change__Output)[];
  'position': (_dracd_admin_v1_Position__Output | null);
}
