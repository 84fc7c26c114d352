// Original file: proto/dracd/admin/v1/admin.proto


export interface StatsRequest {
}

export interface StatsRequest__Output {
}
