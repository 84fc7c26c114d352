// Original file: proto/dracd/admin/v1/admin.proto

export const Kind = {
  KIND_UNSPECIFIED: 'KIND_UNSPECIFIED',
  KIND_GRANT: 'KIND_GRANT',
  KIND_PIN: 'KIND_PIN',
  KIND_DENY: 'KIND_DENY',
} as const;

export type Kind =
  | 'KIND_UNSPECIFIED'
  | 0
  | 'KIND_GRANT'
  | 1
  | 'KIND_PIN'
  | 2
  | 'KIND_DENY'
  | 3

export type Kind__Output = typeof Kind[keyof typeof Kind]
