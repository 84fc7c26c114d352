// Original file: proto/dracd/admin/v1/admin.proto

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AuthorizeRequest as _dracd_admin_v1_AuthorizeRequest, AuthorizeRequest__Output as _dracd_admin_v1_AuthorizeRequest__Output } from '../../../dracd/admin/v1/AuthorizeRequest.js';
import type { AuthorizeResponse as _dracd_admin_v1_AuthorizeResponse, AuthorizeResponse__Output as _dracd_admin_v1_AuthorizeResponse__Output } from '../../../dracd/admin/v1/AuthorizeResponse.js';
import type { DenyRequest as _dracd_admin_v1_DenyRequest, DenyRequest__Output as _dracd_admin_v1_DenyRequest__Output } from '../../../dracd/admin/v1/DenyRequest.js';
import type { DenyResponse as _dracd_admin_v1_DenyResponse, DenyResponse__Output as _dracd_admin_v1_DenyResponse__Output } from '../../../dracd/admin/v1/DenyResponse.js';
import type { ExplainRequest as _dracd_admin_v1_ExplainRequest, ExplainRequest__Output as _dracd_admin_v1_ExplainRequest__Output } from '../../../dracd/admin/v1/ExplainRequest.js';
import type { ExplainResponse as _dracd_admin_v1_ExplainResponse, ExplainResponse__Output as _dracd_admin_v1_ExplainResponse__Output } from '../../../dracd/admin/v1/ExplainResponse.js';
import type { ForgetRequest as _dracd_admin_v1_ForgetRequest, ForgetRequest__Output as _dracd_admin_v1_ForgetRequest__Output } from '../../../dracd/admin/v1/ForgetRequest.js';
import type { ForgetResponse as _dracd_admin_v1_ForgetResponse, ForgetResponse__Output as _dracd_admin_v1_ForgetResponse__Output } from '../../../dracd/admin/v1/ForgetResponse.js';
import type { HistoryRequest as _dracd_admin_v1_HistoryRequest, HistoryRequest__Output as _dracd_admin_v1_HistoryRequest__Output } from '../../../dracd/admin/v1/HistoryRequest.js';
import type { HistoryResponse as _dracd_admin_v1_HistoryResponse, HistoryResponse__Output as _dracd_admin_v1_HistoryResponse__Output } from '../../../dracd/admin/v1/HistoryResponse.js';
import type { ListRequest as _dracd_admin_v1_ListRequest, ListRequest__Output as _dracd_admin_v1_ListRequest__Output } from '../../../dracd/admin/v1/ListRequest.js';
import type { ListResponse as _dracd_admin_v1_ListResponse, ListResponse__Output as _dracd_admin_v1_ListResponse__Output } from '../../../dracd/admin/v1/ListResponse.js';
import type { PinRequest as _dracd_admin_v1_PinRequest, PinRequest__Output as _dracd_admin_v1_PinRequest__Output } from '../../../dracd/admin/v1/PinRequest.js';
import type { PinResponse as _dracd_admin_v1_PinResponse, PinResponse__Output as _dracd_admin_v1_PinResponse__Output } from '../../../dracd/admin/v1/PinResponse.js';
import type { ReloadRequest as _dracd_admin_v1_ReloadRequest, ReloadRequest__Output as _dracd_admin_v1_ReloadRequest__Output } from '../../../dracd/admin/v1/ReloadRequest.js';
import type { ReloadResponse as _dracd_admin_v1_ReloadResponse, ReloadResponse__Output as _dracd_admin_v1_ReloadResponse__Output } from '../../../dracd/admin/v1/ReloadResponse.js';
import type { RevokeRequest as _dracd_admin_v1_RevokeRequest, RevokeRequest__Output as _dracd_admin_v1_RevokeRequest__Output } from '../../../dracd/admin/v1/RevokeRequest.js';
import type { RevokeResponse as _dracd_admin_v1_RevokeResponse, RevokeResponse__Output as _dracd_admin_v1_RevokeResponse__Output } from '../../../dracd/admin/v1/RevokeResponse.js';
import type { RotateRequest as _dracd_admin_v1_RotateRequest, RotateRequest__Output as _dracd_admin_v1_RotateRequest__Output } from '../../../dracd/admin/v1/RotateRequest.js';
import type { RotateResponse as _dracd_admin_v1_RotateResponse, RotateResponse__Output as _dracd_admin_v1_RotateResponse__Output } from '../../../dracd/admin/v1/RotateResponse.js';
import type { ShutdownRequest as _dracd_admin_v1_ShutdownRequest, ShutdownRequest__Output as _dracd_admin_v1_ShutdownRequest__Output } from '../../../dracd/admin/v1/ShutdownRequest.js';
import type { ShutdownResponse as _dracd_admin_v1_ShutdownResponse, ShutdownResponse__Output as _dracd_admin_v1_ShutdownResponse__Output } from '../../../dracd/admin/v1/ShutdownResponse.js';
import type { StatsRequest as _dracd_admin_v1_StatsRequest, StatsRequest__Output as _dracd_admin_v1_StatsRequest__Output } from '../../../dracd/admin/v1/StatsRequest.js';
import type { StatsResponse as _dracd_admin_v1_StatsResponse, StatsResponse__Output as _dracd_admin_v1_StatsResponse__Output } from '../../../dracd/admin/v1/StatsResponse.js';
import type { UndenyRequest as _dracd_admin_v1_UndenyRequest, UndenyRequest__Output as _dracd_admin_v1_UndenyRequest__Output } from '../../../dracd/admin/v1/UndenyRequest.js';
import type { UndenyResponse as _dracd_admin_v1_UndenyResponse, UndenyResponse__Output as _dracd_admin_v1_UndenyResponse__Output } from '../../../dracd/admin/v1/UndenyResponse.js';
import type { UnpinRequest as _dracd_admin_v1_UnpinRequest, UnpinRequest__Output as _dracd_admin_v1_UnpinRequest__Output } from '../../../dracd/admin/v1/UnpinRequest.js';
import type { UnpinResponse as _dracd_admin_v1_UnpinResponse, UnpinResponse__Output as _dracd_admin_v1_UnpinResponse__Output } from '../../../dracd/admin/v1/UnpinResponse.js';
import type { WatchRequest as _dracd_admin_v1_WatchRequest, WatchRequest__Output as _dracd_admin_v1_WatchRequest__Output } from '../../../dracd/admin/v1/WatchRequest.js';
import type { WatchResponse as _dracd_admin_v1_WatchResponse, WatchResponse__Output as _dracd_admin_v1_WatchResponse__Output } from '../../../dracd/admin/v1/WatchResponse.js';

export interface AdminClient extends grpc.Client {
  Authorize(argument: _dracd_admin_v1_AuthorizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  Authorize(argument: _dracd_admin_v1_AuthorizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  Authorize(argument: _dracd_admin_v1_AuthorizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  Authorize(argument: _dracd_admin_v1_AuthorizeRequest, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  authorize(argument: _dracd_admin_v1_AuthorizeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  authorize(argument: _dracd_admin_v1_AuthorizeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  authorize(argument: _dracd_admin_v1_AuthorizeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  authorize(argument: _dracd_admin_v1_AuthorizeRequest, callback: grpc.requestCallback<_dracd_admin_v1_AuthorizeResponse__Output>): grpc.ClientUnaryCall;
  
  Deny(argument: _dracd_admin_v1_DenyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  Deny(argument: _dracd_admin_v1_DenyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  Deny(argument: _dracd_admin_v1_DenyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  Deny(argument: _dracd_admin_v1_DenyRequest, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  deny(argument: _dracd_admin_v1_DenyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  deny(argument: _dracd_admin_v1_DenyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  deny(argument: _dracd_admin_v1_DenyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  deny(argument: _dracd_admin_v1_DenyRequest, callback: grpc.requestCallback<_dracd_admin_v1_DenyResponse__Output>): grpc.ClientUnaryCall;
  
  Explain(argument: _dracd_admin_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _dracd_admin_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _dracd_admin_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  Explain(argument: _dracd_admin_v1_ExplainRequest, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _dracd_admin_v1_ExplainRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _dracd_admin_v1_ExplainRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _dracd_admin_v1_ExplainRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  explain(argument: _dracd_admin_v1_ExplainRequest, callback: grpc.requestCallback<_dracd_admin_v1_ExplainResponse__Output>): grpc.ClientUnaryCall;
  
  Forget(argument: _dracd_admin_v1_ForgetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  Forget(argument: _dracd_admin_v1_ForgetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  Forget(argument: _dracd_admin_v1_ForgetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  Forget(argument: _dracd_admin_v1_ForgetRequest, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  forget(argument: _dracd_admin_v1_ForgetRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  forget(argument: _dracd_admin_v1_ForgetRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  forget(argument: _dracd_admin_v1_ForgetRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  forget(argument: _dracd_admin_v1_ForgetRequest, callback: grpc.requestCallback<_dracd_admin_v1_ForgetResponse__Output>): grpc.ClientUnaryCall;
  
  History(argument: _dracd_admin_v1_HistoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  History(argument: _dracd_admin_v1_HistoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  History(argument: _dracd_admin_v1_HistoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  History(argument: _dracd_admin_v1_HistoryRequest, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  history(argument: _dracd_admin_v1_HistoryRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  history(argument: _dracd_admin_v1_HistoryRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  history(argument: _dracd_admin_v1_HistoryRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  history(argument: _dracd_admin_v1_HistoryRequest, callback: grpc.requestCallback<_dracd_admin_v1_HistoryResponse__Output>): grpc.ClientUnaryCall;
  
  List(argument: _dracd_admin_v1_ListRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_ListResponse__Output>;
  List(argument: _dracd_admin_v1_ListRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_ListResponse__Output>;
  list(argument: _dracd_admin_v1_ListRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_ListResponse__Output>;
  list(argument: _dracd_admin_v1_ListRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_ListResponse__Output>;
  
  Pin(argument: _dracd_admin_v1_PinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  Pin(argument: _dracd_admin_v1_PinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  Pin(argument: _dracd_admin_v1_PinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  Pin(argument: _dracd_admin_v1_PinRequest, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  pin(argument: _dracd_admin_v1_PinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  pin(argument: _dracd_admin_v1_PinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  pin(argument: _dracd_admin_v1_PinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  pin(argument: _dracd_admin_v1_PinRequest, callback: grpc.requestCallback<_dracd_admin_v1_PinResponse__Output>): grpc.ClientUnaryCall;
  
  Reload(argument: _dracd_admin_v1_ReloadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _dracd_admin_v1_ReloadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _dracd_admin_v1_ReloadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  Reload(argument: _dracd_admin_v1_ReloadRequest, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _dracd_admin_v1_ReloadRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _dracd_admin_v1_ReloadRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _dracd_admin_v1_ReloadRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  reload(argument: _dracd_admin_v1_ReloadRequest, callback: grpc.requestCallback<_dracd_admin_v1_ReloadResponse__Output>): grpc.ClientUnaryCall;
  
  Revoke(argument: _dracd_admin_v1_RevokeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _dracd_admin_v1_RevokeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _dracd_admin_v1_RevokeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  Revoke(argument: _dracd_admin_v1_RevokeRequest, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _dracd_admin_v1_RevokeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _dracd_admin_v1_RevokeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _dracd_admin_v1_RevokeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  revoke(argument: _dracd_admin_v1_RevokeRequest, callback: grpc.requestCallback<_dracd_admin_v1_RevokeResponse__Output>): grpc.ClientUnaryCall;
  
  Rotate(argument: _dracd_admin_v1_RotateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  Rotate(argument: _dracd_admin_v1_RotateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  Rotate(argument: _dracd_admin_v1_RotateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  Rotate(argument: _dracd_admin_v1_RotateRequest, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  rotate(argument: _dracd_admin_v1_RotateRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  rotate(argument: _dracd_admin_v1_RotateRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  rotate(argument: _dracd_admin_v1_RotateRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  rotate(argument: _dracd_admin_v1_RotateRequest, callback: grpc.requestCallback<_dracd_admin_v1_RotateResponse__Output>): grpc.ClientUnaryCall;
  
  Shutdown(argument: _dracd_admin_v1_ShutdownRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _dracd_admin_v1_ShutdownRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _dracd_admin_v1_ShutdownRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  Shutdown(argument: _dracd_admin_v1_ShutdownRequest, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _dracd_admin_v1_ShutdownRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _dracd_admin_v1_ShutdownRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _dracd_admin_v1_ShutdownRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  shutdown(argument: _dracd_admin_v1_ShutdownRequest, callback: grpc.requestCallback<_dracd_admin_v1_ShutdownResponse__Output>): grpc.ClientUnaryCall;
  
  Stats(argument: _dracd_admin_v1_StatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  Stats(argument: _dracd_admin_v1_StatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  Stats(argument: _dracd_admin_v1_StatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  Stats(argument: _dracd_admin_v1_StatsRequest, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  stats(argument: _dracd_admin_v1_StatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  stats(argument: _dracd_admin_v1_StatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  stats(argument: _dracd_admin_v1_StatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  stats(argument: _dracd_admin_v1_StatsRequest, callback: grpc.requestCallback<_dracd_admin_v1_StatsResponse__Output>): grpc.ClientUnaryCall;
  
  Undeny(argument: _dracd_admin_v1_UndenyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  Undeny(argument: _dracd_admin_v1_UndenyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  Undeny(argument: _dracd_admin_v1_UndenyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  Undeny(argument: _dracd_admin_v1_UndenyRequest, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  undeny(argument: _dracd_admin_v1_UndenyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  undeny(argument: _dracd_admin_v1_UndenyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  undeny(argument: _dracd_admin_v1_UndenyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  undeny(argument: _dracd_admin_v1_UndenyRequest, callback: grpc.requestCallback<_dracd_admin_v1_UndenyResponse__Output>): grpc.ClientUnaryCall;
  
  Unpin(argument: _dracd_admin_v1_UnpinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  Unpin(argument: _dracd_admin_v1_UnpinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  Unpin(argument: _dracd_admin_v1_UnpinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  Unpin(argument: _dracd_admin_v1_UnpinRequest, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  unpin(argument: _dracd_admin_v1_UnpinRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  unpin(argument: _dracd_admin_v1_UnpinRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  unpin(argument: _dracd_admin_v1_UnpinRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  unpin(argument: _dracd_admin_v1_UnpinRequest, callback: grpc.requestCallback<_dracd_admin_v1_UnpinResponse__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _dracd_admin_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_WatchResponse__Output>;
  Watch(argument: _dracd_admin_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_WatchResponse__Output>;
  watch(argument: _dracd_admin_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_WatchResponse__Output>;
  watch(argument: _dracd_admin_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_dracd_admin_v1_WatchResponse__Output>;
  
}

export interface AdminHandlers extends grpc.UntypedServiceImplementation {
  Authorize: grpc.handleUnaryCall<_dracd_admin_v1_AuthorizeRequest__Output, _dracd_admin_v1_AuthorizeResponse>;
  
  Deny: grpc.handleUnaryCall<_dracd_admin_v1_DenyRequest__Output, _dracd_admin_v1_DenyResponse>;
  
  Explain: grpc.handleUnaryCall<_dracd_admin_v1_ExplainRequest__Output, _dracd_admin_v1_ExplainResponse>;
  
  Forget: grpc.handleUnaryCall<_dracd_admin_v1_ForgetRequest__Output, _dracd_admin_v1_ForgetResponse>;
  
  History: grpc.handleUnaryCall<_dracd_admin_v1_HistoryRequest__Output, _dracd_admin_v1_HistoryResponse>;
  
  List: grpc.handleServerStreamingCall<_dracd_admin_v1_ListRequest__Output, _dracd_admin_v1_ListResponse>;
  
  Pin: grpc.handleUnaryCall<_dracd_admin_v1_PinRequest__Output, _dracd_admin_v1_PinResponse>;
  
  Reload: grpc.handleUnaryCall<_dracd_admin_v1_ReloadRequest__Output, _dracd_admin_v1_ReloadResponse>;
  
  Revoke: grpc.handleUnaryCall<_dracd_admin_v1_RevokeRequest__Output, _dracd_admin_v1_RevokeResponse>;
  
  Rotate: grpc.handleUnaryCall<_dracd_admin_v1_RotateRequest__Output, _dracd_admin_v1_RotateResponse>;
  
  Shutdown: grpc.handleUnaryCall<_dracd_admin_v1_ShutdownRequest__Output, _dracd_admin_v1_ShutdownResponse>;
  
  Stats: grpc.handleUnaryCall<_dracd_admin_v1_StatsRequest__Output, _dracd_admin_v1_StatsResponse>;
  
  Undeny: grpc.handleUnaryCall<_dracd_admin_v1_UndenyRequest__Output, _dracd_admin_v1_UndenyResponse>;
  
  Unpin: grpc.handleUnaryCall<_dracd_admin_v1_UnpinRequest__Output, _dracd_admin_v1_UnpinResponse>;
  
  Watch: grpc.handleServerStreamingCall<_dracd_admin_v1_WatchRequest__Output, _dracd_admin_v1_WatchResponse>;
  
}

export interface AdminDefinition extends grpc.ServiceDefinition {
  Authorize: MethodDefinition<_dracd_admin_v1_AuthorizeRequest, _dracd_admin_v1_AuthorizeResponse, _dracd_admin_v1_AuthorizeRequest__Output, _dracd_admin_v1_AuthorizeResponse__Output>
  Deny: MethodDefinition<_dracd_admin_v1_DenyRequest, _dracd_admin_v1_DenyResponse, _dracd_admin_v1_DenyRequest__Output, _dracd_admin_v1_DenyResponse__Output>
  Explain: MethodDefinition<_dracd_admin_v1_ExplainRequest, _dracd_admin_v1_ExplainResponse, _dracd_admin_v1_ExplainRequest__Output, _dracd_admin_v1_ExplainResponse__Output>
  Forget: MethodDefinition<_dracd_admin_v1_ForgetRequest, _dracd_admin_v1_ForgetResponse, _dracd_admin_v1_ForgetRequest__Output, _dracd_admin_v1_ForgetResponse__Output>
  History: MethodDefinition<_dracd_admin_v1_HistoryRequest, _dracd_admin_v1_HistoryResponse, _dracd_admin_v1_HistoryRequest__Output, _dracd_admin_v1_HistoryResponse__Output>
  List: MethodDefinition<_dracd_admin_v1_ListRequest, _dracd_admin_v1_ListResponse, _dracd_admin_v1_ListRequest__Output, _dracd_admin_v1_ListResponse__Output>
  Pin: MethodDefinition<_dracd_admin_v1_PinRequest, _dracd_admin_v1_PinResponse, _dracd_admin_v1_PinRequest__Output, _dracd_admin_v1_PinResponse__Output>
  Reload: MethodDefinition<_dracd_admin_v1_ReloadRequest, _dracd_admin_v1_ReloadResponse, _dracd_admin_v1_ReloadRequest__Output, _dracd_admin_v1_ReloadResponse__Output>
  Revoke: MethodDefinition<_dracd_admin_v1_RevokeRequest, _dracd_admin_v1_RevokeResponse, _dracd_admin_v1_RevokeRequest__Output, _dracd_admin_v1_RevokeResponse__Output>
  Rotate: MethodDefinition<_dracd_admin_v1_RotateRequest, _dracd_admin_v1_RotateResponse, _dracd_admin_v1_RotateRequest__Output, _dracd_admin_v1_RotateResponse__Output>
  Shutdown: MethodDefinition<_dracd_admin_v1_ShutdownRequest, _dracd_admin_v1_ShutdownResponse, _dracd_admin_v1_ShutdownRequest__Output, _dracd_admin_v1_ShutdownResponse__Output>
  Stats: MethodDefinition<_dracd_admin_v1_StatsRequest, _dracd_admin_v1_StatsResponse, _dracd_admin_v1_StatsRequest__Output, _dracd_admin_v1_StatsResponse__Output>
  Undeny: MethodDefinition<_dracd_admin_v1_UndenyRequest, _dracd_admin_v1_UndenyResponse, _dracd_admin_v1_UndenyRequest__Output, _dracd_admin_v1_UndenyResponse__Output>
  Unpin: MethodDefinition<_dracd_admin_v1_UnpinRequest, _dracd_admin_v1_UnpinResponse, _dracd_admin_v1_UnpinRequest__Output, _dracd_admin_v1_UnpinResponse__Output>
  Watch: MethodDefinition<_dracd_admin_v1_WatchRequest, _dracd_admin_v1_WatchResponse, _dracd_admin_v1_WatchRequest__Output, _dracd_admin_v1_WatchResponse__Output>
}
