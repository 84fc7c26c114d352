// Original file: proto/dracd/admin/v1/admin.proto


export interface Stat {
  'name'?: (string);
  'number'?: (number | string);
  'text'?: (string);
  'flag'?: (boolean);
  'value'?: "number"|"text"|"flag";
}

export interface Stat__Output {
  'name': (string);
  'number'?: (number);
  'text'?: (string);
  'flag'?: (boolean);
  'value'?: "number"|"text"|"flag";
}
