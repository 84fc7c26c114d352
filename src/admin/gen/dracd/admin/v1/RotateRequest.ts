// Original file: proto/dracd/admin/v1/admin.proto


export interface RotateRequest {
}

export interface RotateRequest__Output {
}
