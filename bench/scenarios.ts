import { allsource } from './allsource.bench.js';
import { commands } from './commands.bench.js';
import type { Scenario } from './harness/row.js';
import { postgres } from './postgres.bench.js';
import { append } from './scenarios/append.bench.js';
import { delivery } from './scenarios/delivery.bench.js';
import { memory } from './scenarios/memory.bench.js';
import { overhead } from './scenarios/overhead.bench.js';
import { readStream } from './scenarios/read-stream.bench.js';
import { replay } from './scenarios/replay.bench.js';
import { streams } from './scenarios/streams.bench.js';
import { update } from './scenarios/update.bench.js';

/** Everything that is measured, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [
  append,
  readStream,
  replay,
  delivery,
  update,
  overhead,
  streams,
  memory,
  commands,
  ...allsource,
  ...postgres,
];
