// Original file: proto/dracd/admin/v1/admin.proto


export interface ShutdownRequest {
}

export interface ShutdownRequest__Output {
}
