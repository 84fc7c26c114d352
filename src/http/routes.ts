/**
 * routes - what the HTTP door answers, by path
 *
 *   /          the status page        /events  its stream     /page.js ...  what it is made of
 *   /metrics   for Prometheus         /livez   /readyz        for whoever restarts or sends traffic
 *
 * A scrape and the page are made at most once every FRESH_MS, however many ask: what is sent costs little, what is
 * made costs milliseconds that reports would wait for.
 */
import type { Clock } from '../runtime/clock.js';
import { assets } from './assets.js';
import { reasonsOf, warningsOf } from './health.js';
import { History } from './history.js';
import type { Handler } from './listener.js';
import { Metrics } from './metrics.js';
import { Page } from './page.js';
import type { SampleSource } from './sample.js';
import { Stream } from './stream.js';

const FRESH_MS = 200;

/** Makes a thing anew when it is asked for and no longer fresh. */
function fresh<T>(clock: Pick<Clock, 'mono'>, make: () => T): () => T {
  let made: { readonly value: T; readonly at: number } | undefined;
  return () => {
    if (made === undefined || clock.mono() - made.at >= FRESH_MS) made = { value: make(), at: clock.mono() };
    return made.value;
  };
}

function json(status: number, body: unknown): Handler {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(`${JSON.stringify(body)}\n`);
  };
}

export interface RoutesOptions {
  readonly source: SampleSource;
  readonly showAddresses: boolean;
  readonly clock: Clock;
}

export interface Routes {
  readonly handlers: Readonly<Record<string, Handler>>;
  /** Begins to keep the last hour. */
  start(): void;
  stop(): void;
}

export function routes({ source, showAddresses, clock }: RoutesOptions): Routes {
  const metrics = new Metrics(source);
  const history = new History(source, clock);
  const page = new Page({ source, history, showAddresses, clock });
  const stream = new Stream({
    points: () => history.points(),
    sections: fresh(clock, () => page.sections()),
    clock,
  });
  const scrape = fresh(clock, () => metrics.text());
  const text = fresh(clock, () => page.text());
  const handlers: Readonly<Record<string, Handler>> = {
    '/': (_, response) => {
      response.writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' });
      response.end(text());
    },
    '/events': stream.handler,
    ...assets(),
    '/metrics': async (_, response) => {
      const told = await scrape();
      response.writeHead(200, { 'Content-Type': metrics.contentType });
      response.end(told);
    },
    '/livez': json(200, { status: 'ok', reasons: [] }),
    '/readyz': (request, response) => {
      const sample = source.sample();
      const against = reasonsOf(sample);
      const ready = against.length === 0;
      const reasons = [...against, ...warningsOf(sample)];
      return json(ready ? 200 : 503, { status: ready ? 'ok' : 'degraded', reasons })(request, response);
    },
  };
  return {
    handlers,
    start: () => {
      history.start((point) => {
        stream.point(point);
      });
      stream.start();
    },
    stop: () => {
      history.stop();
      stream.stop();
    },
  };
}
