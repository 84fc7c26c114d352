/**
 * config-admin - the keys of [admin]: where operators come in, and who may come through a port
 *
 * That a port has all that mutual TLS needs is seen to in config-conflicts.ts.
 */
import { z } from 'zod';
import { absolutePath, areApart, place } from './config-place.js';

/** What each key allows, in words. */
export const adminKeys = {
  admin: 'a table [admin]',
  'admin.listen': 'a list of at most 8 places to listen at, each named once; [] for none',
  'admin.listen.*':
    'an IP address and port such as "127.0.0.1:9480" or "[::1]:9480", or "unix:" and an absolute path of at most 103 bytes',
  'admin.mode': '"0660" or "0600"',
  'admin.group': 'the name of a group',
  'admin.tls': 'a table [admin.tls]',
  'admin.tls.cert': 'an absolute path of a PEM file',
  'admin.tls.key': 'an absolute path of a PEM file',
  'admin.tls.client_ca': 'an absolute path of a PEM file',
  'admin.tls.viewers': 'a list of names in client certificates',
  'admin.tls.viewers.*':
    'a DNS name, email address or URI of 1 to 255 characters, as it stands in the certificate',
  'admin.tls.operators': 'a list of names in client certificates',
  'admin.tls.operators.*':
    'a DNS name, email address or URI of 1 to 255 characters, as it stands in the certificate',
} as const;

const certificateName = z.string().regex(/^[^\p{Cc}\s]{1,255}$/u);
/** A path; "" is as good as leaving it out. */
const pemFile = z.union([absolutePath, z.literal('')]).default('');

const adminTls = z
  .strictObject({
    cert: pemFile,
    key: pemFile,
    client_ca: pemFile,
    viewers: z.array(certificateName).max(1_000).default([]),
    operators: z.array(certificateName).max(1_000).default([]),
  })
  .transform(({ client_ca, ...rest }) => ({ ...rest, clientCa: client_ca }));

/** The table [admin], with the directory that the socket goes to when none is named. */
export function adminTable(runtimeDirectory: string) {
  return z.strictObject({
    listen: z
      .array(place)
      .max(8)
      .refine((listen) => areApart([{ listen }]), { message: 'one place twice' })
      .prefault([`unix:${runtimeDirectory}/admin.sock`]),
    mode: z
      .enum(['0660', '0600'])
      .default('0660')
      .transform((text) => parseInt(text, 8)),
    group: z.string().min(1).optional(),
    tls: adminTls.prefault({}),
  });
}
