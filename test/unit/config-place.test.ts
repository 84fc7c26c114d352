/** config-place - how the configuration writes where a door stands */
import { parsePlace } from '../../src/config-place.js';
import { placeText } from '../../src/runtime/place.js';

const longest = `/${'d'.repeat(102)}`;

test.each([
  ['127.0.0.1:4799', { transport: 'tcp', host: '127.0.0.1', port: 4799 }],
  ['0.0.0.0:0', { transport: 'tcp', host: '0.0.0.0', port: 0 }],
  ['[::1]:65535', { transport: 'tcp', host: '::1', port: 65_535 }],
  ['[::]:1', { transport: 'tcp', host: '::', port: 1 }],
  ['unix:/run/dracd/socketmap', { transport: 'unix', path: '/run/dracd/socketmap' }],
  [`unix:${longest}`, { transport: 'unix', path: longest }],
  ['unix:/with blank:and colon', { transport: 'unix', path: '/with blank:and colon' }],
] as const)('%s', (text, place) => {
  expect(parsePlace(text)).toEqual(place);
  expect(placeText(place)).toBe(text);
});

test('two spellings of one place are one place', () => {
  expect(parsePlace('[2001:DB8:0::1]:25')).toEqual(parsePlace('[2001:db8::1]:25'));
  expect(parsePlace('unix:/run//dracd/../dracd/s')).toEqual(parsePlace('unix:/run/dracd/s'));
});

test.each([
  '',
  '127.0.0.1',
  '127.0.0.1:',
  ':4799',
  '4799',
  'localhost:4799',
  '*:4799',
  '127.0.0.1:65536',
  '127.0.0.1:04799',
  '127.0.0.1:-1',
  '127.0.0.1:4799 ',
  '127.1:4799',
  '::1:4799',
  '[127.0.0.1]:4799',
  '[::ffff:127.0.0.1]:4799',
  '[fe80::1%eth0]:4799',
  '[::1]',
  'inet:127.0.0.1:4799',
  'unix:',
  'unix:relative/path',
  'unix:/a/directory/',
  'unix:/',
  'unix:/nul\0byte',
  `unix:${longest}d`,
  `unix:/${'ü'.repeat(52)}`,
  '/run/dracd/socketmap',
])('%j is none', (text) => {
  expect(parsePlace(text)).toBeUndefined();
});
