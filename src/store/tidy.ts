/**
 * tidy - what a start does with the segments that recovery has read
 */
import { Fault, reasonOf } from '../core/fault.js';
import type { Log } from '../runtime/log.js';
import { cutFile, type Files, removeFile } from './files.js';
import { HEADER_BYTES } from './frame.js';
import type { RecoveredSegment } from './recover.js';

/** The remains of an interrupted write are cut, segments without a frame removed; the others are kept. */
export async function tidySegments(
  segments: readonly RecoveredSegment[],
  { files, log, onKept }: { files: Files; log: Log; onKept: (segment: RecoveredSegment) => void },
): Promise<void> {
  for (const segment of segments) {
    const { end, file, keep, state } = segment;
    try {
      if (end <= HEADER_BYTES && !keep) await removeFile(files, file);
      else {
        onKept(segment);
        if (state === 'torn') await cutFile(files, file, end);
      }
    } catch (error) {
      log.warn('journal: cannot tidy a segment', { segment: file, error: reasonOf(error) });
    }
  }
}

/** Removes every segment; one that cannot be removed would bring its grants back, so it stops the start. */
export async function removeSegments(files: Files, segments: readonly RecoveredSegment[]): Promise<void> {
  for (const { file } of segments) {
    try {
      await removeFile(files, file);
    } catch (error) {
      throw new Fault('STORE', `cannot remove the journal segment ${file}: ${reasonOf(error)}`, error);
    }
  }
}
