import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { AllSourceBackend } from '@allframe/nestjs/allsource';
import { type ContractSubject, eventStoreContract } from '@allframe/nestjs/testing';
import { seed } from '../store/seed.js';
import { simulatedSubject, type SimulatedSubject } from './simulated-allsource.js';

const root = mkdtempSync(join(tmpdir(), 'allframe-contract-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A place opened again is the same files. */
const onThisDisk: ContractSubject = {
  name: 'allsource, production mode on this disk',
  open: (place) => new AllSourceBackend({ persistencePath: join(root, place), sealIn: 'process' }),
  remove: (place) => rmSync(join(root, place), { recursive: true, force: true }),
  capabilities: { durable: true, transactional: false, duplicateWindow: 100_000 },
  runs: 10,
};

const inMemory: ContractSubject = {
  name: 'allsource, in memory',
  open: () => new AllSourceBackend(),
  capabilities: { durable: false, transactional: false, duplicateWindow: 100_000 },
  runs: 25,
};

const simulated: readonly SimulatedSubject[] = [
  { name: 'production mode', runs: 15 },
  { name: 'without a log', options: { enableWal: false }, isWeak: true, runs: 10 },
  // Nothing is ever synced in time, so that a power loss costs something.
  {
    name: 'synced by interval',
    options: { durability: 'interval', syncEveryMs: 3_600_000 },
    isWeak: true,
    runs: 15,
  },
  {
    name: 'sealed by parquetjs-lite after every append',
    options: { parquetCodec: 'parquetjs-lite' },
    afterAppend: (inner) => inner.flush(),
    runs: 4,
  },
  {
    name: 'sealed and merged after every append',
    options: {
      mergeFanIn: 2,
      walSegmentBytes: 4096,
      recentCacheBytes: 0,
      streamCacheBytes: 0,
      readCacheBytes: 0,
    },
    afterAppend: (inner) => inner.compact(),
    runs: 4,
  },
];

for (const subject of [inMemory, onThisDisk, ...simulated.map((mode) => simulatedSubject(mode, seed))]) {
  eventStoreContract({ describe, it }, subject);
}
