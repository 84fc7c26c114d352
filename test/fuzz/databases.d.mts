/** databases - the types of databases.mjs */

/** Whole files by their names, of test/vectors/berkeley.json. */
export const databases: Readonly<Record<string, Uint8Array>>;
