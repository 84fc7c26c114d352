/** aims - what dracd is to reach, and whether a measurement does */
import { spread } from './statistics.mjs';

/** @typedef {{what: string, at: 'least' | 'most', limit: number, unit: string}} Aim */
/** @typedef {Aim & {name: string, values: readonly number[], median: number, least: number, most: number, verdict: 'met' | 'missed' | 'not judged'}} Verdict */

/** @type {Readonly<Record<string, Aim>>} */
export const aims = {
  'udp-1/original': {
    what: 'UDP, 1 waiting client, against the original',
    at: 'least',
    limit: 0.75,
    unit: 'x',
  },
  'udp-64/original': { what: 'UDP, 64 outstanding, against the original', at: 'least', limit: 12, unit: 'x' },
  'udp-64/noop': {
    what: 'UDP, 64 outstanding, against do-nothing libtirpc',
    at: 'least',
    limit: 0.25,
    unit: 'x',
  },
  'udp-8x64/original': { what: 'UDP, 8 x 64, against the original', at: 'least', limit: 15, unit: 'x' },
  'udp-8x64/lost': { what: 'UDP, datagrams lost of a burst of 512', at: 'most', limit: 0, unit: '' },
  'tcp-4x1024/original': { what: 'TCP, 4 x 1024, against the original', at: 'least', limit: 50, unit: 'x' },
  'tcp-4x1024/noop': { what: 'TCP, 4 x 1024, against do-nothing libtirpc', at: 'least', limit: 1, unit: 'x' },
  'map/missing': {
    what: 'new clients the map did not permit right after SUCCESS',
    at: 'most',
    limit: 0,
    unit: '',
  },
  'audit/new': {
    what: 'new clients, audit in a file against the log alone',
    at: 'least',
    limit: 0.85,
    unit: 'x',
  },
  'audit/renewals': {
    what: 'renewals of 100 k clients, audit in a file against the log alone',
    at: 'least',
    limit: 0.85,
    unit: 'x',
  },
  'audit/hashed': { what: 'the same, addresses hashed', at: 'least', limit: 0.85, unit: 'x' },
  'audit/missing': { what: 'reports answered SUCCESS without a record', at: 'most', limit: 0, unit: '' },
  'lookups/socketmap-p99': {
    what: 'look-ups, 16 + 16 connections, 400 ADD/s: socketmap, p99',
    at: 'most',
    limit: 5,
    unit: 'ms',
  },
  'lookups/policy-p99': {
    what: 'look-ups, 16 + 16 connections, 400 ADD/s: policy, p99',
    at: 'most',
    limit: 5,
    unit: 'ms',
  },
  'lookups/rate': {
    what: 'look-ups, 16 + 16 connections, 400 ADD/s: answers a second',
    at: 'least',
    limit: 50_000,
    unit: '',
  },
  'lookups/pipelined-rate': {
    what: 'the same, but 16 questions outstanding on each connection',
    at: 'least',
    limit: 50_000,
    unit: '',
  },
  'lookups/idle-socketmap': {
    what: 'memory of an idle socketmap connection',
    at: 'most',
    limit: 32,
    unit: 'KiB',
  },
  'lookups/idle-policy': { what: 'memory of an idle policy connection', at: 'most', limit: 32, unit: 'KiB' },
  'publish/bdb': { what: 'publishing 100 k entries, bdb', at: 'most', limit: 300, unit: 'ms' },
  'publish/cdb': { what: 'publishing 100 k entries, cdb', at: 'most', limit: 300, unit: 'ms' },
  'publish/stall': {
    what: 'longest stall of the event loop while 100 k entries are published',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'publish/stall-many': {
    what: 'longest stall of the event loop while 1 M entries are published',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'growth/udp': {
    what: 'cost of an ADD, 1 M live grants against 1 k, UDP 64',
    at: 'most',
    limit: 1.5,
    unit: 'x',
  },
  'growth/tcp': {
    what: 'cost of an ADD, 1 M live grants against 1 k, TCP 4 x 1024',
    at: 'most',
    limit: 1.5,
    unit: 'x',
  },
  'scrape/took': {
    what: 'a scrape of the metrics among 100 k live grants',
    at: 'most',
    limit: 50,
    unit: 'ms',
  },
  'scrape/series': {
    what: 'series that 100 k grants add to a scrape',
    at: 'most',
    limit: 0,
    unit: '',
  },
  'watch/udp-64': {
    what: 'ADDs while 100 watch and one does not read, against nobody, UDP 64',
    at: 'least',
    limit: 0.9,
    unit: 'x',
  },
  'watch/tcp-4x1024': {
    what: 'ADDs while 100 watch and one does not read, against nobody, TCP 4 x 1024',
    at: 'least',
    limit: 0.9,
    unit: 'x',
  },
  'watch/cut-off': {
    what: 'watchers who never read and are told that they were cut off, of 2',
    at: 'least',
    limit: 2,
    unit: '',
  },
  'dracctl/stats': { what: 'dracctl stats, from its start to its end', at: 'most', limit: 250, unit: 'ms' },
  'expiry/stall': {
    what: 'longest stall of the event loop while 1 M grants expire',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'list/took': { what: 'the whole List of 1 M grants to one client', at: 'most', limit: 10, unit: 's' },
  'list/memory': {
    what: 'memory that a List of 1 M grants takes at most',
    at: 'most',
    limit: 64,
    unit: 'MiB',
  },
  'list/unread': {
    what: 'the same when its client stops reading among 1 M grants',
    at: 'most',
    limit: 64,
    unit: 'MiB',
  },
  'list/stall': {
    what: 'longest stall of the event loop while 1 M grants are listed',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'list/add': {
    what: 'longest wait for the answer to an ADD while 1 M grants are listed',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/network': {
    what: 'longest stall of the event loop while 1 M grants are revoked by network',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/reporter': {
    what: 'longest stall of the event loop while 1 M grants are revoked by reporter',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/all': {
    what: 'longest stall of the event loop while 1 M grants, all there are, are revoked',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/deny': {
    what: 'longest stall of the event loop while a network with 1 M grants is denied',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/add': {
    what: 'longest wait for the answer to an ADD while 1 M grants are taken away',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'revoke/look-up': {
    what: 'longest wait for the answer to a look-up while 1 M grants are taken away',
    at: 'most',
    limit: 10,
    unit: 'ms',
  },
  'restart/answer': { what: 'restart with 1 M grants: first ADD answered', at: 'most', limit: 3, unit: 's' },
  'restart/empty': { what: 'look-ups that said no while it was restarted', at: 'most', limit: 0, unit: '' },
  'memory/loaded': { what: 'resident memory with 1 M grants', at: 'most', limit: 256, unit: 'MiB' },
  'memory/restarted': {
    what: 'resident memory with 1 M grants after a restart',
    at: 'most',
    limit: 256,
    unit: 'MiB',
  },
};

/** What the aims speak of when they say 1 M. */
export const MANY = 1_000_000;

/** A number of grants in words. @param {number} grants */
export function inWords(grants) {
  return grants >= MANY ? `${grants / MANY} M` : `${grants / 1_000} k`;
}

/**
 * Judges the median. With fewer grants than an aim speaks of, it is neither met nor missed.
 * @param {string} name of the aim
 * @param {{values: readonly number[], grants: number}} measured
 * @returns {Verdict}
 */
export function judge(name, { values, grants }) {
  const aim = aims[name];
  if (aim === undefined) throw new RangeError(`no aim is called ${name}`);
  const { median, least, most } = spread(values);
  const what = aim.what.replace('1 M', inWords(grants));
  const reached = aim.at === 'least' ? median >= aim.limit : median <= aim.limit;
  const verdict = what === aim.what ? (reached ? 'met' : 'missed') : 'not judged';
  return { name, ...aim, what, values, median, least, most, verdict };
}
