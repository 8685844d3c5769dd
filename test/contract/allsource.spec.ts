import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, it } from 'vitest';
import { AllSourceBackend } from '../../lib/backends/allsource/allsource-backend.js';
import { eventStoreContract } from '../../lib/testing/contract/event-store-contract.js';

const root = mkdtempSync(join(tmpdir(), 'allframe-contract-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

eventStoreContract(
  { describe, it },
  {
    name: 'allsource, on this disk',
    open: (place) => new AllSourceBackend({ persistencePath: join(root, place), sealIn: 'process' }),
    remove: (place) => rmSync(join(root, place), { recursive: true, force: true }),
    capabilities: { durable: true, transactional: false, duplicateWindow: 100_000 },
    runs: 30,
  },
);
