/**
 * corpus - the messages that fuzzing begins from: the golden bytes of test/vectors, and texts
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

const vectors = JSON.parse(readFileSync(path.join(import.meta.dirname, '../vectors/onc-rpc.json'), 'utf8'));
const HEADER_BYTES = 40;
const REPLY_HEADER_BYTES = 24;

/** @param {string} hex */
const unhex = (hex) => new Uint8Array(Buffer.from(hex, 'hex'));
/** Without its record mark. @param {{transport?: string}} exchange @param {string} hex */
const messageOf = (exchange, hex) => unhex(exchange.transport === 'tcp' ? hex.slice(8) : hex);
/** @param {string} text */
const bytesOf = (text) => new Uint8Array(Buffer.from(text, 'latin1'));

const exchanges = [...vectors.drac, ...vectors.authSys, ...vectors.rpcbind];
export const calls = [
  ...exchanges.map((exchange) => messageOf(exchange, exchange.call)),
  ...vectors.server.map((row) => unhex(row.call)),
];
export const replies = [
  ...exchanges.map((exchange) => messageOf(exchange, exchange.reply)),
  ...vectors.server.filter((row) => /^[0-9a-f]/.test(row.udp)).map((row) => unhex(row.udp)),
  ...vectors.server.filter((row) => /^11/.test(row.dracd ?? '')).map((row) => unhex(row.dracd)),
];
/** ADD's arguments. */
export const additions = vectors.drac.map((exchange) =>
  messageOf(exchange, exchange.call).slice(HEADER_BYTES),
);
/** What rpcbind is sent and answers, each kind by the name of its codec. @param {string} kind */
export const rpcbind = (kind) => [
  ...vectors.rpcbind
    .filter((exchange) => exchange.takes === kind)
    .map((exchange) => messageOf(exchange, exchange.call).slice(HEADER_BYTES)),
  ...vectors.rpcbind
    .filter((exchange) => exchange.gives === kind)
    .map((exchange) => messageOf(exchange, exchange.reply).slice(REPLY_HEADER_BYTES)),
];
export const words = [0, 1, 2, 3, 4, 111, 9000].map((word) => Uint8Array.of(0, 0, word >>> 8, word));
export const universal = [
  '127.0.0.1.35.40',
  '::1.0.111',
  'fe80::1%eth0.100.35.40',
  '::ffff:192.0.2.1.255.255',
].map(bytesOf);
export const addresses = [
  '192.0.2.9',
  '255.255.255.255',
  '2001:db8::9',
  '2001:db8:1:2:3:4:5:6',
  '::',
  '::ffff:192.0.2.1',
  '1:2:3:4:5:6:192.0.2.1',
  'fe80::1%eth0',
].map(bytesOf);
export const allowFiles = [
  '255.255.255.255 192.0.2.7\n255.255.255.0\t198.51.100.0 # two\r\n\n# three\n',
  'ffff:ffff:: 2001:db8::\n255.0.255.0 10.0.1.0\n255.255.255.0 192.0.2.7\n',
  '255.255.255.0 2001:db8::\nnobody\n0.0.0.0 0.0.0.0',
].map(bytesOf);

const text = 'a'.repeat(255);
const argument = new Uint8Array(2048).fill(7);
const entry = { program: 1, version: 1, netid: text, address: text, owner: text };
/** Values of wire/portmap at their limits. */
export const largest = {
  Rpcb: entry,
  List: [entry, { ...entry, netid: 'udp', address: '::.0.111', owner: '' }],
  ForwardedCall: { program: 1, version: 1, procedure: 1, argument },
  PortResult: { port: 1, result: argument },
  AddressResult: { address: text, result: argument },
  Address: text,
};
