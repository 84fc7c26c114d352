/** What every way in promises, whatever it speaks; asked as its reporters would ask. */
import type { ClientAddress } from '../../src/core/address.js';
import type { Outcome, Report } from '../../src/core/ledger.js';
import { HostAddresses } from '../../src/intake/host-addresses.js';
import type { Authorizer, Intake } from '../../src/intake/intake.js';
import { intakes, type IntakeName } from '../../src/intake/intakes.js';
import { systemClock } from '../../src/runtime/clock.js';
import { Counters } from '../../src/runtime/counters.js';
import { silentLog } from '../../src/runtime/log.js';
import { freePort, pause, settlesWithin, until } from '../support/processes.js';
import { SUCCESS, TcpClient, UdpClient } from '../support/rpc-client.js';

/** Longer than any stop may take; not how long it should take. */
const AT_LAST_MS = 20_000;

/** A reporter's connection to an intake, over one of its transports. */
interface Reporter {
  /** Whether the client was granted; undefined when there was no answer. */
  report(client: string): Promise<boolean | undefined>;
  close(): void;
}

interface Setup {
  readonly authorizer: Authorizer;
  readonly port: number;
  readonly believes: boolean;
}

interface Bench {
  create(setup: Setup): Intake;
  /** Each way to reach it: rejects when nobody listens, where that can be known. */
  readonly reporters: Readonly<Record<string, (port: number) => Promise<Reporter>>>;
}

const benches: Readonly<Record<IntakeName, Bench>> = {
  rpc: {
    create: ({ authorizer, port, believes }) =>
      intakes.rpc({
        addresses: ['127.0.0.1', '::1'],
        udp: true,
        tcp: true,
        port,
        rpcbind: 'off',
        strangers: 'answer',
        authorizer,
        believes: () => believes,
        nameOf: () => 'other',
        host: new HostAddresses(),
        counters: new Counters(),
        clock: systemClock,
        log: silentLog,
      }),
    reporters: Object.fromEntries(
      ['127.0.0.1', '::1'].flatMap((host) =>
        [UdpClient, TcpClient].map((kind) => [
          `${kind === UdpClient ? 'udp' : 'tcp'} ${host}`,
          async (port: number): Promise<Reporter> => {
            const client = await kind.open(port, host);
            return {
              report: async (address) => {
                const stat = await client.add(address);
                return stat === undefined ? undefined : stat === SUCCESS;
              },
              close: () => {
                client.close();
              },
            };
          },
        ]),
      ),
    ),
  },
};

/** Keeps the reports; settles them at once, or leaves that to the test. */
class Ledger implements Authorizer {
  readonly reports: Report[] = [];
  outcome: Outcome | 'wait' = 'granted';

  authorize(report: Report): void {
    this.reports.push(report);
    if (this.outcome !== 'wait') report.settle(this.outcome);
  }

  get heard(): ClientAddress[] {
    return this.reports.map(({ client }) => client);
  }
}

describe.each(Object.keys(intakes) as IntakeName[])('%s', (name) => {
  const bench = benches[name];
  const ways = Object.keys(bench.reporters);
  const intakesMade: Intake[] = [];
  const reportersMade: Reporter[] = [];
  let ledger: Ledger;
  let port: number;

  beforeEach(async () => {
    ledger = new Ledger();
    port = await freePort();
  });
  afterEach(async () => {
    for (const reporter of reportersMade.splice(0)) reporter.close();
    for (const intake of intakesMade.splice(0)) await intake.stop();
  });

  function create(believes = true): Intake {
    const intake = bench.create({ authorizer: ledger, port, believes });
    intakesMade.push(intake);
    return intake;
  }

  async function reporter(way: string): Promise<Reporter> {
    const open = bench.reporters[way];
    if (open === undefined) throw new Error(`no way ${way}`);
    const made = await open(port);
    reportersMade.push(made);
    return made;
  }

  test('can be reached', () => {
    expect(ways.length).toBeGreaterThan(0);
  });

  test('when start resolves, reports are taken and answered on every way', async () => {
    await create().start();
    for (const [index, way] of ways.entries()) {
      expect([way, await (await reporter(way)).report(`192.0.2.${index + 1}`)]).toEqual([way, true]);
    }
    ledger.outcome = 'unusable';
    for (const way of ways)
      expect([way, await (await reporter(way)).report('192.0.2.9')]).toEqual([way, false]);
    expect(ledger.heard.slice(0, ways.length)).toEqual(ways.map((_, index) => `192.0.2.${index + 1}`));
  });

  test('it does not decide whose word counts: a stranger’s report is handed on with its sender', async () => {
    await create(false).start();
    ledger.outcome = 'stranger';
    for (const way of ways)
      expect([way, await (await reporter(way)).report('192.0.2.9')]).toEqual([way, false]);
    expect(ledger.reports).toHaveLength(ways.length);
    for (const { sender } of ledger.reports) expect(['127.0.0.1', '::1']).toContain(sender);
  });

  test.each(ways)('stop lets what was taken be answered: %s', async (way) => {
    const intake = create();
    await intake.start();
    ledger.outcome = 'wait';
    const asking = (await reporter(way)).report('192.0.2.1');
    await until('the report is taken', AT_LAST_MS, () => ledger.reports.length === 1);
    const stopping = intake.stop();
    await pause(1);
    ledger.reports[0]?.settle('granted');
    expect(await asking).toBe(true);
    await stopping;
  });

  test('stop is bounded in time, whatever is never settled; what is settled then harms nobody', async () => {
    const intake = create();
    await intake.start();
    ledger.outcome = 'wait';
    const reporters = await Promise.all(ways.map(reporter));
    const asking = Promise.all(reporters.map((one) => one.report('192.0.2.1')));
    await until('the reports are taken', AT_LAST_MS, () => ledger.reports.length === ways.length);
    expect(await settlesWithin(intake.stop(), AT_LAST_MS)).toBe(true);
    for (const report of ledger.reports) report.settle('granted');
    await pause(20);
    for (const one of reportersMade.splice(0)) one.close();
    expect(await asking).toEqual(ways.map(() => undefined));
  });

  test('after the stop nothing is taken, and the place is free', async () => {
    const intake = create();
    await intake.start();
    const early = await Promise.all(ways.map(reporter));
    await intake.stop();
    for (const one of early) void one.report('192.0.2.1');
    await pause(50);
    expect(ledger.reports).toEqual([]);
    await create().start();
    for (const way of ways)
      expect([way, await (await reporter(way)).report('192.0.2.2')]).toEqual([way, true]);
  });

  test('stop before the start, twice, and at the same time, is one stop', async () => {
    const intake = create();
    await intake.stop();
    const other = create();
    await other.start();
    await Promise.all([other.stop(), other.stop()]);
    await other.stop();
    await create().start();
    expect(await (await reporter(ways[0] ?? '')).report('192.0.2.1')).toBe(true);
  });

  test('a start that fails is a Fault LISTEN and leaves nothing open', async () => {
    const first = create();
    await first.start();
    const second = create();
    await expect(second.start()).rejects.toMatchObject({ name: 'Fault', code: 'LISTEN' });
    await second.stop();
    // The first one is untouched; and when it is gone, nothing of the second stands in the way of a third.
    for (const way of ways)
      expect([way, await (await reporter(way)).report('192.0.2.1')]).toEqual([way, true]);
    await first.stop();
    await create().start();
    for (const way of ways)
      expect([way, await (await reporter(way)).report('192.0.2.1')]).toEqual([way, true]);
  });
});
