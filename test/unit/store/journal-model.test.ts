/** journal against a model - whatever is committed, fails, is killed or rotated: what was acknowledged is there. */
import fc from 'fast-check';
import { addressToBytes, type ClientAddress } from '../../../src/core/address.js';
import type { Grant } from '../../../src/core/grant.js';
import { contains, parseNetwork, type Network } from '../../../src/core/network.js';
import type { Files } from '../../../src/store/files.js';
import { JournalBench, grantOf } from './journal-bench.js';
import type { Trick } from './watched-files.js';

const LIFETIME = 60_000;

interface World {
  readonly bench: JournalBench;
  /** The latest end that was acknowledged, of each client. */
  readonly acknowledged: Map<ClientAddress, number>;
  /** All that was ever handed to commit. */
  readonly told: Set<string>;
}

const key = ({ client, reporter, expiresAt }: Grant): string => `${client} ${reporter} ${expiresAt}`;

/** What is wrong with the grants of a start: acknowledged ones that are missing, and ones nobody has committed. */
function wrong({ bench, acknowledged, told }: World, grants: readonly Grant[]): string[] {
  const found = new Map(grants.map((grant) => [grant.client, grant]));
  const now = bench.clock.wall();
  const lost = [...acknowledged].filter(
    // A later end that was written but never acknowledged may be there instead.
    ([client, end]) => end > now && (found.get(client)?.expiresAt ?? 0) < end,
  );
  const invented = grants.filter((grant) => !told.has(key(grant)) || grant.expiresAt <= now);
  return [
    ...lost.map(([client, end]) => `lost ${client} until ${end}`),
    ...invented.map((grant) => `invented ${key(grant)}`),
    ...(found.size === grants.length ? [] : ['a client twice']),
  ];
}

async function commit(world: World, grants: readonly Grant[]): Promise<void> {
  const { bench, acknowledged, told } = world;
  for (const grant of grants) told.add(key(grant));
  if ((await bench.commit(...grants)) !== undefined) return;
  for (const { client, expiresAt } of grants)
    acknowledged.set(client, Math.max(acknowledged.get(client) ?? 0, expiresAt));
}

async function revoke({ bench, acknowledged, told }: World, text: string): Promise<void> {
  const network = parseNetwork(text) as Network;
  const isMeant = (one: string): boolean => contains(network, addressToBytes(one as ClientAddress));
  const fault = await bench.revoke(text);
  // One that failed may be on the disk or not.
  for (const one of [...acknowledged.keys()]) if (isMeant(one)) acknowledged.delete(one);
  if (fault !== undefined) return;
  for (const one of [...told]) if (isMeant(one.split(' ')[0] ?? '')) told.delete(one);
}

interface Step {
  readonly what: string;
  readonly run: (world: World) => Promise<void>;
  /** For the counterexample. */
  toString(): string;
}

const step = (what: string, run: Step['run']): Step => ({ what, run, toString: () => what });

const client = fc.oneof(
  fc.nat(11).map((i) => `10.0.0.${i}`),
  fc.nat(3).map((i) => `2001:db8::${i + 1}`),
);
const commits = fc
  .array(fc.record({ client, ms: fc.integer({ min: 1, max: LIFETIME }), by: fc.nat(2) }), {
    minLength: 1,
    maxLength: 6,
  })
  .map((all) =>
    step(`commit ${all.map((one) => `${one.client}+${one.ms}`).join()}`, (world) =>
      commit(
        world,
        all.map((one) => grantOf(one.client, world.bench.clock.wall() + one.ms, `192.0.2.${one.by}`)),
      ),
    ),
  );

const revocations = fc
  .constantFrom('10.0.0.3', '10.0.0.0/30', '10.0.0.0/8', '2001:db8::1', '2001:db8::/64', '0.0.0.0/0', '::/0')
  .map((text) => step(`revoke ${text}`, (world) => revoke(world, text)));

const ticks = fc
  .record({
    ms: fc.constantFrom(0, 500, 1_000, 5_000, 16_000, 31_000, 125_000),
    times: fc.integer({ min: 1, max: 3 }),
  })
  .map(({ ms, times }) =>
    step(`tick ${times} times ${ms}`, async ({ bench }) => {
      for (let i = 0; i < times; i += 1) await bench.tick(ms);
    }),
  );

const tricks: readonly (readonly [keyof Files, Trick])[] = [
  ['write', { error: 'EIO' }],
  ['write', { error: 'EIO', written: 9 }],
  ['write', { error: 'ENOSPC', written: 25 }],
  ['write', { short: 10 }],
  ['fdatasync', { error: 'EIO' }],
  ['fsync', { error: 'ENOSPC' }],
  ['open', { error: 'ENOSPC' }],
  ['ftruncate', { error: 'EIO' }],
  ['unlink', { error: 'EIO' }],
];
const breaks = fc.subarray([...tricks], { minLength: 1, maxLength: 2 }).map((broken) =>
  step(`break ${JSON.stringify(broken)}`, ({ bench }) => {
    bench.files.trick = ({ name }) => broken.find(([of]) => of === name)?.[1];
    return Promise.resolve();
  }),
);
const mends = fc.constant(
  step('mend', ({ bench }) => {
    bench.files.release();
    return Promise.resolve();
  }),
);

/** The wall clock jumps, and is right again before anything is restarted. */
const jumps = fc.constantFrom(-3_600_000, 3_600_000).map((ms) =>
  step(`tick while the wall clock is ${ms} off`, async ({ bench }) => {
    bench.clock.wallMs += ms;
    await bench.tick();
    await bench.tick();
    bench.clock.wallMs -= ms;
  }),
);

async function restart(world: World, kill: boolean): Promise<void> {
  const { bench } = world;
  if (kill) await bench.crash();
  await bench.close();
  const grants = await bench.open().catch((error: unknown) => {
    // A broken disk may stop a start; the next one then finds it mended.
    expect(error).toMatchObject({ code: 'STORE' });
    bench.files.release();
    return bench.open();
  });
  expect(wrong(world, grants)).toEqual([]);
}
const restarts = fc
  .boolean()
  .map((kill) => step(kill ? 'kill and open' : 'close and open', (world) => restart(world, kill)));

async function play(steps: readonly Step[]): Promise<void> {
  const bench = new JournalBench(LIFETIME);
  const world: World = { bench, acknowledged: new Map(), told: new Set() };
  try {
    await bench.open();
    for (const { run } of steps) await run(world);
    await restart(world, true);
    await restart(world, false);
  } finally {
    await bench.remove();
  }
}

test('acknowledged and alive is there after each start, and nothing that was never committed', async () => {
  const any = fc.oneof(
    { arbitrary: commits, weight: 6 },
    { arbitrary: revocations, weight: 3 },
    { arbitrary: ticks, weight: 4 },
    { arbitrary: breaks, weight: 2 },
    { arbitrary: mends, weight: 2 },
    { arbitrary: jumps, weight: 1 },
    { arbitrary: restarts, weight: 2 },
  );
  await fc.assert(fc.asyncProperty(fc.array(any, { minLength: 1, maxLength: 40, size: 'max' }), play), {
    numRuns: 40,
  });
});
