/** What the AllSource backend costs and gains: durable appends, reading, recovery, and appends while it seals. */
import { append } from './allsource/append.bench.js';
import { reading } from './allsource/reading.bench.js';
import { sealing } from './allsource/sealing.bench.js';
import type { Scenario } from './harness/row.js';

export const allsource: readonly Scenario[] = [append, reading, sealing];
