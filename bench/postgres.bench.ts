/** What the PostgreSQL backend costs and gains, beside loops with `pg` alone. */
import type { Scenario } from './harness/row.js';
import { append } from './postgres/append.bench.js';
import { growth } from './postgres/growth.bench.js';
import { latency } from './postgres/latency.bench.js';
import { reading } from './postgres/reading.bench.js';

export const postgres: readonly Scenario[] = [append, reading, latency, growth];
