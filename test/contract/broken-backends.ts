import type { Broken } from './broken/broken.js';
import { brokenAppends } from './broken/broken-appends.js';
import { brokenContents } from './broken/broken-contents.js';
import { brokenFailures } from './broken/broken-failures.js';
import { brokenLives } from './broken/broken-lives.js';
import { brokenReads } from './broken/broken-reads.js';
import { brokenRecords } from './broken/broken-records.js';
import { brokenRepeats } from './broken/broken-repeats.js';

/** Backends that are wrong in one thing each: the kit has to catch every one of them by name. */
export const brokenBackends: readonly Broken[] = [
  ...brokenAppends,
  ...brokenContents,
  ...brokenRepeats,
  ...brokenReads,
  ...brokenLives,
  ...brokenRecords,
  ...brokenFailures,
];
