/** The table of formats: names that a configuration can say, each with a map behind it. */
import { rmSync } from 'node:fs';
import { formats } from '../../../src/exports/formats.js';
import { MapBench } from '../../support/live-map.js';

test.each(Object.entries(formats))(
  '%s makes a map that is closed and takes no change yet',
  async (name, format) => {
    expect(name).toMatch(/^[a-z][a-z0-9-]*$/);
    const bench = new MapBench((options) => format.create(options));
    expect(bench.map.degraded).toBeUndefined();
    expect(await bench.put('192.0.2.1')).toMatchObject({ code: 'MAP', temporary: true });
    rmSync(bench.directory, { recursive: true });
  },
);

test('lmdb, the default of the configuration, is there', () => {
  expect(Object.keys(formats)).toContain('lmdb');
});
