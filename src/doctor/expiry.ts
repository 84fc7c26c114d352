/**
 * expiry - the check `expiry`: the dead man's switch is on
 *
 * While dracd is down nobody but dracd-expire.timer takes out of the maps what is over.
 */
import { existsSync } from 'node:fs';
import type { Examined } from './check.js';
import { bad, type Finding, ok } from './finding.js';

const TIMER = 'dracd-expire.timer';
/** There while systemd is process 1. */
const SYSTEMD = '/run/systemd/system';
const RISK = 'while dracd is down, those whose time is over would relay on';

export async function* expiry({ maps, programs }: Examined): AsyncGenerator<Finding> {
  const where = { key: TIMER };
  if (maps.length === 0) {
    yield ok('there is no file that could outlive the daemon');
    return;
  }
  const systemctl = programs.find('systemctl');
  if (systemctl === undefined || !existsSync(SYSTEMD)) {
    yield bad('note', `systemd does not run here: ${RISK}`, {
      ...where,
      cure: 'run `dracd --expire-map` each minute as the user of dracd, by cron',
    });
    return;
  }
  const ask = async (verb: string): Promise<string> =>
    (await programs.run(systemctl, [verb, TIMER])).stdout.trim();
  const enabled = await ask('is-enabled');
  const active = await ask('is-active');
  const value = `${enabled === '' ? 'not found' : enabled}, ${active}`;
  const isEnabled = enabled.startsWith('enabled');
  if (isEnabled && active === 'active') {
    yield ok('it is enabled and active', { ...where, value });
    return;
  }
  const isThere = enabled !== '' && enabled !== 'not-found';
  const what = isThere ? `it is not ${isEnabled ? 'active' : 'enabled'}` : 'it is not installed';
  yield bad('warning', `${what}: ${RISK}`, {
    ...where,
    value,
    cure: `${isThere ? '' : 'install the units (README, "As a service"), then: '}systemctl enable --now ${TIMER}`,
  });
}
