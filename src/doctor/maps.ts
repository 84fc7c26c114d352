/**
 * maps - the check `maps`: every exported file, read by the tool of those who read it
 *
 * A key that no client can have must be "not found" without a complaint. Where the daemon tells who may relay, one of
 * these, the one that lasts longest, must be found. And what the file itself begins with must not be over:
 * that would be a file which nobody keeps, and which lets relay for ever.
 *
 * Limits: of a large map the beginning is looked through for what is over, not the whole.
 */
import { stat } from 'node:fs/promises';
import type { Examined, Live, MapFile } from './check.js';
import { reasonOf } from '../core/fault.js';
import { bad, type Finding, ok } from './finding.js';
import { type MapReader, readerOf } from './map-reader.js';

/** No client is called so. */
const ABSENT = 'no-such-client.invalid';
/** The dead man's switch comes each minute; then some time to do it. */
const OVER_MS = 150_000;
/** A lease that ends sooner may end while it is looked for. */
const LASTING_MS = 30_000;
/** On top of a snapshot's interval: the time to build it. */
const BUILDING_MS = 15_000;

const DAMAGED =
  'a running dracd writes it anew within two seconds of noticing; if it does not: systemctl restart dracd, then postfix reload';

/** Somebody who may relay and should be found in this file by now. */
function canary(live: readonly Live[], map: MapFile, now: number): Live | undefined {
  return live.find(
    ({ endsAt = Infinity, madeAt = now }) =>
      endsAt - now > LASTING_MS && (map.format === 'lmdb' || now - madeAt > map.intervalMs + BUILDING_MS),
  );
}

async function* readMap(map: MapFile, reader: MapReader, examined: Examined): AsyncGenerator<Finding> {
  const { file, key, tool } = { file: map.path, key: map.key, tool: reader.tool };
  const absent = await reader.lookup(ABSENT);
  if (absent.kind === 'failed') {
    yield bad('error', `it cannot be read (${tool}): ${absent.reason}`, { file, key, cure: DAMAGED });
    return;
  }
  if (absent.kind === 'found') {
    yield bad('error', 'it says yes to a key that no client has', {
      file,
      key,
      value: `${ABSENT}: ${absent.value}`,
      cure: 'dracd has not written this; move it away, then: systemctl restart dracd',
    });
    return;
  }
  yield ok(`it can be read (${tool})`, { file, key });
  yield* over(map, reader, examined);
  yield* birds(map, reader, examined);
}

async function* over(map: MapFile, reader: MapReader, { clock }: Examined): AsyncGenerator<Finding> {
  if (!map.hasEnds) return;
  const now = clock.wall();
  const ended = (await reader.some()).filter(
    ([, value]) => /^\d{9,11}$/.test(value) && Number(value) * 1_000 < now - OVER_MS,
  );
  const [first] = ended;
  if (first === undefined) return;
  yield bad('error', 'it lets relay who may no longer: nobody takes out what is over', {
    file: map.path,
    key: map.key,
    value: `${first[0]} ended at ${new Date(Number(first[1]) * 1_000).toISOString()}`,
    cure: 'start dracd, and enable dracd-expire.timer, which does it while dracd is down',
  });
}

async function* birds(map: MapFile, reader: MapReader, examined: Examined): AsyncGenerator<Finding> {
  const { adminSockets, asking, clock } = examined;
  const [socket] = adminSockets;
  if (socket === undefined || !map.isCanonical) return;
  // Without an answer there is no canary: that is told by the check `daemon`.
  const live = await asking.live(socket).catch(() => []);
  const bird = canary(live, map, clock.wall());
  if (bird === undefined) return;
  const where = { file: map.path, key: map.key, value: bird.address };
  const found = await reader.lookup(bird.address);
  if (found.kind === 'found') yield ok('it knows somebody who may relay', where);
  else
    yield bad('error', 'it does not know somebody who may relay', {
      ...where,
      cure: `see dracd's log for "map"; is it the file of this daemon? (${map.key})`,
    });
}

async function* oneMap(map: MapFile, examined: Examined): AsyncGenerator<Finding> {
  const where = { file: map.path, key: map.key };
  try {
    const stats = await stat(map.path);
    if (!stats.isFile()) {
      yield bad('error', 'it is no regular file', {
        ...where,
        cure: `move it away, then: systemctl restart dracd`,
      });
      return;
    }
  } catch (thrown) {
    const isGone = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    yield isGone
      ? bad('error', 'the file is not there: mail servers put off whom they should let relay', {
          ...where,
          cure: 'start dracd: it writes the file before it is ready; then: postfix reload',
        })
      : bad('note', `it could not be examined: ${reasonOf(thrown)}`, {
          ...where,
          cure: 'run it as root (sudo)',
        });
    return;
  }
  const reader = readerOf(map, examined);
  if (typeof reader === 'string')
    yield bad('note', `it was not read: ${reader}`, { ...where, cure: 'install the tool to have it tried' });
  else yield* readMap(map, reader, examined);
}

export async function* maps(examined: Examined): AsyncGenerator<Finding> {
  if (examined.maps.length === 0) yield ok('there are none');
  for (const map of examined.maps) yield* oneMap(map, examined);
}
