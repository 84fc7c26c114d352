/** crowd - so many of one name, others all the same, and room when one has gone */
import { EventEmitter } from 'node:events';
import { Crowd } from '../../../src/runtime/crowd.js';

test('so many of one name; the others are not hurt', () => {
  const crowd = new Crowd(2);
  const guests = Array.from({ length: 4 }, () => new EventEmitter());
  expect(guests.map((guest) => crowd.admits('one', guest))).toEqual([true, true, false, false]);
  expect(crowd.admits('another', new EventEmitter())).toBe(true);
  // One that was not let in makes no room.
  guests[3]?.emit('close');
  expect(crowd.admits('one', new EventEmitter())).toBe(false);
  guests[0]?.emit('close');
  expect(crowd.admits('one', new EventEmitter())).toBe(true);
});

test('nobody is remembered of whom there is nothing', () => {
  const crowd = new Crowd(2);
  const guests = Array.from({ length: 100 }, () => new EventEmitter());
  for (const [i, guest] of guests.entries()) crowd.admits(`name ${i % 60}`, guest);
  expect(crowd.size).toBe(60);
  for (const guest of guests) guest.emit('close');
  expect(crowd.size).toBe(0);
});
