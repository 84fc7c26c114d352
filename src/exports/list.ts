/**
 * list - the allow-list as text, one client a line, sorted
 *
 *   exim      192.0.2.7, 2001:db8::/64           Exim host lists: the address or network alone
 *   postfix   192.0.2.7<TAB>1795571821           Postfix cidr: tables; input for postmap (addresses, no networks)
 *   sendmail  2001:db8:0:0:0:0:0:6<TAB>179...    input for makemap
 *   opensmtpd 192.0.2.7, 2001:db8::/64           OpenSMTPD tables: as for Exim, and one line more
 *
 * An empty file is a valid list of nobody, but not for OpenSMTPD: smtpd cannot tell a list from a mapping
 * then, and does not start. So its file always has a line for an address that no client can have. Programs that read such a file once need to be told of a new
 * one: that is what `command` is for.
 */
import type { Container } from './container.js';
import { keyedWords, type Words } from './dialect.js';
import { networkText } from './entry.js';
import type { Output } from './output.js';
import type { Records } from './records.js';

const TAB = 0x09;
const NEWLINE = 0x0a;
/** Nobody, for OpenSMTPD: the limited broadcast address, which is never granted either. */
const NOBODY = [['255.255.255.255', '']] as const;

function writeLines(records: Records, output: Output): void {
  for (const record of records.sorted()) {
    const start = records.start(record);
    const value = start + records.keyLength(record);
    const length = records.valueLength(record);
    output.append(records.bytes, start, value);
    if (length > 0) output.appendByte(TAB);
    output.append(records.bytes, value, value + length);
    output.appendByte(NEWLINE);
  }
}

export const list: Container = {
  suffix: '',
  dialects: ['exim', 'postfix', 'sendmail', 'opensmtpd'],
  shared: false,
  keys: ['dialect', 'value', 'interval', 'command', 'command_stdin'],
  words: (wording): Words => {
    const words = keyedWords(wording, { mayTerminate: false });
    const [dialect] = wording.dialects;
    if (dialect === 'sendmail') return words;
    const keys: Words['keys'] = (entry) => [networkText(entry)];
    if (dialect === 'postfix') return { ...words, keys };
    const alone = { ...words, keys, value: () => '' };
    return dialect === 'opensmtpd' ? { ...alone, fixed: NOBODY } : alone;
  },
  write: writeLines,
};
