/**
 * reporter-list - whose word the configuration and dracd.allow say to believe
 *
 * `allow` and the file add up. With neither given, loopback and the host's own addresses are believed,
 * as the original did; an existing but empty file alone means nobody. A file that exists and cannot be
 * read is an error, never an empty list.
 */
import type { ClientAddress } from './core/address.js';
import { Fault, reasonOf } from './core/fault.js';
import { type Network, parseNetwork } from './core/network.js';
import { parseAllowFile } from './core/reporters.js';
import type { Config } from './config.js';
import type { Log } from './runtime/log.js';
import { readSmallFile } from './runtime/read-file.js';

/** A larger dracd.allow than this, bytes, is not one. */
const MAX_ALLOW_BYTES = 8 * 1024 * 1024;
/** Lines with problems that are told one by one. */
const LINES_TOLD = 20;

function readAllowFile(path: string): string | undefined {
  try {
    return readSmallFile(path, MAX_ALLOW_BYTES);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Fault('CONFIG', `${path}: key reporters.allow_file: cannot be read: ${reasonOf(error)}`, error);
  }
}

function hosts(addresses: readonly ClientAddress[]): Network[] {
  return ['127.0.0.0/8', '::1', ...addresses].map(parseNetwork).filter((network) => network !== undefined);
}

/** Reads the list anew; warns of every line of dracd.allow that says less than it seems to. */
export function readReporters(
  config: Config['reporters'],
  own: readonly ClientAddress[],
  log: Log,
): Network[] {
  const file = readAllowFile(config.allow_file);
  if (config.allow === undefined && file === undefined) return hosts(own);
  const parsed = parseAllowFile(file ?? '');
  for (const { line, message } of parsed.warnings.slice(0, LINES_TOLD)) {
    log.warn('reporters: a line of the allow file', { file: config.allow_file, line, problem: message });
  }
  if (parsed.warnings.length > LINES_TOLD)
    log.warn('reporters: more lines of the allow file with problems', {
      file: config.allow_file,
      lines: parsed.warnings.length - LINES_TOLD,
    });
  const networks = [...(config.allow ?? []), ...parsed.networks];
  if (networks.length === 0)
    log.warn('reporters: nobody is believed', {
      file: config.allow_file,
      cure: 'name reporters in reporters.allow or in the file, or remove both',
    });
  if (networks.some(({ mask }) => mask.every((byte) => byte === 0)))
    log.warn('reporters: everybody is believed, so everybody can let any address relay', {
      cure: 'name the reporters instead of a network of prefix length 0',
    });
  return networks;
}
