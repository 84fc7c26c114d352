/**
 * printable - somebody else's text, made safe to show: in logs and replies (printable), and to people (legible)
 *
 * Limits: cut at MAX_TEXT and MAX_LEGIBLE characters.
 */

const MAX_TEXT = 256;
/** Of a sentence that holds such texts. */
const MAX_LEGIBLE = 1_024;

/**
 * What a terminal could obey, what changes the order of writing, what is not seen at all, and what no text has: controls,
 * formats, line separators, private and unassigned characters, halves of pairs, fillers.
 */
const ILLEGIBLE =
  /[\p{C}\p{Zl}\p{Zp}\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\ufffc\ufffd\u{e0100}-\u{e01ef}]/gu;

const shortened = (text: string, most: number): string =>
  text.length > most ? `${text.slice(0, most)}...` : text;

function escaped(character: string): string {
  return Array.from(
    { length: character.length },
    (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
  ).join('');
}

/** Letters, signs and digits of any script, as they are; everything else as \uXXXX. */
export function legible(text: string): string {
  return shortened(text, MAX_LEGIBLE).replace(ILLEGIBLE, escaped);
}

/** Printable ASCII of at most 256 characters; everything else as \uXXXX. */
export function printable(text: string): string {
  return shortened(text, MAX_TEXT).replace(/[^\x20-\x7e]/gu, escaped);
}
