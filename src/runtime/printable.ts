/**
 * printable - somebody else's text, made safe to show
 *
 * Limits: cut at MAX_TEXT characters.
 */

const MAX_TEXT = 256;

/** Printable ASCII of at most 256 characters; everything else as \uXXXX. */
export function printable(text: string): string {
  const cut = text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT)}...` : text;
  return cut.replace(/[^\x20-\x7e]/gu, (character) =>
    Array.from(
      { length: character.length },
      (_, i) => `\\u${character.charCodeAt(i).toString(16).padStart(4, '0')}`,
    ).join(''),
  );
}
