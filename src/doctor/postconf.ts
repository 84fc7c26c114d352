/**
 * postconf - Postfix's configuration as Postfix itself understands it
 *
 * `postconf` expands what refers to something else, and knows the defaults. What counts for a service is main.cf, and
 * over it the `-o` of its lines in master.cf.
 */
import path from 'node:path';
import type { Examined } from './check.js';
import { parseRestrictions, type Restriction, wordsOf } from './restrictions.js';

/** The smtpd services that have the same words for the same things. */
export interface Smtpd {
  /** `smtp/inet`. */
  readonly service: string;
  readonly isChrooted: boolean;
  readonly relay: readonly Restriction[];
  readonly recipient: readonly Restriction[];
  /** What stands in any list of restrictions, with the list's name. */
  readonly all: readonly (readonly [list: string, restriction: Restriction])[];
  /** Tables and networks. */
  readonly mynetworks: readonly string[];
}

export interface Postfix {
  readonly mainCf: string;
  readonly masterCf: string;
  readonly queueDirectory: string;
  readonly mailOwner: string;
  readonly smtpds: readonly Smtpd[];
}

/** All lists that smtpd reads: access(5) tables may stand in each. */
const LISTS = [
  'smtpd_client_restrictions',
  'smtpd_helo_restrictions',
  'smtpd_sender_restrictions',
  'smtpd_relay_restrictions',
  'smtpd_recipient_restrictions',
  'smtpd_data_restrictions',
  'smtpd_end_of_data_restrictions',
  'smtpd_etrn_restrictions',
] as const;

const PARAMETERS = [
  'config_directory',
  'queue_directory',
  'mail_owner',
  'compatibility_level',
  'smtpd_restriction_classes',
  'mynetworks',
  ...LISTS,
];

/** What makes Postfix's programs read another configuration directory. */
export const postfixArguments = (directory: string | undefined): readonly string[] =>
  directory === undefined ? [] : ['-c', directory];

function assignments(text: string): Map<string, string> {
  const lines = text.split('\n').map((line) => /^(\S+) = ?(.*)$/.exec(line));
  return new Map(lines.flatMap((found) => (found === null ? [] : [[found[1] ?? '', found[2] ?? '']])));
}

/** Reads it; 'absent' when there is no Postfix here. Rejects with postconf's words when it cannot. */
export async function readPostfix({ programs, postfix }: Examined): Promise<Postfix | 'absent'> {
  const postconf = programs.find('postconf');
  if (postconf === undefined) return 'absent';
  const ask = async (...args: readonly string[]): Promise<string> => {
    const { status, stdout, complaint } = await programs.run(postconf, [
      ...postfixArguments(postfix),
      ...args,
    ]);
    if (status !== 0) throw new Error(complaint === '' ? 'postconf failed' : complaint);
    return stdout;
  };
  const main = assignments(await ask('-x', ...PARAMETERS));
  const classNames = (main.get('smtpd_restriction_classes') ?? '')
    .split(/[\s,]+/)
    .filter((name) => name !== '');
  const classes =
    classNames.length === 0 ? new Map<string, string>() : assignments(await ask('-x', ...classNames));
  const own = assignments(await ask('-P', '-x'));
  const services = (await ask('-M')).split('\n').map((line) => line.split(/\s+/));
  const isOld = /^0/.test(main.get('compatibility_level') ?? '');
  const smtpds = services
    .filter((fields) => fields[7] === 'smtpd')
    .map(([name = '', type = '', , , chroot = '']): Smtpd => {
      const service = `${name}/${type}`;
      const text = (key: string): string => own.get(`${service}/${key}`) ?? main.get(key) ?? '';
      const list = (key: string): Restriction[] => parseRestrictions(text(key), classes);
      return {
        service,
        isChrooted: chroot === 'y' || (chroot === '-' && isOld),
        relay: list('smtpd_relay_restrictions'),
        recipient: list('smtpd_recipient_restrictions'),
        all: LISTS.flatMap((key) => list(key).map((restriction) => [key, restriction] as const)),
        mynetworks: wordsOf(text('mynetworks')),
      };
    });
  const directory = main.get('config_directory') ?? '/etc/postfix';
  return {
    mainCf: path.join(directory, 'main.cf'),
    masterCf: path.join(directory, 'master.cf'),
    queueDirectory: main.get('queue_directory') ?? '/var/spool/postfix',
    mailOwner: main.get('mail_owner') ?? 'postfix',
    smtpds,
  };
}
