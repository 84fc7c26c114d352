/**
 * open-audit - the audit that the configuration asks for
 *
 * Errors: Fault STORE when the key that makes pseudonyms cannot be used.
 */
import { Audit } from './audit/audit.js';
import { headOf } from './audit/head.js';
import { readKey, readOrMakeKey } from './audit/key.js';
import { LiveFile } from './audit/live-file.js';
import { Privacy } from './audit/privacy.js';
import { Writer } from './audit/writer.js';
import type { Config } from './config.js';
import type { OperatorEntry } from './core/operator-entry.js';
import type { Clock } from './runtime/clock.js';
import type { Log } from './runtime/log.js';

type Wanted = Pick<Config, 'audit' | 'store'>;

export interface OpenAuditOptions {
  readonly config: Wanted & Pick<Config, 'grants'>;
  readonly standing: { entries(): Iterable<OperatorEntry> };
  readonly clock: Clock;
  readonly log: Log;
}

/** With the key also when it is no longer used, to find what it made. */
export function privacyToRead({ audit, store }: Wanted): Privacy {
  const key = readKey(store.directory);
  // Without a key nothing has been hashed, whatever is configured now.
  return new Privacy(key === undefined ? 'full' : audit.privacy, key);
}

function privacyToWrite({ audit, store }: Wanted): Privacy {
  const isHashed = audit.privacy === 'hashed';
  return new Privacy(audit.privacy, isHashed ? readOrMakeKey(store.directory) : readKey(store.directory));
}

/** An audit that says what it hears in the log; with files only once it is started. */
export function openAudit({ clock, config, log, standing }: OpenAuditOptions): Audit {
  const { file, retention } = config.audit;
  const privacy = privacyToWrite(config);
  const { always, never } = config.grants;
  const head = () => headOf({ entries: () => standing.entries(), always, never, privacy, clock });
  const writer =
    file === ''
      ? undefined
      : new Writer({ file: new LiveFile(file), retentionMs: retention, head, clock, log });
  return new Audit({ privacy, writer, file: file === '' ? undefined : file, clock, log });
}
