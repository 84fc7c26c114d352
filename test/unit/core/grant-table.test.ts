/** grant-table - against a plain Map, over random additions, renewals and removals; places that are used again. */
import fc from 'fast-check';
import { type ClientAddress, numberToAddress, parseAddress } from '../../../src/core/address.js';
import type { Grant } from '../../../src/core/grant.js';
import { GrantTable, NOWHERE } from '../../../src/core/grant-table.js';
import { parseNetwork, type Network } from '../../../src/core/network.js';
import { type Subject, subjectOf } from '../../../src/core/subject.js';

const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
const networkText = (text: string): Subject => subjectOf(parseNetwork(text) as Network);
const POP = at('192.0.2.1');
const grant = (client: ClientAddress, expiresAt: number): Grant => ({ client, reporter: POP, expiresAt });

/** Few enough to meet again, with the numbers at the ends of IPv4 and addresses of both families. */
const CLIENTS = [
  ...['0.0.0.0', '127.255.255.255', '128.0.0.0', '255.255.255.255', '1.2.3.4', '4.3.2.1', '10.0.0.10'],
  ...['2001:db8::1', '2001:db8::2', '::', 'ffff::', '64:ff9b::102:304'],
].map(at);

type Step = readonly ['add or renew', number, number] | readonly ['remove', number];
const steps = fc.array(
  fc.oneof(
    fc.tuple(fc.constant('add or renew' as const), fc.nat(CLIENTS.length - 1), fc.nat(1e9)),
    fc.tuple(fc.constant('remove' as const), fc.nat(CLIENTS.length - 1)),
  ),
  { maxLength: 200 },
);

function apply(table: GrantTable, model: Map<ClientAddress, Grant>, step: Step): void {
  const client = CLIENTS[step[1]] as ClientAddress;
  const place = table.find(client);
  expect(place !== NOWHERE).toBe(model.has(client));
  if (step[0] === 'remove') {
    if (place !== NOWHERE) table.remove(place);
    model.delete(client);
    return;
  }
  const next = grant(client, step[2]);
  if (place === NOWHERE) table.add(client, next, step[2] + 0.5);
  else table.set(place, next, step[2] + 0.5);
  model.set(client, next);
}

test('holds what a Map would hold', () => {
  fc.assert(
    fc.property(steps, (sequence: Step[]) => {
      const table = new GrantTable();
      const model = new Map<ClientAddress, Grant>();
      for (const step of sequence) apply(table, model, step);
      expect(table.size).toBe(model.size);
      const found = new Map(
        [...table.places()].map((place) => [table.subjectAt(place), table.grantAt(place)]),
      );
      expect(found).toEqual(model);
      for (const [client, one] of model) {
        const place = table.find(client);
        expect(table.isAt(place, client)).toBe(true);
        expect([table.expiresAt(place), table.deadlineAt(place)]).toEqual([
          one.expiresAt,
          one.expiresAt + 0.5,
        ]);
      }
    }),
    { numRuns: 300 },
  );
});

test('a place that is used again is not at its old client any more', () => {
  const table = new GrantTable();
  const first = table.add(at('10.0.0.1'), grant(at('10.0.0.1'), 1), 1);
  table.remove(first);
  expect(table.isAt(first, at('10.0.0.1'))).toBe(false);
  const second = table.add(at('10.0.0.2'), grant(at('10.0.0.2'), 1), 1);
  expect(second).toBe(first);
  expect([table.isAt(first, at('10.0.0.1')), table.isAt(first, at('10.0.0.2'))]).toEqual([false, true]);
  expect(table.isAt(NOWHERE, at('10.0.0.2'))).toBe(false);
});

test('many, over several chunks, and their places are used again', () => {
  const table = new GrantTable();
  const clients = Array.from({ length: 40_000 }, (_, i) => at(`10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`));
  for (const client of clients) table.add(client, grant(client, 1), 1);
  for (const client of clients) table.remove(table.find(client));
  expect([table.size, [...table.places()].length]).toEqual([0, 0]);
  for (const client of clients) expect(table.add(client, grant(client, 2), 2)).toBeLessThan(clients.length);
  expect(table.size).toBe(clients.length);
  expect(clients.every((client) => table.subjectAt(table.find(client)) === client)).toBe(true);
});

test('can be stepped through while it changes', () => {
  const table = new GrantTable();
  for (let i = 0; i < 100; i += 1) table.add(at(`10.0.0.${i}`), grant(at(`10.0.0.${i}`), 1), 1);
  const seen: string[] = [];
  for (const place of table.places()) {
    seen.push(table.subjectAt(place));
    if (seen.length === 10) for (let i = 50; i < 100; i += 1) table.remove(table.find(at(`10.0.0.${i}`)));
  }
  expect(seen).toEqual(Array.from({ length: 50 }, (_, i) => `10.0.0.${i}`));
});

test('a network is found by its text, and keeps its client beside', () => {
  const table = new GrantTable();
  const network = networkText('2001:db8:1:2::/64');
  const place = table.add(network, grant(at('2001:db8:1:2::6'), 1), 1);
  expect([table.find(network), table.find(at('2001:db8:1:2::6')), table.isAt(place, network)]).toEqual([
    place,
    NOWHERE,
    true,
  ]);
  expect([table.subjectAt(place), table.grantAt(place).client]).toEqual([network, '2001:db8:1:2::6']);
  table.set(place, grant(at('2001:db8:1:2::7'), 2), 2);
  expect(table.grantAt(place)).toEqual(grant(at('2001:db8:1:2::7'), 2));
  table.remove(place);
  // The place is another's now: nothing of the network's client is left there.
  expect(table.add(at('2001:db8::9'), grant(at('2001:db8::9'), 1), 1)).toBe(place);
  expect(table.grantAt(place).client).toBe('2001:db8::9');
});

test('finds each of a hundred thousand, in whatever part of the index it is', () => {
  const table = new GrantTable();
  const count = 100_000;
  for (let n = 0; n < count; n += 1) table.add(numberToAddress(n * 42_949), grant(POP, n), n);
  const found = Array.from({ length: count }, (_, n) => table.find(numberToAddress(n * 42_949)));
  expect(found.every((place, n) => table.expiresAt(place) === n)).toBe(true);
  for (const place of found) table.remove(place);
  expect([table.size, table.find(numberToAddress(0))]).toEqual([0, NOWHERE]);
});
