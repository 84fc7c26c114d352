/**
 * config-audit - the section [audit] of the configuration
 */
import { z } from 'zod';
import { PRIVACY_MODES } from './audit/record.js';

const DAY_MS = 86_400_000;
const MAX_DAYS = 3_650;

/** What each key allows, in words. */
export const auditAllowed = {
  audit: 'a table [audit]',
  'audit.file': 'an absolute path of a file in a directory that dracd may write in, or "" for the log alone',
  'audit.retention': `a number of whole days from "1d" to "${MAX_DAYS}d"`,
  'audit.privacy': PRIVACY_MODES.map((mode) => `"${mode}"`).join(', '),
} as const;

const days = z.string().transform((text, context) => {
  const count = /^[1-9]\d{0,3}d$/.test(text) ? parseInt(text, 10) : Infinity;
  if (count <= MAX_DAYS) return count * DAY_MS;
  context.addIssue({ code: 'custom', message: 'not a number of days in range' });
  return z.NEVER;
});

export const auditSection = z
  .strictObject({
    file: z
      .string()
      .max(4_000)
      .regex(/^(?:|\/[^\0]*[^\0/])$/)
      .default(''),
    retention: days.prefault('90d'),
    privacy: z.enum(PRIVACY_MODES).default('full'),
  })
  .prefault({});
