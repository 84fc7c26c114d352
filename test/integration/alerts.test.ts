/** alerts - the rules for Prometheus, judged by promtool: each wakes somebody when it should, and lets him sleep when not */
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { mustRun, newDirectory, ROOT, run } from '../support/processes.js';

const RULES = path.join(ROOT, 'prometheus/dracd.rules.yml');
const TOOLS = path.join(ROOT, 'var/unpacked/prometheus');
/** promtool's clock begins with the epoch. */
const DAY = 86_400;

beforeAll(async () => {
  const unpack = path.join(ROOT, 'test/support/unpack-debian');
  await mustRun(['bash', unpack, TOOLS, 'prometheus'], { limitMs: 300_000 });
}, 310_000);

/** Whether an alert is there, two hours after the first of these values, one a minute. */
async function fires(alert: string, series: string, values: string): Promise<boolean> {
  const file = path.join(newDirectory('alerts'), 'test.yml');
  // promtool compares with labels and texts: that nothing is there is said with an empty list.
  const lines = [
    `rule_files: [${RULES}]`,
    'evaluation_interval: 1m',
    'tests:',
    '  - interval: 1m',
    `    input_series: [{ series: '${series}', values: '${values}' }]`,
    `    alert_rule_test: [{ eval_time: 2h, alertname: ${alert}, exp_alerts: [] }]`,
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  const { code, stdout, stderr } = await run([path.join(TOOLS, 'usr/bin/promtool'), 'test', 'rules', file]);
  if (code === 0) return false;
  expect(stdout + stderr).toContain(`alertname: ${alert}`);
  return true;
}

const expires = (key: string): string =>
  `dracd_admin_certificate_expires_timestamp_seconds{instance="mail", job="dracd", key="${key}"}`;
const plain = (name: string): string => `${name}{instance="mail", job="dracd"}`;

test.each([
  { alert: 'DracdAuditDegraded', series: plain('dracd_audit_degraded'), wrong: '0x110 1x20', well: '0x200' },
  { alert: 'DracdAuditLost', series: plain('dracd_audit_lost_total'), wrong: '0x110 5x20', well: '5x200' },
  {
    alert: 'DracdCertificateEnds',
    series: expires('cert'),
    wrong: `${13 * DAY}x200`,
    well: `${15 * DAY}x200`,
  },
  { alert: 'DracdCertificateEnds', series: expires('client_ca'), wrong: '60x200', well: `${30 * DAY}x200` },
  {
    alert: 'DracdJournalDegraded',
    series: plain('dracd_journal_degraded'),
    wrong: '0x110 1x20',
    well: '0x200',
  },
  { alert: 'DracdLedgerFull', series: plain('dracd_ledger_full'), wrong: '0x110 1x20', well: '0x200' },
  { alert: 'DracdRpcbindForwards', series: plain('dracd_rpcbind_forwards'), wrong: '1x200', well: '0x200' },
  { alert: 'DracdUdpDrops', series: plain('dracd_udp_drops_total'), wrong: '0+1x200', well: '7x200' },
])('$alert: $series', async ({ alert, series, wrong, well }) => {
  expect(await fires(alert, series, wrong)).toBe(true);
  expect(await fires(alert, series, well)).toBe(false);
});
