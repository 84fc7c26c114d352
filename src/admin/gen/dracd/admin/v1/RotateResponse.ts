// Original file: proto/dracd/admin/v1/admin.proto


export interface RotateResponse {
}

export interface RotateResponse__Output {
}
