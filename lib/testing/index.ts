export { eventStoreContract } from './contract/event-store-contract.js';
export { eventStoreDifferential } from './contract/event-store-differential.js';
export type { ContractIt, ContractRunner } from './contract/contract-runner.js';
export type { ContractCapabilities, ContractFaults, ContractSubject } from './contract/contract-subject.js';
export { FakeClock } from './fake-clock.js';
export { type ExpectedError, given, type GivenAggregate, type GivenDecider, type Outcome } from './given.js';
