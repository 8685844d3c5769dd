import { describe, it } from 'vitest';
import { eventStoreContract } from '@allframe/nestjs/testing';
import { FaultyBackend, faultySubject } from './faulty-backend.js';

class WithGaps extends FaultyBackend {
  protected override nextPosition(): number {
    return super.nextPosition() + (this.data.log.length % 3);
  }
}

// A correct backend with every fault at hand: here no line but those of the other mode is skipped.
eventStoreContract(
  { describe, it },
  faultySubject('faulty', (disk) => new FaultyBackend(disk)),
);

// The same, but acknowledging before it has made durable, which costs something in a crash, and with gaps in its positions.
eventStoreContract(
  { describe, it },
  faultySubject('faulty, weak', (disk) => new WithGaps(disk, true), {
    capabilities: {
      durable: true,
      transactional: true,
      duplicateWindow: Infinity,
      losesTail: true,
      positionsHaveGaps: true,
    },
  }),
);
