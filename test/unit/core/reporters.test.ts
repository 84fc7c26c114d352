import fc from 'fast-check';
import { parseAddress, type ClientAddress } from '../../../src/core/address.js';
import { MAX_ALLOW_LINES, parseAllowFile, Reporters } from '../../../src/core/reporters.js';

const at = (text: string): ClientAddress => parseAddress(text) as ClientAddress;
const believing = (file: string): Reporters => {
  const reporters = new Reporters();
  reporters.replace(parseAllowFile(file).networks);
  return reporters;
};

describe('dracd.allow', () => {
  test('netmask netaddr, comments, blank lines, tabs, carriage returns', () => {
    const reporters = believing(
      '# ours\n255.255.255.255 192.0.2.7 # the POP server\r\n\n\t255.255.255.0\t198.51.100.0\n',
    );
    expect(reporters.believes(at('192.0.2.7'))).toBe(true);
    expect(reporters.believes(at('192.0.2.8'))).toBe(false);
    expect(reporters.believes(at('198.51.100.77'))).toBe(true);
    expect(reporters.singleHosts()).toEqual(['192.0.2.7']);
  });

  test('empty: nobody', () => {
    expect(believing('').believes(at('127.0.0.1'))).toBe(false);
  });

  test('host bits are masked, with a warning that names the line', () => {
    const { warnings } = parseAllowFile('\n255.255.255.0 192.0.2.7\n');
    expect(warnings).toEqual([
      { line: 2, message: 'the address has bits outside its netmask; read as 192.0.2.0' },
    ]);
    expect(believing('255.255.255.0 192.0.2.7').believes(at('192.0.2.200'))).toBe(true);
  });

  test('a mask with holes means what it says', () => {
    const reporters = believing('255.0.255.255 10.0.0.1');
    expect(reporters.believes(at('10.200.0.1'))).toBe(true);
    expect(reporters.believes(at('10.200.1.1'))).toBe(false);
  });

  test.each([
    '255.255.255.0',
    '192.0.2.0/24',
    'x y',
    '255.255.255.0 192.0.2.0 more',
    '0x0.0 1',
    '255.255.255.0 2001:db8::1',
    '\0\x01',
  ])('%j is believed for nobody, with a warning', (line) => {
    const { networks, warnings } = parseAllowFile(line);
    expect(networks).toEqual([]);
    expect(warnings).toHaveLength(1);
  });

  test('an endless file is cut, with a warning', () => {
    const { networks, warnings } = parseAllowFile('255.255.255.255 192.0.2.7\n'.repeat(MAX_ALLOW_LINES + 5));
    expect(networks).toHaveLength(MAX_ALLOW_LINES);
    expect(warnings).toHaveLength(1);
  });

  test('is total', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => parseAllowFile(text).networks.length >= 0),
    );
  });
});

test('a replaced list takes effect with the next report, remembered verdicts or not', () => {
  const reporters = believing('255.255.255.255 192.0.2.7');
  expect(reporters.believes(at('192.0.2.7'))).toBe(true);
  reporters.replace([]);
  expect(reporters.believes(at('192.0.2.7'))).toBe(false);
});

test('many strangers do not grow the memory of verdicts without bound', () => {
  const reporters = believing('255.255.255.255 192.0.2.7');
  for (let i = 0; i < 5_000; i += 1) expect(reporters.believes(at(`10.0.${i >> 8}.${i & 255}`))).toBe(false);
  expect(reporters.believes(at('192.0.2.7'))).toBe(true);
});
