// Original file: proto/dracd/admin/v1/admin.proto

import type { Stat as _dracd_admin_v1_Stat, Stat__Output as _dracd_admin_v1_Stat__Output } from '../../../dracd/admin/v1/Stat.js';

export interface StatsResponse {
  'stats'?: (_dracd_admin_v1_Stat)[];
}

export interface StatsResponse__Output {
  'stats': (_dracd_admin_v1_Stat__Output)[];
}
