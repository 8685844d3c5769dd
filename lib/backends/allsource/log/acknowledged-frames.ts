import { StoreCorruptedError } from '../allsource.errors.js';
import { type Frame, scanFrames } from './log-scan.js';
import { readSegmentHeader } from './segment-header.js';

/**
 * The frames of a file of the log, up to and with a commit that has been acknowledged: all of them have to be there.
 * @param bytes the whole file
 * @throws StoreCorruptedError at the first that is not
 */
export function* acknowledgedFrames(
  path: string,
  bytes: Buffer,
  through: number,
): Generator<Frame, void, undefined> {
  const start = readSegmentHeader(bytes);
  if (start === undefined) {
    throw new StoreCorruptedError(path, 0, 'the header of the file is damaged', 'the commits in it');
  }
  const { end, offset, problem } = yield* scanFrames(bytes, start, through);
  if (end.sequence === through) return;
  const lost = `commits ${end.sequence + 1} to ${through}`;
  throw new StoreCorruptedError(path, offset, problem ?? 'frames are missing here', lost);
}
