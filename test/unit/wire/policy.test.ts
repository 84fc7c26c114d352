/** policy - the same requests whatever the chunks are, and the end of the stream at every violation */
import fc from 'fast-check';
import { MAX_ATTRIBUTES, MAX_REQUEST_BYTES, PolicyReader, encodeAction } from '../../../src/wire/policy.js';
import { Malformed } from '../../../src/wire/xdr.js';
import { refusal } from './bytes.js';

const WANTED = ['request', 'client_address'];
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');

/** What Postfix 3.7.11 sends for a recipient, as it was seen on the wire (ports and instance replaced). */
const POSTFIX = `request=smtpd_access_policy
protocol_state=RCPT
protocol_name=ESMTP
client_address=192.0.2.7
client_name=unknown
client_port=41234
reverse_client_name=unknown
server_address=127.0.0.1
server_port=25
helo_name=client.example
sender=sender@foreign.example
recipient=somebody@foreign.example
recipient_count=0
queue_id=
instance=1b2d.6925d6a1.3e5a1.0
size=0
etrn_domain=
stress=
sasl_method=
sasl_username=
sasl_sender=
ccert_subject=
ccert_issuer=
ccert_fingerprint=
ccert_pubkey_fingerprint=
encryption_protocol=
encryption_cipher=
encryption_keysize=0
policy_context=

`;
const FROM_POSTFIX = '{"request":"smtpd_access_policy","client_address":"192.0.2.7"}';

/** What a reader makes of a stream cut at the given places; chunks are overwritten once they have been used. */
function read(stream: Uint8Array, cuts: readonly number[], wanted: readonly string[] = WANTED): string[] {
  const reader = new PolicyReader(wanted);
  const seen: string[] = [];
  let from = 0;
  try {
    for (const cut of [...cuts, stream.length]) {
      const chunk = Uint8Array.from(stream.subarray(from, cut));
      seen.push(...reader.push(chunk).map((request) => JSON.stringify(Object.fromEntries(request))));
      chunk.fill(0x3d);
      from = cut;
      if (reader.broken !== undefined) throw reader.broken;
    }
  } catch (error) {
    if (!(error instanceof Malformed)) throw error;
    return [...seen, error.message];
  }
  return reader.partial ? [...seen, 'partial'] : seen;
}

const everyByte = (stream: Uint8Array): number[] =>
  Array.from({ length: Math.max(0, stream.length - 1) }, (_, at) => at + 1);

/** The same, line by line, on the whole stream at once; for streams within the limits. */
function byTheLetter(stream: Uint8Array): string[] {
  const lines = bytes(Buffer.from(stream).toString('latin1')).toString('latin1').split('\n');
  const rest = lines.pop() ?? '';
  const seen: string[] = [];
  let found: Record<string, string> = {};
  let attributes = 0;
  const begin = (line: string): string | undefined => {
    if (!line.includes('=')) return undefined;
    attributes += 1;
    const name = line.slice(0, line.indexOf('='));
    if (name === '') return 'policy attribute without a name';
    return Object.hasOwn(found, name) ? 'policy attribute twice' : undefined;
  };
  for (const line of lines) {
    const problem = begin(line);
    if (problem !== undefined) return [...seen, problem];
    if (line === '' && attributes === 0) return [...seen, 'policy request without attributes'];
    if (line === '') {
      seen.push(JSON.stringify(found));
      found = {};
      attributes = 0;
      continue;
    }
    if (!line.includes('=')) return [...seen, 'policy line without ='];
    const name = line.slice(0, line.indexOf('='));
    if (WANTED.includes(name)) found[name] = line.slice(name.length + 1);
  }
  const before = attributes;
  const problem = begin(rest);
  if (problem !== undefined) return [...seen, problem];
  return rest !== '' || before > 0 ? [...seen, 'partial'] : seen;
}

test('the limits', () => {
  expect({ MAX_REQUEST_BYTES, MAX_ATTRIBUTES }).toEqual({ MAX_REQUEST_BYTES: 16_384, MAX_ATTRIBUTES: 100 });
});

describe("Postfix's request", () => {
  const stream = bytes(POSTFIX);

  test('whole, cut in two at every place, and byte by byte', () => {
    expect(read(stream, [])).toEqual([FROM_POSTFIX]);
    const wrong: number[] = [];
    for (let cut = 1; cut < stream.length; cut += 1)
      if (read(stream, [cut]).join() !== FROM_POSTFIX) wrong.push(cut);
    expect(wrong).toEqual([]);
    expect(read(stream, everyByte(stream))).toEqual([FROM_POSTFIX]);
  });

  test('cut in three within what is kept', () => {
    const wrong: number[][] = [];
    const end = POSTFIX.indexOf('client_name');
    for (let first = 1; first < end; first += 1)
      for (let second = first + 1; second < end; second += 1)
        if (read(stream, [first, second]).join() !== FROM_POSTFIX) wrong.push([first, second]);
    expect(wrong).toEqual([]);
  });

  test('several on one connection are apart', () => {
    const other = POSTFIX.replace('192.0.2.7', '2001:db8::6').replace('policy_context=\n', '');
    const three = bytes(`${POSTFIX}${other}request=x\n\n`);
    const expected = [FROM_POSTFIX, FROM_POSTFIX.replace('192.0.2.7', '2001:db8::6'), '{"request":"x"}'];
    expect(read(three, [])).toEqual(expected);
    expect(read(three, everyByte(three))).toEqual(expected);
  });

  test('attributes that nobody asked for leave nothing, whatever they are called', () => {
    const odd = bytes(
      `__proto__=1\nconstructor=2\nREQUEST=3\nrequest_=4\nreques=5\n${'n'.repeat(9_000)}=6\nrequest=x\n\n`,
    );
    expect(read(odd, [])).toEqual(['{"request":"x"}']);
    expect(read(odd, everyByte(odd))).toEqual(['{"request":"x"}']);
    expect(read(bytes('__proto__=1\n\n'), [], ['__proto__'])).toEqual(['{"__proto__":"1"}']);
    expect(read(bytes('a=1\n\n'), [], [])).toEqual(['{}']);
  });

  test('a value is every byte up to the newline', () => {
    const value = '= ==\0\r\t\x7f\x80\xff ';
    const odd = bytes(`request=${value}\n\n`);
    expect(read(odd, [])).toEqual([JSON.stringify({ request: value })]);
    expect(read(odd, everyByte(odd))).toEqual([JSON.stringify({ request: value })]);
  });
});

test('partial from the first byte to the empty line', () => {
  const reader = new PolicyReader(WANTED);
  const stream = bytes('request=x\nsize=0\n\n');
  expect(reader.partial).toBe(false);
  for (const [at, byte] of stream.entries()) {
    reader.push(Uint8Array.of(byte));
    expect(reader.partial).toBe(at < stream.length - 1);
  }
});

describe('limits', () => {
  /** A request of exactly so many bytes. */
  const ofSize = (size: number, name = 'sender'): Buffer =>
    bytes(`request=x\n${name}=${'v'.repeat(size - 'request=x\n'.length - name.length - 3)}\n\n`);

  test.each(['sender', 'client_address'])('bytes, in %s', (name) => {
    const most = ofSize(MAX_REQUEST_BYTES, name);
    const over = ofSize(MAX_REQUEST_BYTES + 1, name);
    expect(most).toHaveLength(MAX_REQUEST_BYTES);
    for (const cuts of [[], [100], everyByte(most)]) {
      expect(read(most, cuts)).toHaveLength(1);
      expect(read(most, cuts)[0]).toContain('"request":"x"');
      expect(read(over, cuts)).toEqual(['policy request over its limit']);
    }
    expect(read(Buffer.concat([most, most]), [])).toHaveLength(2);
  });

  test.each([
    ['a name', 'a'.repeat(100_000)],
    ['a value', `request=${'a'.repeat(100_000)}`],
    ['lines', 'a=\n'.repeat(99) + 'b'.repeat(100_000)],
  ])('%s without an end is over it', (_what, text) => {
    expect(read(bytes(text), [])).toEqual(['policy request over its limit']);
    expect(read(bytes(text), [1, 9, 20_000])).toEqual(['policy request over its limit']);
  });

  test('attributes', () => {
    const attributes = (count: number): Buffer => bytes(`${'a=\n'.repeat(count)}\n`);
    for (const cuts of [[], everyByte(attributes(MAX_ATTRIBUTES))]) {
      expect(read(attributes(MAX_ATTRIBUTES), cuts)).toEqual(['{}']);
      expect(read(attributes(MAX_ATTRIBUTES + 1), cuts)).toEqual(['too many policy attributes']);
    }
    expect(read(Buffer.concat([attributes(100), attributes(100)]), [])).toEqual(['{}', '{}']);
  });
});

describe('violations', () => {
  test.each([
    ['\n', 'policy request without attributes'],
    ['request\n', 'policy line without ='],
    ['request=x\nnothing\n\n', 'policy line without ='],
    ['request=x\r\n\r\n', 'policy line without ='],
    ['=x\n\n', 'policy attribute without a name'],
    ['request=x\nrequest=x\n\n', 'policy attribute twice'],
    ['client_address=192.0.2.1\nclient_address=192.0.2.2\n\n', 'policy attribute twice'],
    ['GET / HTTP/1.1\r\n\r\n', 'policy line without ='],
  ])('%j: %s, in one chunk and byte by byte', (text, message) => {
    expect(read(bytes(text), [])).toEqual([message]);
    expect(read(bytes(text), everyByte(bytes(text)))).toEqual([message]);
  });

  test('others may come twice', () => {
    expect(read(bytes('size=0\nsize=1\nrequest=x\n\n'), [])).toEqual(['{"request":"x"}']);
  });

  test('what was whole before it is given, then it is final', () => {
    const reader = new PolicyReader(WANTED);
    expect(reader.push(bytes('request=x\n\n\n'))).toHaveLength(1);
    expect(reader.broken?.message).toBe('policy request without attributes');
    expect(refusal(() => reader.push(bytes('request=x\n\n')))).toBe('policy request without attributes');
    expect(refusal(() => reader.push(new Uint8Array(0)))).toBe('policy request without attributes');
  });
});

describe('any stream', () => {
  const line = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.constantFrom('size=0\n', 'client_address=192.0.2.7\n', 'request=x\n', 'c=\n'),
    },
    { weight: 4, arbitrary: fc.constant('\n') },
    { weight: 1, arbitrary: fc.constantFrom('request', '=', '=\n', 'request=', 'x\n', '\r\n') },
    {
      weight: 1,
      arbitrary: fc.string({ unit: fc.nat(255).map((code) => String.fromCharCode(code)), maxLength: 5 }),
    },
  );
  const stream = fc.array(line, { maxLength: 20 }).map((lines) => bytes(lines.join('')));

  test('is read by the letter, however it is cut', () => {
    let whole = 0;
    fc.assert(
      fc.property(stream, fc.array(fc.nat(300), { maxLength: 8 }), (all, places) => {
        const expected = byTheLetter(all);
        if (expected.length > 1) whole += 1;
        const cuts = places.filter((place) => place < all.length).sort((a, b) => a - b);
        expect(read(all, [])).toEqual(expected);
        expect(read(all, cuts)).toEqual(expected);
        expect(read(all, everyByte(all))).toEqual(expected);
      }),
      { numRuns: 2_000 },
    );
    expect(whole).toBeGreaterThan(100);
  });
});

describe('encodeAction', () => {
  test.each(['OK', 'DUNNO', '550 5.7.1 No mailbox login from 192.0.2.7 was seen: see https://x/?a=b'])(
    '%s',
    (action) => {
      expect(Buffer.from(encodeAction(action)).toString('latin1')).toBe(`action=${action}\n\n`);
    },
  );

  test.each(['', ' OK', 'OK\n', 'OK\n\naction=OK', 'für', 'a\0b', 'a\x7f'])('refuses %j', (action) => {
    expect(refusal(() => encodeAction(action))).toBe('policy action is not printable ASCII');
  });
});
