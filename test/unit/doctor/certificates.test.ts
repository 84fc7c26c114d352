/** What is said of certificates that are there, over, soon over, or something else. */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Examined } from '../../../src/doctor/check.js';
import { certificates } from '../../../src/doctor/certificates.js';
import { systemClock } from '../../../src/runtime/clock.js';
import { Authority } from '../../support/certificates.js';
import { newDirectory } from '../../support/processes.js';

const DAY_MS = 86_400_000;
const directory = newDirectory('certificates');
let ca: Authority;
beforeAll(async () => {
  ca = await Authority.make(directory, 'ca');
});

async function told(tls: Examined['tls'], later = 0): Promise<string[]> {
  const clock = { ...systemClock, wall: () => Date.now() + later };
  const found: string[] = [];
  for await (const { severity, what, key } of certificates({ tls, clock } as Examined))
    found.push(`${severity} ${what} (${key ?? ''})`);
  return found;
}

test('without a port there is nothing to look at', async () => {
  expect(await told(undefined)).toEqual(['ok operators come through no port ()']);
});

test('until when they serve', async () => {
  const { cert } = await ca.sign('own', { use: 'serverAuth', days: 20 });
  const tls = { cert, clientCa: ca.cert };
  const ofCa = 'ok it serves for a while (admin.tls.client_ca)';
  expect(await told(tls)).toEqual(['ok it serves for a while (admin.tls.cert)', ofCa]);
  expect(await told(tls, 10.5 * DAY_MS)).toEqual(['warning it is over in 9 days (admin.tls.cert)', ofCa]);
  expect(await told(tls, 30 * DAY_MS)).toEqual(['warning it is over (admin.tls.cert)', ofCa]);
  expect((await told(tls, 59.5 * DAY_MS))[1]).toBe('warning it is over within a day (admin.tls.client_ca)');
});

test('what is no certificate, or not there', async () => {
  const nonsense = path.join(directory, 'nonsense');
  writeFileSync(nonsense, 'nonsense\n');
  expect(await told({ cert: nonsense, clientCa: path.join(directory, 'none') })).toEqual([
    'error it must be a certificate in PEM form (-----BEGIN CERTIFICATE-----) (admin.tls.cert)',
    expect.stringMatching(/^error it cannot be read: .*ENOENT.* \(admin\.tls\.client_ca\)$/),
  ]);
});
