/** Every check is one that may be typed, and that the page tells of. */
import { Command } from 'commander';
import { doctorCommand } from '../../../src/ctl/doctor-command.js';
import { checks } from '../../../src/doctor/checks.js';
import { section } from '../../support/page.js';

const names = Object.keys(checks);

test('--only takes the name of each, in their order', () => {
  const program = new Command();
  doctorCommand(program, false);
  const only = program.commands[0]?.options.find(({ long }) => long === '--only');
  expect(only?.argChoices).toEqual(names);
});

test.each(names)('the page tells of %s', (name) => {
  expect(section('docs/doctor.md', 'dracctl doctor')).toContain(`| \`${name}\``);
});
