/**
 * question - asks a look-up about nobody, as a mail server would
 *
 * Errors: rejects with what the system says, and with an Error for silence and for words that the protocol has not.
 */
import { connect } from 'node:net';
import type { Clock } from '../runtime/clock.js';
import type { Place } from '../runtime/place.js';
import { encodeNetstring } from '../wire/netstring.js';

/** What was answered: something, or that it cannot be told at present. */
export type Answer = 'answered' | 'unknown';

/** From the block for documentation; its state does not matter. */
const CLIENT = '192.0.2.1';
const MAX_ANSWER = 4_096;

const protocols = {
  socketmap: {
    question: encodeNetstring(`relay ${CLIENT}`),
    answer: /^\d+:(OK|NOTFOUND|TEMP|PERM) ?[^,]*,/,
    isUnknown: (word: string) => word === 'TEMP',
  },
  policy: {
    question: Buffer.from(
      `request=smtpd_access_policy\nprotocol_state=RCPT\nprotocol_name=ESMTP\nclient_address=${CLIENT}\n\n`,
    ),
    answer: /^action=(\S+)[^\n]*\n\n/,
    isUnknown: (word: string) => word === 'DEFER_IF_REJECT',
  },
} as const;

export function question(
  place: Place,
  kind: keyof typeof protocols,
  { clock, limitMs }: { clock: Clock; limitMs: number },
): Promise<Answer> {
  const { question: words, answer, isUnknown } = protocols[kind];
  return new Promise((resolve, reject) => {
    const wildcards: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };
    const socket =
      place.transport === 'unix'
        ? connect(place.path)
        : connect(place.port, wildcards[place.host] ?? place.host);
    let said = '';
    const end = (settle: () => void): void => {
      timer.stop();
      socket.destroy();
      settle();
    };
    const fail = (error: Error): void => {
      end(() => {
        reject(error);
      });
    };
    const timer = clock.after(limitMs, () => {
      fail(new Error(`silence for ${limitMs / 1_000} s`));
    });
    socket.setEncoding('latin1');
    socket.on('connect', () => {
      socket.write(words);
    });
    socket.on('data', (text: string) => {
      said += text;
      const word = answer.exec(said)?.[1];
      if (word !== undefined)
        end(() => {
          resolve(isUnknown(word) ? 'unknown' : 'answered');
        });
      else if (said.length > MAX_ANSWER) fail(new Error('it speaks something else'));
    });
    socket.on('error', fail);
    socket.on('close', () => {
      fail(new Error(said === '' ? 'it closes the connection' : 'it speaks something else'));
    });
  });
}
