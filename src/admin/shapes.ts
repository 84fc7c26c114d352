/**
 * shapes - the messages of admin.proto as tables of fields, for a client that starts quickly
 *
 * Written by hand; a test compares each message and field with the proto file. A message that is added there and not here
 * fails that test.
 */
import type { Field, Shape } from '../wire/protobuf.js';

const text = (name: string): Field => ({ name, type: 'string' });
const texts = (name: string): Field => ({ name, type: 'string', isRepeated: true });
const int32 = (name: string): Field => ({ name, type: 'int32' });
const int64 = (name: string): Field => ({ name, type: 'int64' });
const one = (name: string, shape: Shape): Field => ({ name, type: { shape } });
const many = (name: string, shape: Shape): Field => ({ name, type: { shape }, isRepeated: true });
const choice = (name: string, prefix: string, words: readonly string[]): Field => ({
  name,
  type: { names: ['UNSPECIFIED', ...words].map((word) => `${prefix}_${word}`) },
});
const oneOf = (oneof: string, fields: readonly Field[]): Field[] =>
  fields.map((field) => ({ ...field, oneof }));

/** Timestamp and Duration look alike. */
const Time: Shape = [int64('seconds'), int32('nanos')];
const kind = choice('kind', 'KIND', ['GRANT', 'PIN', 'DENY']);
const Row: Shape = [
  kind,
  text('subject'),
  text('client'),
  one('expiresAt', Time),
  text('reporter'),
  text('author'),
  text('reason'),
  text('user'),
  one('createdAt', Time),
];
const flag = (name: string): Field => ({ name, type: 'bool' });
const wish: Shape = [
  text('subject'),
  one('lifetime', Time),
  text('user'),
  text('reason'),
  flag('validateOnly'),
];
const removal: Shape = [text('subject'), text('reason')];
const removed: Shape = [flag('removed')];
const row: Shape = [one('row', Row)];
const Position: Shape = [text('epoch'), int64('number')];
const changes = ['GRANTED', 'RENEWED', 'REVOKED', 'EXPIRED', 'PINNED', 'UNPINNED', 'DENIED', 'UNDENIED'];
const Change: Shape = [
  int64('number'),
  choice('kind', 'KIND', changes),
  one('at', Time),
  one('row', Row),
  text('author'),
  text('reason'),
];
const rules = [
  'UNUSABLE',
  'HOST',
  'NEVER',
  'DENY',
  'PIN',
  'SITE',
  'GRANT',
  'ENDED',
  'NONE',
  'FULL',
  'DEGRADED',
];
const Stat: Shape = [
  text('name'),
  ...oneOf('value', [{ name: 'number', type: 'double' }, text('text'), flag('flag')]),
];
const recorded = [
  'GRANT',
  'RENEWAL',
  'REFUSAL',
  'USE',
  'REVOKE',
  'EXPIRY',
  'PIN',
  'UNPIN',
  'DENY',
  'UNDENY',
  'ACT',
  'HEAD',
  'STANDING',
  'START',
  'STOP',
  'GAP',
];
const AuditRecord: Shape = [
  one('at', Time),
  choice('kind', 'KIND', recorded),
  text('what'),
  text('subject'),
  text('client'),
  text('reporter'),
  one('firstAt', Time),
  one('expiresAt', Time),
  int64('count'),
  text('user'),
  text('author'),
  text('reason'),
  text('outcome'),
  choice('privacy', 'PRIVACY', ['TRUNCATED', 'HASHED']),
];
const verdict = choice('verdict', 'VERDICT', ['PERMITTED', 'NOT', 'UNKNOWN']);
const ReportCount: Shape = [text('reporter'), text('outcome'), int64('count')];

/** The calls' messages. */
export const shapes = {
  AuthorizeRequest: wish,
  AuthorizeResponse: row,
  RevokeRequest: [...oneOf('selection', [text('within'), text('reporter'), flag('all')]), text('reason')],
  RevokeResponse: [int64('revoked')],
  ExplainRequest: [text('address')],
  ExplainResponse: [
    text('address'),
    verdict,
    choice('rule', 'RULE', rules),
    text('words'),
    one('row', Row),
    one('endedAt', Time),
  ],
  ListRequest: [
    text('within'),
    text('reporter'),
    text('user'),
    kind,
    one('endsBefore', Time),
    int32('pageSize'),
    text('pageToken'),
    text('covering'),
  ],
  ListResponse: [many('rows', Row), text('nextPageToken'), one('position', Position)],
  WatchRequest: [one('after', Position)],
  WatchResponse: [many('changes', Change), one('position', Position)],
  PinRequest: [...wish, flag('evenIfDenied')],
  PinResponse: row,
  UnpinRequest: removal,
  UnpinResponse: removed,
  DenyRequest: wish,
  DenyResponse: row,
  UndenyRequest: removal,
  UndenyResponse: removed,
  HistoryRequest: [text('address'), one('at', Time)],
  HistoryResponse: [
    text('address'),
    one('at', Time),
    verdict,
    text('words'),
    many('records', AuditRecord),
    int64('uses'),
    text('onlyTo'),
    many('gaps', AuditRecord),
  ],
  ForgetRequest: [text('address'), text('reason')],
  ForgetResponse: [int64('grants'), int64('records')],
  StatsRequest: [],
  StatsResponse: [many('stats', Stat), many('reports', ReportCount)],
  ReloadRequest: [],
  ReloadResponse: [texts('changed'), texts('needsRestart')],
  RotateRequest: [],
  RotateResponse: [],
  ShutdownRequest: [],
  ShutdownResponse: [],
} as const satisfies Record<string, Shape>;

const Any: Shape = [text('type_url'), { name: 'value', type: 'bytes' }];

/** What errors carry, as far as dracctl reads it. */
export const rpcShapes = {
  Status: [int32('code'), text('message'), many('details', Any)],
  ErrorInfo: [text('reason'), text('domain')],
  BadRequest: [many('fieldViolations', [text('field'), text('description')])],
} as const satisfies Record<string, Shape>;
