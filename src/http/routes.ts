/**
 * routes - what the HTTP door answers, by path
 */
import { reasonsOf } from './health.js';
import type { Handler } from './listener.js';
import { Metrics } from './metrics.js';
import type { SampleSource } from './sample.js';

function json(status: number, body: unknown): Handler {
  return (_, response) => {
    response.writeHead(status, { 'Content-Type': 'application/json; charset=utf-8' });
    response.end(`${JSON.stringify(body)}\n`);
  };
}

export function routes(source: SampleSource): Readonly<Record<string, Handler>> {
  const metrics = new Metrics(source);
  return {
    '/metrics': async (_, response) => {
      const text = await metrics.text();
      response.writeHead(200, { 'Content-Type': metrics.contentType });
      response.end(text);
    },
    '/livez': json(200, { status: 'ok', reasons: [] }),
    '/readyz': (request, response) => {
      const reasons = reasonsOf(source.sample());
      const ready = reasons.length === 0;
      void json(ready ? 200 : 503, { status: ready ? 'ok' : 'degraded', reasons })(request, response);
    },
  };
}
