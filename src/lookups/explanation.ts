/**
 * explanation - what a refused client is told, in words that SMTP can carry
 *
 * A template with placeholders becomes one line of printable ASCII: accents are taken off letters (`für` is
 * `fur`), typographic signs are written with plain ones, whatever remains that is no ASCII is `?`, control
 * characters and runs of blanks are one blank.
 *
 * Limits: MAX_TEXT characters, because the line of a reply may have 512 with the code and what the mail server
 * puts before it (RFC 5321, section 4.5.3.1.5).
 */

/** The longest text, in characters. */
export const MAX_TEXT = 400;

/** What Unicode does not take apart, and people write. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: 'ss',
  ẞ: 'SS',
  æ: 'ae',
  Æ: 'AE',
  œ: 'oe',
  Œ: 'OE',
  ø: 'o',
  Ø: 'O',
  đ: 'd',
  Đ: 'D',
  ł: 'l',
  Ł: 'L',
  ı: 'i',
  '‘': "'",
  '’': "'",
  '‚': "'",
  '“': '"',
  '”': '"',
  '„': '"',
  '«': '"',
  '»': '"',
  '–': '-',
  '—': '-',
  '−': '-',
};
const MARKS = /\p{Mark}/gu;
const NOT_ASCII = /[^\x20-\x7e]/gu;
/** What stands for one blank: blanks, line ends, controls, and what is there without being seen. */
const BLANKS = /[\s\p{Cc}\p{Cf}]+/gu;

/** The text as one line of printable ASCII. */
export function smtpText(text: string): string {
  const plain = text
    .replace(BLANKS, ' ')
    .replace(NOT_ASCII, (character) => PLAIN[character] ?? character)
    .normalize('NFKD')
    .replace(MARKS, '')
    .replace(NOT_ASCII, '?')
    .replace(/ +/g, ' ')
    .trim();
  return plain.length > MAX_TEXT ? `${plain.slice(0, MAX_TEXT - 3)}...` : plain;
}

const PLACEHOLDER = /\{([^{}]*)\}/g;

/** The placeholders that a template has, each once. */
export function placeholders(template: string): string[] {
  return [...new Set([...template.matchAll(PLACEHOLDER)].map((match) => match[1] ?? ''))];
}

/** The template with its placeholders replaced; one that has no value is left as it is. */
export function fill(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(PLACEHOLDER, (whole, name: string) =>
    Object.hasOwn(values, name) ? (values[name] ?? '') : whole,
  );
}
