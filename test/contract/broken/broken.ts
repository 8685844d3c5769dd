import type { EventStoreBackend } from '../../../lib/core/event-store-backend.js';
import type { ContractSubject } from '../../../lib/testing/contract/contract-subject.js';

/** A backend with one fault, and the lines of the kit that have to name it. */
export interface Broken {
  /** What it does wrong, in words that follow "a backend that". */
  readonly fault: string;
  readonly subject: ContractSubject;
  /** Each of these lines has to fail. */
  readonly caughtBy: readonly string[];
}

/** A fault is waited for only so long: these backends are expected to let the kit wait in vain. */
const IMPATIENT = { patienceMs: 200, timeoutMs: 40_000, runs: 60 } as const;

/** A backend that does `fault`; the object made for a place is kept, so that it can be opened again. */
export function broken(
  fault: string,
  make: () => EventStoreBackend,
  caughtBy: readonly string[],
  more: Partial<ContractSubject> = {},
): Broken {
  const places = new Map<string, EventStoreBackend>();
  const subject: ContractSubject = {
    name: fault,
    open(place) {
      const held = places.get(place) ?? make();
      places.set(place, held);
      return held;
    },
    capabilities: { durable: true, transactional: false, duplicateWindow: Infinity },
    ...more,
    ...IMPATIENT,
  };
  return { fault, subject, caughtBy };
}

/** The same for a subject of its own making. */
export function brokenSubject(subject: ContractSubject, caughtBy: readonly string[]): Broken {
  return { fault: subject.name, subject: { ...subject, ...IMPATIENT }, caughtBy };
}

/** Lets others have their turn, which a correct backend would not have done in the middle of a commit. */
export function aTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
