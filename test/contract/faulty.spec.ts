import { describe, it } from 'vitest';
import { eventStoreContract } from '@allframe/nestjs/testing';
import { FaultyBackend, faultySubject } from './faulty-backend.js';

// A correct backend with every fault at hand: here no line but those of the other mode is skipped.
eventStoreContract(
  { describe, it },
  faultySubject('faulty', (disk) => new FaultyBackend(disk)),
);

// The same, but acknowledging before it has made durable: what a crash costs then, and that positions have gaps.
eventStoreContract(
  { describe, it },
  faultySubject('faulty, weak', (disk) => new FaultyBackend(disk, true), {
    capabilities: {
      durable: true,
      transactional: true,
      duplicateWindow: Infinity,
      losesTail: true,
      positionsHaveGaps: true,
    },
  }),
);
