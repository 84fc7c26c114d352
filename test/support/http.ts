/**
 * http - what tests do with the daemon's HTTP door: find it, ask it, and read a scrape
 *
 * A request is made anew each time (no connection is kept), with any Host that a test wants to claim.
 */
import { request } from 'node:http';
import type { Daemon } from './daemon.js';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** The port of a daemon's HTTP door. */
export async function httpPort(daemon: Daemon): Promise<number> {
  return Number((await daemon.logged('http: listening', 10_000))['port']);
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export function ask(
  port: number,
  path: string,
  { method = 'GET', headers = {} }: Asked = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, method, headers, agent: false }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => (body += text));
      response.on('error', reject);
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body });
      });
    });
    asked.on('error', reject);
    asked.setTimeout(40_000, () => asked.destroy(new Error(`no answer from ${path}`)));
    asked.end();
  });
}

/** The lines of a scrape that are series. */
export function series(scrape: string): string[] {
  return scrape.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

/** The value of a series, written as the scrape writes it; NaN when it is not there. */
export function valueOf(scrape: string, name: string): number {
  const line = series(scrape).find((one) => one.startsWith(`${name} `));
  return line === undefined ? NaN : Number(line.slice(name.length + 1));
}
