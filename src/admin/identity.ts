/**
 * identity - the certificate, key and authority that a client comes through a port with
 *
 * Errors: IdentityError, which names the option.
 */
import { readFileSync } from 'node:fs';
import { createSecureContext } from 'node:tls';
import { X509Certificate } from 'node:crypto';

/** Paths of PEM files. */
export interface IdentityFiles {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
}

/** What stands in them. */
export interface Identity {
  readonly cert: Buffer;
  readonly key: Buffer;
  readonly ca: Buffer;
}

/** A file cannot be read, or is not what it should be. */
export class IdentityError extends Error {
  readonly isUnread: boolean;
  readonly cure: string;

  constructor(message: string, { isUnread, cure }: { isUnread: boolean; cure: string }) {
    super(message);
    this.name = 'IdentityError';
    this.isUnread = isUnread;
    this.cure = cure;
  }
}

const reasonOf = (thrown: unknown): string => (thrown instanceof Error ? thrown.message : String(thrown));

function read(option: keyof IdentityFiles, file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (thrown) {
    const cure = 'is it the right path, and may you read it?';
    throw new IdentityError(`--${option} ${file} cannot be read: ${reasonOf(thrown)}`, {
      isUnread: true,
      cure,
    });
  }
}

function certificate(option: 'cert' | 'ca', file: string, pem: Buffer): X509Certificate {
  try {
    return new X509Certificate(pem);
  } catch {
    const cure = 'give a file that begins with -----BEGIN CERTIFICATE-----';
    throw new IdentityError(`--${option} ${file} is no certificate in PEM form`, { isUnread: false, cure });
  }
}

/** Reads the files, and refuses what cannot go together. */
export function readIdentity(files: IdentityFiles): Identity {
  const identity = {
    cert: read('cert', files.cert),
    key: read('key', files.key),
    ca: read('ca', files.ca),
  };
  certificate('cert', files.cert, identity.cert);
  certificate('ca', files.ca, identity.ca);
  try {
    createSecureContext(identity);
  } catch (thrown) {
    throw new IdentityError(
      `--key ${files.key} is not the key of --cert ${files.cert}, or is in no PEM form, or has a passphrase: ${reasonOf(thrown)}`,
      { isUnread: false, cure: 'give the two files that were made together' },
    );
  }
  return identity;
}
