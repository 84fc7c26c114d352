/**
 * assets - the files that the status page is made of, besides its text: script, style, icon and the chart library
 *
 * Ours stand in web/, uPlot's in its package. They are read when they are first asked for; one that is missing is an
 * answer 500 and a line in the log that names it, and the page shows its numbers without it.
 */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { Handler } from './listener.js';

const own = (name: string): string => fileURLToPath(new URL(`../../web/${name}`, import.meta.url));
const ofUplot = (name: string): string => createRequire(import.meta.url).resolve(`uplot/dist/${name}`);

const JAVASCRIPT = 'text/javascript; charset=utf-8';
const CSS = 'text/css; charset=utf-8';

/** By path: its type, and where it is. */
const files: Readonly<Record<string, readonly [type: string, file: () => string]>> = {
  '/page.js': [JAVASCRIPT, () => own('page.js')],
  '/page.css': [CSS, () => own('page.css')],
  '/icon.svg': ['image/svg+xml', () => own('icon.svg')],
  '/uplot.js': [JAVASCRIPT, () => ofUplot('uPlot.iife.min.js')],
  '/uplot.css': [CSS, () => ofUplot('uPlot.min.css')],
};

function served(type: string, file: () => string): Handler {
  let bytes: Buffer | undefined;
  return async (_, response) => {
    bytes ??= await readFile(file());
    response.writeHead(200, { 'Content-Type': type, 'Content-Length': bytes.length });
    response.end(bytes);
  };
}

/** What answers each of them. */
export function assets(): Readonly<Record<string, Handler>> {
  return Object.fromEntries(Object.entries(files).map(([path, [type, file]]) => [path, served(type, file)]));
}
