/** names - which names of a certificate count, and what cannot be mistaken for one */
import { configuredName, firstListed, namesOf } from '../../../src/admin/names.js';

test.each([
  ['DNS:a.example', ['DNS:a.example']],
  ['DNS:A.Example, email:Ann@example.org', ['DNS:a.example', 'email:Ann@example.org']],
  ['URI:spiffe://example.org/ns/mail', ['URI:spiffe://example.org/ns/mail']],
  ['IP Address:192.0.2.7, DNS:a.example', ['DNS:a.example']],
  ['DNS:"a.example, DNS:root.example"', ['DNS:a.example, dns:root.example']],
  ['URI:"http://x/\\u002c DNS:root.example", DNS:b', ['URI:http://x/, DNS:root.example', 'DNS:b']],
  ['othername:<unsupported>, DNS:b', ['DNS:b']],
  ['', []],
  ['DNS:"a', []],
  ['nonsense', []],
])('%s', (text, names) => {
  expect(namesOf(text).map((name) => `${name.kind}:${name.text}`)).toEqual(names);
});

test.each([
  ['DNS:ops.example', ['OPS.example'], 'ops.example'],
  ['email:ann@example.org', ['ann@example.org'], 'ann@example.org'],
  ['DNS:ann@example.org', ['ann@example.org'], undefined],
  ['email:Ann@example.org', ['ann@example.org'], undefined],
  ['URI:spiffe://a/b', ['spiffe://a/b'], 'spiffe://a/b'],
  ['DNS:spiffe://a/b', ['spiffe://a/b'], undefined],
  ['DNS:*.example', ['ops.example'], undefined],
  ['DNS:ops.example', ['*.example'], undefined],
  ['DNS:"x, DNS:ops.example"', ['ops.example'], undefined],
])('%s for %j', (text, list, found) => {
  expect(firstListed(namesOf(text), list)).toBe(found);
});

test('the form of a name says its kind', () => {
  expect(['a.example', 'a@example', 'https://a@example'].map((text) => configuredName(text).kind)).toEqual([
    'DNS',
    'email',
    'URI',
  ]);
});
