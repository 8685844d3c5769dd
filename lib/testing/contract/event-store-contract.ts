import type { ContractRunner } from './contract-runner.js';
import type { ContractSubject } from './contract-subject.js';
import { contractTopics } from './contract-topics.js';
import { declareTopics } from './declare.js';
import { differential, memorySubject } from './event-store-differential.js';
import { appendProperties } from './properties/append-properties.js';
import { dataProperties } from './properties/data-properties.js';
import { subscriptionProperties } from './properties/subscription-properties.js';

const properties = [appendProperties, subscriptionProperties, dataProperties] as const;

/**
 * Declares the conformance tests of a backend with your test runner: every promise of the contract as a test of its
 * own, first by example, then by properties over random plans, then against `InMemoryBackend`.
 *
 * What a subject cannot prove is skipped by name, with the reason.
 * @example
 * ```ts
 * import { describe, it } from 'vitest';
 * eventStoreContract({ describe, it }, {
 *   name: 'mine',
 *   open: (place) => new MyBackend(place),
 *   capabilities: { durable: true, transactional: false, duplicateWindow: 100_000 },
 * });
 * ```
 * @publicApi
 */
export function eventStoreContract(runner: ContractRunner, subject: ContractSubject): void {
  runner.describe(`event store contract: ${subject.name}`, () =>
    declareTopics(runner, subject, [...contractTopics, ...properties, differential(memorySubject())]),
  );
}
