/**
 * questions - the readers of what mail servers ask: netstrings and policy requests
 *
 * However a stream is cut it gives the same questions, those that a plain reading of the whole gives.
 */
import { accepts, cuts, must } from './holds.mjs';

const MAX_NETSTRING = 1024;
const MAX_REQUEST = 16_384;
const MAX_ATTRIBUTES = 100;
const WANTED = ['request', 'client_address'];

/** @param {string} text */
const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'latin1'));
const keys = ['192.0.2.7', '2001:db8::6', 'IPv6:2001:db8:0:0:0:0:0:6', 'unknown', '', 'x'.repeat(1_018)];
const netstrings = [
  ...keys.map((key) => `${key.length + 6}:relay ${key},`),
  `1025:${'y'.repeat(1_025)},`,
  '010:',
];
const requests = keys.map(
  (key) =>
    `request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=${key}\nclient_name=unknown\nsize=0\n\n`,
);

/** @param {string} text @returns {{ whole: string[], broken: boolean }} */
function netstringsByTheLetter(text) {
  const whole = [];
  for (let rest = text; rest !== '';) {
    const digits = /^\d*/.exec(rest)?.[0] ?? '';
    const length = Number(digits);
    if (/^0\d/.test(digits) || length > MAX_NETSTRING) return { whole, broken: true };
    if (digits === rest) break;
    if (digits === '' || rest[digits.length] !== ':') return { whole, broken: true };
    const end = digits.length + 1 + length;
    if (end >= rest.length) break;
    if (rest[end] !== ',') return { whole, broken: true };
    whole.push(rest.slice(digits.length + 1, end));
    rest = rest.slice(end + 1);
  }
  return { whole, broken: false };
}

/** Whether what has come of a request, its empty line included or not, is still one. @param {string[]} begun @param {number} bytes */
function isSound(begun, bytes) {
  const names = begun.map((line) => line.slice(0, line.indexOf('=')));
  return (
    bytes <= MAX_REQUEST &&
    names.length <= MAX_ATTRIBUTES &&
    !names.includes('') &&
    WANTED.every((name) => names.filter((one) => one === name).length < 2)
  );
}

/** @param {string} text @returns {{ whole: string[], broken: boolean }} */
function requestsByTheLetter(text) {
  const whole = [];
  const lines = text.split('\n');
  const last = lines.pop() ?? '';
  /** @type {string[]} */
  let begun = [];
  let bytes = 0;
  for (const line of lines) {
    bytes += line.length + 1;
    if (line !== '' && !line.includes('=')) return { whole, broken: true };
    if (line !== '') begun.push(line);
    if (!isSound(begun, bytes) || begun.length === 0) return { whole, broken: true };
    if (line !== '') continue;
    const kept = begun.map((one) => [one.slice(0, one.indexOf('=')), one.slice(one.indexOf('=') + 1)]);
    whole.push(JSON.stringify(kept.filter(([name]) => WANTED.includes(name ?? ''))));
    begun = [];
    bytes = 0;
  }
  const more = last.includes('=') ? [...begun, last] : begun;
  return { whole, broken: !isSound(more, bytes + last.length) };
}

/** @param {any} code @param {{ name: string, corpus: string[], open: () => any, show: (question: any) => string, byTheLetter: typeof netstringsByTheLetter }} kind */
function questionReader(code, { name, corpus, open, show, byTheLetter }) {
  return {
    name,
    corpus: corpus.map(bytesOf),
    original: (/** @type {import('./mutate.mjs').Random} */ random) =>
      bytesOf(Array.from({ length: 1 + random.below(4) }, () => random.pick(corpus)).join('')),
    run: (/** @type {Uint8Array} */ bytes, /** @type {import('./mutate.mjs').Random} */ random) => {
      const expected = byTheLetter(Buffer.from(bytes).toString('latin1'));
      const reader = open();
      const found = [];
      // Each chunk's memory is overwritten after use, as a socket's buffer may be.
      const arrived = bytes.slice();
      let at = 0;
      for (const end of cuts(bytes.length, random)) {
        const chunk = arrived.subarray(at, end);
        found.push(...(accepts(code, () => reader.push(chunk)) ?? []).map(show));
        chunk.fill(0x3d);
        at = end;
      }
      must(found.length === expected.whole.length, `${found.length} questions, not ${expected.whole.length}`);
      must(
        found.every((one, nth) => one === expected.whole[nth]),
        'another question',
      );
      must(
        (reader.broken !== undefined) === expected.broken,
        expected.broken ? 'a violation missed' : 'no violation',
      );
      const still = accepts(code, () => reader.push(new Uint8Array(0))) !== undefined;
      must(still !== expected.broken, 'a broken stream that goes on, or a sound one that does not');
      return !expected.broken;
    },
  };
}

/** @param {any} code */
export function questionReaders(code) {
  return [
    questionReader(code, {
      name: 'NetstringReader',
      corpus: netstrings,
      open: () => new code.netstring.NetstringReader(),
      show: (one) => Buffer.from(one).toString('latin1'),
      byTheLetter: netstringsByTheLetter,
    }),
    questionReader(code, {
      name: 'PolicyReader',
      corpus: requests,
      open: () => new code.policy.PolicyReader(WANTED),
      show: (one) => JSON.stringify([...one]),
      byTheLetter: requestsByTheLetter,
    }),
  ];
}
