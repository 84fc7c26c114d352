/** fields - requests as nobody should send them: each is refused with the field that is wrong, and nothing is done */
import { fields as cases } from './hostile-fields.js';
import { CALLS } from '../../../src/admin/told.js';
import { closeAll, open, type Opened, refusal } from './doors.js';

let door: Opened;
beforeAll(async () => {
  door = await open();
});
afterAll(closeAll);

test.each(cases)('$call $request', async ({ call, request, wrong }) => {
  const admin = door.client();
  const calls = {
    authorize: () => admin.authorize(request),
    pin: () => admin.pin(request),
    deny: () => admin.deny(request),
    unpin: () => admin.unpin(request),
    revoke: () => admin.revoke(request),
    explain: () => admin.explain(request),
    history: () => admin.history(request),
    forget: () => admin.forget(request),
    list: () => admin.list(request).next(),
  };
  const { status, reason, fields, message } = await refusal(calls[call]());
  expect({ status, reason, fields }).toEqual({
    status: 'INVALID_ARGUMENT',
    reason: 'BAD_FIELD',
    fields: wrong,
  });
  expect(message).toMatch(/^[\x20-\x7e]{1,1003}$/);
  expect(door.operations.calls).toEqual([]);
});

test('a few lines in the log, and at the end how many more', async () => {
  await door.server.stop();
  const told = door.said.filter(({ event }) => event.startsWith('admin: a call was refused'));
  expect(told.map(({ fields }) => fields['more'])).toEqual([
    ...Array<undefined>(CALLS),
    cases.length - CALLS,
  ]);
});
