/** What ships for Prometheus and Grafana speaks of metrics that there are. */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { rows } from '../../../src/http/metrics.js';
import { section } from '../../support/page.js';

const root = path.resolve(import.meta.dirname, '../../..');
const series = new Map<string, string>(
  Object.entries(rows).flatMap(([name, { type }]) =>
    type === 'histogram'
      ? ['bucket', 'sum', 'count'].map((ending) => [`${name}_${ending}`, name] as const)
      : [[name, name] as const],
  ),
);

const files = ['prometheus/dracd.rules.yml', 'grafana/dracd.json'];

test.each(files)('%s uses only metrics that exist', (file) => {
  const text = readFileSync(path.join(root, file), 'utf8');
  const used = [...text.matchAll(/\bdracd_\w+/g)].map(([name]) => name);
  expect(used.length).toBeGreaterThan(10);
  expect([...new Set(used)].filter((name) => !series.has(name))).toEqual([]);
});

/** Metrics that say that something is wrong, or will be: by their names, and those that are known. */
const alarming = Object.keys(rows).filter((name) =>
  /_(?:degraded|full|lost_total|drops_total|forwards|behind_seconds|expires_timestamp_seconds)$/.test(name),
);

test('what is degraded, full, lost or over has an alert', () => {
  const text = readFileSync(path.join(root, 'prometheus/dracd.rules.yml'), 'utf8');
  expect(alarming.length).toBeGreaterThan(7);
  const asked = [...text.matchAll(/^ {8}expr: (.*)$/gm)].map(([, expr]) => expr ?? '').join('\n');
  expect(alarming.filter((name) => !new RegExp(`\\b${name}\\b`).test(asked))).toEqual([]);
});

test('every alert says what is wrong, how grave it is, and what to do', () => {
  const text = readFileSync(path.join(root, 'prometheus/dracd.rules.yml'), 'utf8');
  const alerts = text.split(/^ {6}- alert: /m).slice(1);
  expect(alerts.length).toBeGreaterThan(10);
  for (const alert of alerts) {
    expect(alert).toMatch(/^\w+\n/);
    for (const key of ['expr: ', 'labels: { severity: (?:page|ticket) }', "summary: '", "description: '"])
      expect(alert).toMatch(new RegExp(key));
  }
});

test('the page tells of each alert, and how grave it is', () => {
  const text = readFileSync(path.join(root, 'prometheus/dracd.rules.yml'), 'utf8');
  const rules = [...text.matchAll(/- alert: (\w+)\n[^]*?severity: (\w+)/g)].map(([, name, severity]) => [
    name,
    severity,
  ]);
  const told = [
    ...section('docs/operations.md', 'The alerts').matchAll(/^\| (`Dracd.*?) \| (\w+) \|/gm),
  ].flatMap(([, names = '', severity]) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name]) => [name, severity]),
  );
  expect(told.sort()).toEqual(rules.sort());
});

test('the dashboard is one that Grafana can import: panels apart from one another, each with a question', () => {
  const board = JSON.parse(readFileSync(path.join(root, 'grafana/dracd.json'), 'utf8')) as {
    uid: string;
    panels: { id: number; gridPos: Record<'x' | 'y' | 'w' | 'h', number>; targets: { expr: string }[] }[];
  };
  expect(board.uid).toBe('dracd');
  expect(new Set(board.panels.map(({ id }) => id)).size).toBe(board.panels.length);
  const cells = board.panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, i) => `${x + (i % w)} ${y + Math.floor(i / w)}`),
  );
  expect(new Set(cells).size).toBe(cells.length);
  for (const { gridPos, targets } of board.panels) {
    expect(gridPos.x + gridPos.w).toBeLessThanOrEqual(24);
    expect(targets.map(({ expr }) => expr).join()).toContain('dracd_');
  }
});
