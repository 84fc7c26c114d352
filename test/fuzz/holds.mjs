/** holds - what every fuzzed decoder is held to, and how streams are cut */

/** What must hold did not. @param {boolean} holds @param {string} what */
export function must(holds, what) {
  if (!holds) throw new Error(what);
}

/** What `decode` gives, or undefined when it is Malformed. @template T @param {any} code @param {() => T} decode */
export function accepts(code, decode) {
  try {
    return decode();
  } catch (error) {
    if (error instanceof code.xdr.Malformed) return undefined;
    throw error;
  }
}

/** Where a stream is cut into chunks: whole, in some pieces, now and then in bytes. @param {number} length @param {import('./mutate.mjs').Random} random */
export function cuts(length, random) {
  const most = random.pick([length, length, 600, 600, 60, 60, 60, 3]);
  const ends = [];
  for (let at = 0; at < length; ends.push(at)) at = Math.min(length, at + 1 + random.small(most));
  return ends;
}
