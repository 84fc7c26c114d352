// Original file: proto/dracd/admin/v1/admin.proto

import type { Stat as _dracd_admin_v1_Stat, Stat__Output as _dracd_admin_v1_Stat__Output } from '../../../dracd/admin/v1/Stat.js';
import type { ReportCount as _dracd_admin_v1_ReportCount, ReportCount__Output as _dracd_admin_v1_ReportCount__Output } from '../../../dracd/admin/v1/ReportCount.js';

export interface StatsResponse {
  'stats'?: (_dracd_admin_v1_Stat)[];
  'reports'?: (_dracd_admin_v1_ReportCount)[];
}

export interface StatsResponse__Output {
  'stats': (_dracd_admin_v1_Stat__Output)[];
  'reports': (_dracd_admin_v1_ReportCount__Output)[];
}
