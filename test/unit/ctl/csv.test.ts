/** csv - what is written is read again, whatever it is; and what is wrong is said */
import fc from 'fast-check';
import { csvLine, CsvReader } from '../../../src/ctl/csv.js';

function read(text: string): (readonly string[] | string)[] {
  const reader = new CsvReader();
  return text
    .replace(/\n$/, '')
    .split('\n')
    .flatMap((line) => {
      const record = reader.take(line);
      return record === undefined ? [] : [record];
    });
}

test('fields are quoted where they must be', () => {
  expect(csvLine(['a', 'b,c', 'd"e', 'f\ng', ' h', null, ''])).toBe('a,"b,c","d""e","f\ng"," h",,\n');
});

test('any fields are read as they were written', () => {
  const field = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ', 'ö', '=') });
  fc.assert(
    fc.property(fc.array(fc.array(field, { minLength: 2, maxLength: 5 }), { minLength: 1 }), (records) => {
      expect(read(records.map((fields) => csvLine(fields)).join(''))).toEqual(records);
    }),
  );
});

test('line ends of other systems', () => {
  expect(read('a,b\r\n"c\r\nd",e\r\n')).toEqual([
    ['a', 'b'],
    ['c\r\nd', 'e'],
  ]);
});

test('quotes in the midst of a field', () => {
  expect(read('a"b",c')).toEqual(['has a quote in the midst of a field']);
  expect(read('"a"b,c')).toHaveLength(1);
});

test('a quote that is never closed', () => {
  const reader = new CsvReader();
  expect(reader.take('a,"b')).toBeUndefined();
  expect(reader.isOpen).toBe(true);
  expect(reader.take('x'.repeat(70_000))).toBe('is longer than 65536 characters');
  expect(reader.isOpen).toBe(false);
});
