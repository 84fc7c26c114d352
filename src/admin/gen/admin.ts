import type * as grpc from '@grpc/grpc-js';
import type { EnumTypeDefinition, MessageTypeDefinition } from '@grpc/proto-loader';

import type { AdminClient as _dracd_admin_v1_AdminClient, AdminDefinition as _dracd_admin_v1_AdminDefinition } from './dracd/admin/v1/Admin.js';
import type { AuditRecord as _dracd_admin_v1_AuditRecord, AuditRecord__Output as _dracd_admin_v1_AuditRecord__Output } from './dracd/admin/v1/AuditRecord.js';
import type { AuthorizeRequest as _dracd_admin_v1_AuthorizeRequest, AuthorizeRequest__Output as _dracd_admin_v1_AuthorizeRequest__Output } from './dracd/admin/v1/AuthorizeRequest.js';
import type { AuthorizeResponse as _dracd_admin_v1_AuthorizeResponse, AuthorizeResponse__Output as _dracd_admin_v1_AuthorizeResponse__Output } from './dracd/admin/v1/AuthorizeResponse.js';
import type { Change as _dracd_admin_v1_Change, Change__Output as _dracd_admin_v1_Change__Output } from './dracd/admin/v1/Change.js';
import type { DenyRequest as _dracd_admin_v1_DenyRequest, DenyRequest__Output as _dracd_admin_v1_DenyRequest__Output } from './dracd/admin/v1/DenyRequest.js';
import type { DenyResponse as _dracd_admin_v1_DenyResponse, DenyResponse__Output as _dracd_admin_v1_DenyResponse__Output } from './dracd/admin/v1/DenyResponse.js';
import type { ExplainRequest as _dracd_admin_v1_ExplainRequest, ExplainRequest__Output as _dracd_admin_v1_ExplainRequest__Output } from './dracd/admin/v1/ExplainRequest.js';
import type { ExplainResponse as _dracd_admin_v1_ExplainResponse, ExplainResponse__Output as _dracd_admin_v1_ExplainResponse__Output } from './dracd/admin/v1/ExplainResponse.js';
import type { ForgetRequest as _dracd_admin_v1_ForgetRequest, ForgetRequest__Output as _dracd_admin_v1_ForgetRequest__Output } from './dracd/admin/v1/ForgetRequest.js';
import type { ForgetResponse as _dracd_admin_v1_ForgetResponse, ForgetResponse__Output as _dracd_admin_v1_ForgetResponse__Output } from './dracd/admin/v1/ForgetResponse.js';
import type { HistoryRequest as _dracd_admin_v1_HistoryRequest, HistoryRequest__Output as _dracd_admin_v1_HistoryRequest__Output } from './dracd/admin/v1/HistoryRequest.js';
import type { HistoryResponse as _dracd_admin_v1_HistoryResponse, HistoryResponse__Output as _dracd_admin_v1_HistoryResponse__Output } from './dracd/admin/v1/HistoryResponse.js';
import type { ListRequest as _dracd_admin_v1_ListRequest, ListRequest__Output as _dracd_admin_v1_ListRequest__Output } from './dracd/admin/v1/ListRequest.js';
import type { ListResponse as _dracd_admin_v1_ListResponse, ListResponse__Output as _dracd_admin_v1_ListResponse__Output } from './dracd/admin/v1/ListResponse.js';
import type { PinRequest as _dracd_admin_v1_PinRequest, PinRequest__Output as _dracd_admin_v1_PinRequest__Output } from './dracd/admin/v1/PinRequest.js';
import type { PinResponse as _dracd_admin_v1_PinResponse, PinResponse__Output as _dracd_admin_v1_PinResponse__Output } from './dracd/admin/v1/PinResponse.js';
import type { Position as _dracd_admin_v1_Position, Position__Output as _dracd_admin_v1_Position__Output } from './dracd/admin/v1/Position.js';
import type { ReloadRequest as _dracd_admin_v1_ReloadRequest, ReloadRequest__Output as _dracd_admin_v1_ReloadRequest__Output } from './dracd/admin/v1/ReloadRequest.js';
import type { ReloadResponse as _dracd_admin_v1_ReloadResponse, ReloadResponse__Output as _dracd_admin_v1_ReloadResponse__Output } from './dracd/admin/v1/ReloadResponse.js';
import type { ReportCount as _dracd_admin_v1_ReportCount, ReportCount__Output as _dracd_admin_v1_ReportCount__Output } from './dracd/admin/v1/ReportCount.js';
import type { RevokeRequest as _dracd_admin_v1_RevokeRequest, RevokeRequest__Output as _dracd_admin_v1_RevokeRequest__Output } from './dracd/admin/v1/RevokeRequest.js';
import type { RevokeResponse as _dracd_admin_v1_RevokeResponse, RevokeResponse__Output as _dracd_admin_v1_RevokeResponse__Output } from './dracd/admin/v1/RevokeResponse.js';
import type { RotateRequest as _dracd_admin_v1_RotateRequest, RotateRequest__Output as _dracd_admin_v1_RotateRequest__Output } from './dracd/admin/v1/RotateRequest.js';
import type { RotateResponse as _dracd_admin_v1_RotateResponse, RotateResponse__Output as _dracd_admin_v1_RotateResponse__Output } from './dracd/admin/v1/RotateResponse.js';
import type { Row as _dracd_admin_v1_Row, Row__Output as _dracd_admin_v1_Row__Output } from './dracd/admin/v1/Row.js';
import type { ShutdownRequest as _dracd_admin_v1_ShutdownRequest, ShutdownRequest__Output as _dracd_admin_v1_ShutdownRequest__Output } from './dracd/admin/v1/ShutdownRequest.js';
import type { ShutdownResponse as _dracd_admin_v1_ShutdownResponse, ShutdownResponse__Output as _dracd_admin_v1_ShutdownResponse__Output } from './dracd/admin/v1/ShutdownResponse.js';
import type { Stat as _dracd_admin_v1_Stat, Stat__Output as _dracd_admin_v1_Stat__Output } from './dracd/admin/v1/Stat.js';
import type { StatsRequest as _dracd_admin_v1_StatsRequest, StatsRequest__Output as _dracd_admin_v1_StatsRequest__Output } from './dracd/admin/v1/StatsRequest.js';
import type { StatsResponse as _dracd_admin_v1_StatsResponse, StatsResponse__Output as _dracd_admin_v1_StatsResponse__Output } from './dracd/admin/v1/StatsResponse.js';
import type { UndenyRequest as _dracd_admin_v1_UndenyRequest, UndenyRequest__Output as _dracd_admin_v1_UndenyRequest__Output } from './dracd/admin/v1/UndenyRequest.js';
import type { UndenyResponse as _dracd_admin_v1_UndenyResponse, UndenyResponse__Output as _dracd_admin_v1_UndenyResponse__Output } from './dracd/admin/v1/UndenyResponse.js';
import type { UnpinRequest as _dracd_admin_v1_UnpinRequest, UnpinRequest__Output as _dracd_admin_v1_UnpinRequest__Output } from './dracd/admin/v1/UnpinRequest.js';
import type { UnpinResponse as _dracd_admin_v1_UnpinResponse, UnpinResponse__Output as _dracd_admin_v1_UnpinResponse__Output } from './dracd/admin/v1/UnpinResponse.js';
import type { WatchRequest as _dracd_admin_v1_WatchRequest, WatchRequest__Output as _dracd_admin_v1_WatchRequest__Output } from './dracd/admin/v1/WatchRequest.js';
import type { WatchResponse as _dracd_admin_v1_WatchResponse, WatchResponse__Output as _dracd_admin_v1_WatchResponse__Output } from './dracd/admin/v1/WatchResponse.js';
import type { Any as _google_protobuf_Any, Any__Output as _google_protobuf_Any__Output } from './google/protobuf/Any.js';
import type { Duration as _google_protobuf_Duration, Duration__Output as _google_protobuf_Duration__Output } from './google/protobuf/Duration.js';
import type { Timestamp as _google_protobuf_Timestamp, Timestamp__Output as _google_protobuf_Timestamp__Output } from './google/protobuf/Timestamp.js';
import type { BadRequest as _google_rpc_BadRequest, BadRequest__Output as _google_rpc_BadRequest__Output } from './google/rpc/BadRequest.js';
import type { ErrorInfo as _google_rpc_ErrorInfo, ErrorInfo__Output as _google_rpc_ErrorInfo__Output } from './google/rpc/ErrorInfo.js';
import type { PreconditionFailure as _google_rpc_PreconditionFailure, PreconditionFailure__Output as _google_rpc_PreconditionFailure__Output } from './google/rpc/PreconditionFailure.js';
import type { RetryInfo as _google_rpc_RetryInfo, RetryInfo__Output as _google_rpc_RetryInfo__Output } from './google/rpc/RetryInfo.js';
import type { Status as _google_rpc_Status, Status__Output as _google_rpc_Status__Output } from './google/rpc/Status.js';

type SubtypeConstructor<Constructor extends new (...args: any) => any, Subtype> = {
  new(...args: ConstructorParameters<Constructor>): Subtype;
};

export interface ProtoGrpcType {
  dracd: {
    admin: {
      v1: {
        Admin: SubtypeConstructor<typeof grpc.Client, _dracd_admin_v1_AdminClient> & { service: _dracd_admin_v1_AdminDefinition }
        AuditRecord: MessageTypeDefinition<_dracd_admin_v1_AuditRecord, _dracd_admin_v1_AuditRecord__Output>
        AuthorizeRequest: MessageTypeDefinition<_dracd_admin_v1_AuthorizeRequest, _dracd_admin_v1_AuthorizeRequest__Output>
        AuthorizeResponse: MessageTypeDefinition<_dracd_admin_v1_AuthorizeResponse, _dracd_admin_v1_AuthorizeResponse__Output>
        Change: MessageTypeDefinition<_dracd_admin_v1_Change, _dracd_admin_v1_Change__Output>
        DenyRequest: MessageTypeDefinition<_dracd_admin_v1_DenyRequest, _dracd_admin_v1_DenyRequest__Output>
        DenyResponse: MessageTypeDefinition<_dracd_admin_v1_DenyResponse, _dracd_admin_v1_DenyResponse__Output>
        ExplainRequest: MessageTypeDefinition<_dracd_admin_v1_ExplainRequest, _dracd_admin_v1_ExplainRequest__Output>
        ExplainResponse: MessageTypeDefinition<_dracd_admin_v1_ExplainResponse, _dracd_admin_v1_ExplainResponse__Output>
        ForgetRequest: MessageTypeDefinition<_dracd_admin_v1_ForgetRequest, _dracd_admin_v1_ForgetRequest__Output>
        ForgetResponse: MessageTypeDefinition<_dracd_admin_v1_ForgetResponse, _dracd_admin_v1_ForgetResponse__Output>
        HistoryRequest: MessageTypeDefinition<_dracd_admin_v1_HistoryRequest, _dracd_admin_v1_HistoryRequest__Output>
        HistoryResponse: MessageTypeDefinition<_dracd_admin_v1_HistoryResponse, _dracd_admin_v1_HistoryResponse__Output>
        Kind: EnumTypeDefinition
        ListRequest: MessageTypeDefinition<_dracd_admin_v1_ListRequest, _dracd_admin_v1_ListRequest__Output>
        ListResponse: MessageTypeDefinition<_dracd_admin_v1_ListResponse, _dracd_admin_v1_ListResponse__Output>
        PinRequest: MessageTypeDefinition<_dracd_admin_v1_PinRequest, _dracd_admin_v1_PinRequest__Output>
        PinResponse: MessageTypeDefinition<_dracd_admin_v1_PinResponse, _dracd_admin_v1_PinResponse__Output>
        Position: MessageTypeDefinition<_dracd_admin_v1_Position, _dracd_admin_v1_Position__Output>
        ReloadRequest: MessageTypeDefinition<_dracd_admin_v1_ReloadRequest, _dracd_admin_v1_ReloadRequest__Output>
        ReloadResponse: MessageTypeDefinition<_dracd_admin_v1_ReloadResponse, _dracd_admin_v1_ReloadResponse__Output>
        ReportCount: MessageTypeDefinition<_dracd_admin_v1_ReportCount, _dracd_admin_v1_ReportCount__Output>
        RevokeRequest: MessageTypeDefinition<_dracd_admin_v1_RevokeRequest, _dracd_admin_v1_RevokeRequest__Output>
        RevokeResponse: MessageTypeDefinition<_dracd_admin_v1_RevokeResponse, _dracd_admin_v1_RevokeResponse__Output>
        RotateRequest: MessageTypeDefinition<_dracd_admin_v1_RotateRequest, _dracd_admin_v1_RotateRequest__Output>
        RotateResponse: MessageTypeDefinition<_dracd_admin_v1_RotateResponse, _dracd_admin_v1_RotateResponse__Output>
        Row: MessageTypeDefinition<_dracd_admin_v1_Row, _dracd_admin_v1_Row__Output>
        ShutdownRequest: MessageTypeDefinition<_dracd_admin_v1_ShutdownRequest, _dracd_admin_v1_ShutdownRequest__Output>
        ShutdownResponse: MessageTypeDefinition<_dracd_admin_v1_ShutdownResponse, _dracd_admin_v1_ShutdownResponse__Output>
        Stat: MessageTypeDefinition<_dracd_admin_v1_Stat, _dracd_admin_v1_Stat__Output>
        StatsRequest: MessageTypeDefinition<_dracd_admin_v1_StatsRequest, _dracd_admin_v1_StatsRequest__Output>
        StatsResponse: MessageTypeDefinition<_dracd_admin_v1_StatsResponse, _dracd_admin_v1_StatsResponse__Output>
        UndenyRequest: MessageTypeDefinition<_dracd_admin_v1_UndenyRequest, _dracd_admin_v1_UndenyRequest__Output>
        UndenyResponse: MessageTypeDefinition<_dracd_admin_v1_UndenyResponse, _dracd_admin_v1_UndenyResponse__Output>
        UnpinRequest: MessageTypeDefinition<_dracd_admin_v1_UnpinRequest, _dracd_admin_v1_UnpinRequest__Output>
        UnpinResponse: MessageTypeDefinition<_dracd_admin_v1_UnpinResponse, _dracd_admin_v1_UnpinResponse__Output>
        WatchRequest: MessageTypeDefinition<_dracd_admin_v1_WatchRequest, _dracd_admin_v1_WatchRequest__Output>
        WatchResponse: MessageTypeDefinition<_dracd_admin_v1_WatchResponse, _dracd_admin_v1_WatchResponse__Output>
      }
    }
  }
  google: {
    protobuf: {
      Any: MessageTypeDefinition<_google_protobuf_Any, _google_protobuf_Any__Output>
      Duration: MessageTypeDefinition<_google_protobuf_Duration, _google_protobuf_Duration__Output>
      Timestamp: MessageTypeDefinition<_google_protobuf_Timestamp, _google_protobuf_Timestamp__Output>
    }
    rpc: {
      BadRequest: MessageTypeDefinition<_google_rpc_BadRequest, _google_rpc_BadRequest__Output>
      ErrorInfo: MessageTypeDefinition<_google_rpc_ErrorInfo, _google_rpc_ErrorInfo__Output>
      PreconditionFailure: MessageTypeDefinition<_google_rpc_PreconditionFailure, _google_rpc_PreconditionFailure__Output>
      RetryInfo: MessageTypeDefinition<_google_rpc_RetryInfo, _google_rpc_RetryInfo__Output>
      Status: MessageTypeDefinition<_google_rpc_Status, _google_rpc_Status__Output>
    }
  }
}

