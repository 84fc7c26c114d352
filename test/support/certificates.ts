/**
 * certificates - an authority and the certificates it signs, made by openssl in a test's directory
 *
 * Keys are P-256: made in no time.
 */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mustRun } from './processes.js';

/** Paths of PEM files. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

export interface CertificateOptions {
  /** Such as `DNS:dracd.example,IP:127.0.0.1`; none: it has no names but a common one. */
  readonly names?: string;
  readonly use: 'serverAuth' | 'clientAuth';
  /** It has been over for a day. */
  readonly isOver?: boolean;
  /** It lasts so long from now. */
  readonly days?: number;
}

/** Long enough for nobody to say that they are over soon. */
const DAYS = 60;
const EC = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

export class Authority {
  readonly cert: string;
  readonly #key: string;
  readonly #directory: string;
  #count = 0;

  private constructor(directory: string, name: string) {
    this.#directory = directory;
    this.cert = path.join(directory, `${name}.pem`);
    this.#key = path.join(directory, `${name}.key`);
  }

  static async make(directory: string, name: string): Promise<Authority> {
    const made = new Authority(directory, name);
    const subject = ['-subj', `/CN=${name}`, '-addext', 'keyUsage=critical,keyCertSign'];
    await mustRun([
      ...['openssl', 'req', '-x509', ...EC, '-days', String(DAYS), ...subject],
      ...['-keyout', made.#key, '-out', made.cert],
    ]);
    return made;
  }

  /** Signs a certificate with a name for its files. */
  async sign(
    name: string,
    { names, use, isOver = false, days = DAYS }: CertificateOptions,
  ): Promise<Certificate> {
    this.#count += 1;
    const file = path.join(this.#directory, `${name}-${this.#count}`);
    const [cert, key, request, extensions] = ['.pem', '.key', '.csr', '.ext'].map((end) => file + end) as [
      string,
      string,
      string,
      string,
    ];
    const lines = [`extendedKeyUsage=${use}`, ...(names === undefined ? [] : [`subjectAltName=${names}`])];
    writeFileSync(extensions, `${lines.join('\n')}\n`);
    await mustRun(['openssl', 'req', ...EC, '-subj', `/CN=${name}`, '-keyout', key, '-out', request]);
    const left = String(isOver ? -1 : days);
    await mustRun([
      ...['openssl', 'x509', '-req', '-in', request, '-days', left, '-extfile', extensions, '-out', cert],
      ...['-CA', this.cert, '-CAkey', this.#key, '-CAcreateserial'],
    ]);
    return { cert, key };
  }
}
