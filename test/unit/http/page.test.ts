import { hostname } from 'node:os';
import { Page } from '../../../src/http/page.js';
import { History } from '../../../src/http/history.js';
import { FakeClock } from '../../support/fake-clock.js';
import { HandSource, QUIET } from './sources.js';

function pageOf(source: HandSource, showAddresses = false): { page: Page; clock: FakeClock } {
  const clock = new FakeClock({ wall: QUIET.startedAt + 3 * 3_600_000 });
  return { page: new Page({ source, history: new History(source, clock), showAddresses, clock }), clock };
}

test('all is well: it says so first', () => {
  const { page } = pageOf(new HandSource());
  const text = page.text();
  expect(text).toMatch(/^<!doctype html>\n<html lang="en">/);
  expect(text).toContain(`<title>dracd on ${hostname()}</title>`);
  expect(page.sections()['status']).toContain('Working');
  expect(page.sections()['status']).toContain('Up for 3 h 0 min, version 9.8.7');
  for (const section of Object.values(page.sections())) expect(text).toContain(section);
});

test('what is degraded stands first, with its cure', () => {
  const source = new HandSource();
  source.now = { ...QUIET, forwarded: true };
  const { status = '' } = pageOf(source).page.sections();
  expect(status).toContain('Degraded');
  expect(status).not.toContain('Working');
  expect(status).toContain('Cure: restart rpcbind without -r.');
});

test('a warning is told, with its cure, of a daemon that works', () => {
  const source = new HandSource();
  source.now = { ...QUIET, audit: { degraded: 'no space left', lost: 0 } };
  const { status = '' } = pageOf(source).page.sections();
  expect(status).toContain('Working');
  expect(status).not.toContain('Degraded');
  expect(status).toContain('Cure: make room on the disk of audit.file');
  source.now = { ...source.now, forwarded: true };
  expect(pageOf(source).page.sections()['status']).toMatch(/Degraded.*rpcbind.*audit/s);
});

test('no script, style or handler stands in it, and nothing is fetched from elsewhere', () => {
  const text = pageOf(new HandSource()).page.text();
  expect(text).not.toMatch(/<style|style=|<script(?! src="\/)|\son\w+=|javascript:/i);
  expect([...text.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, url = '']) => url[0])).not.toContain('h');
  expect(text).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
});

test('paths, names and reasons are text, whatever they are', () => {
  const source = new HandSource();
  const path = '/var/<script>alert(1)</script>&"\'';
  source.now = {
    ...QUIET,
    exports: [{ path, format: 'list', degraded: '<img src=x onerror=alert(1)>', behindMs: 1, ageMs: 1 }],
  };
  const text = pageOf(source).page.text();
  expect(text).not.toContain('<script>alert');
  expect(text).not.toContain('<img');
  expect(text).toContain('/var/&lt;script&gt;alert(1)&lt;/script&gt;&amp;&quot;&#39;');
});

test('numbers and tables', () => {
  const source = new HandSource();
  const { page } = pageOf(source);
  source.now = { ...QUIET, grants: { live: 12_345, max: 1_000_000, full: false } };
  source.counters.addLabelled('rpc.reports', 'pop1', 'udp', '1', 'granted');
  source.counters.addLabelled('rpc.reports', 'local', 'udp', '1', 'unusable');
  source.counters.add('lookup.socketmap.miss', 1_500);
  const {
    numbers = '',
    reporters = '',
    refusals = '',
    lookups = '',
    maps = '',
    details = '',
  } = page.sections();
  expect(numbers).toContain('12,345');
  expect(numbers).toContain('of 1,000,000 at most');
  expect(reporters).toContain('pop1');
  expect(refusals).toContain('address may not be granted');
  expect(lookups).toContain('1,500');
  expect(maps).toContain('/var/lib/dracd/relay.lmdb');
  expect(maps).toContain('3 s ago');
  expect(maps).toContain('up to date');
  expect(details).toContain('registered');
  expect(details).toContain('4.7 GiB');
});

describe('a map', () => {
  const maps = (exported: { degraded?: string; behindMs: number }): string => {
    const source = new HandSource();
    source.now = {
      ...QUIET,
      exports: [{ path: '/m', format: 'cdb', ageMs: 120_000, degraded: undefined, ...exported }],
    };
    return pageOf(source).page.sections()['maps'] ?? '';
  };

  test('that cannot be written says so', () => {
    expect(maps({ degraded: 'no room', behindMs: 9_000 })).toContain('cannot be written');
  });

  test('that is behind says for how long, when that is news', () => {
    expect(maps({ behindMs: 61_000 })).toContain('behind by 1 min');
    expect(maps({ behindMs: 900 })).toContain('up to date');
  });
});

describe('recent changes', () => {
  const changed = (): HandSource => {
    const source = new HandSource();
    source.changes = () =>
      Array.from({ length: 30 }, (_, i) => ({
        at: 1_780_000_000_000 - i * 1_000,
        kind: 'granted',
        subject: `192.0.2.${i}`,
      }));
    return source;
  };

  test('have no addresses unless the listener was told to show them', () => {
    const { page } = pageOf(changed());
    expect(page.sections()['changes']).toContain('granted');
    expect(page.sections()['changes']).toContain('20:26:40');
    expect(page.text()).not.toContain('192.0.2.');
  });

  test('have them when it was', () => {
    const { changes = '' } = pageOf(changed(), true).page.sections();
    expect(changes).toContain('192.0.2.19');
    expect(changes).not.toContain('192.0.2.20');
  });

  test('may be unknown', () => {
    expect(pageOf(new HandSource()).page.sections()['changes']).toContain('No changes are known');
  });
});
