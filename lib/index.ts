export { InMemoryBackend } from './backends/memory/in-memory-backend.js';
export type { BackendStats } from './core/backend-stats.js';
export type { Clock } from './core/clock.js';
export { systemClock } from './core/clock.js';
export {
  type AppendResult,
  type Commit,
  type KeyedRecord,
  type RecordChange,
  SNAPSHOT_COLLECTION,
  type StreamCommit,
} from './core/commit.js';
export { AllFrameError, type ErrorKind } from './core/errors/allframe.error.js';
export {
  AppendOutcomeUnknownError,
  DuplicateEventError,
  RecordConflictError,
  WrongExpectedVersionError,
} from './core/errors/append.errors.js';
export {
  InvalidArgumentError,
  LimitExceededError,
  UnserialisableDataError,
} from './core/errors/input.errors.js';
export {
  PositionBeyondHeadError,
  StoreClosedError,
  TransactionRefusedError,
} from './core/errors/store.errors.js';
export { passesFilter } from './core/event-filter.js';
export { EventStoreBackend, type StoreTransaction, type Transactions } from './core/event-store-backend.js';
export { type ExpectedVersion, expectedPlace, matchesExpectedVersion } from './core/expected-version.js';
export type { Leases } from './core/leases.js';
export { Limits } from './core/limits.js';
export type { AllFrameLogger } from './core/logger.js';
export type { EventFilter, EventPage, LogQuery, ReadDirection, StreamQuery } from './core/read-page.js';
export type { EventMetadata, RecordedEvent } from './core/recorded-event.js';
export type { EncodedEvent, StoredEvent } from './core/stored-event.js';
export { categoryOf } from './core/stream-id.js';
export { compareNames } from './core/text.js';
export { type Checkpoint, CheckpointFencedError, CheckpointStore } from './store/checkpoint-store.js';
export { DomainEvent, type Type } from './store/domain-event.decorator.js';
export { type ConsumedPage, EventConsumer, type PageHandler } from './store/event-consumer.js';
export { withEventMetadata } from './store/event-context.js';
export type { DefaultMetadata } from './store/event-encoder.js';
export { EventHandler } from './store/event-handler.decorator.js';
export type { AppendOptions, EventInput, PlainEventInput, StreamAppend } from './store/event-input.js';
export { EventStore, type EventStoreOptions } from './store/event-store.js';
export { DuplicateEventTypeError, UndecoratedEventError } from './store/event-types.js';
export { ofType } from './store/of-type.js';
export type { ReadAllOptions, ReadStreamOptions, SubscribeOptions } from './store/read-options.js';
export { type RecordInput, RecordStore } from './store/record-store.js';
export { type RestorableSnapshot, Snapshot, type SnapshotSource } from './store/snapshot.js';
export type { StoreSubscription } from './store/subscription.js';
export { AggregateNotFoundError } from './aggregates/aggregate-not-found.error.js';
export { AggregateRepository, type RepositoryOptions } from './aggregates/aggregate-repository.js';
export {
  AggregateRoot,
  type AggregateType,
  AsyncAggregateHandlerError,
} from './aggregates/aggregate-root.js';
export {
  Aggregate,
  type AggregateOptions,
  UndecoratedAggregateError,
} from './aggregates/aggregate.decorator.js';
export type { Decider } from './aggregates/decider.js';
export { type DeciderDefinition, DeciderRepository } from './aggregates/decider-repository.js';
export type { SnapshotOptions, UpdateOptions } from './aggregates/state-stream.js';
export { openBackend } from './backends/open-backend.js';
export type { RetryOptions } from './aggregates/conflict-retry.js';
export { Command, type CommandResult, type ICommand, type ICommandHandler } from './commands/command.js';
export { CommandBus, type CommandBusOptions } from './commands/command-bus.js';
export { CommandHandler, type CommandHandlerOptions } from './commands/command-handler.decorator.js';
export { ContextKey } from './commands/context-key.js';
export type { DeciderCommand } from './commands/decided-commands.js';
export type {
  CommandContext,
  CommandOptions,
  ExecuteOptions,
  MessageContext,
  QueryContext,
} from './commands/message-context.js';
export type { MessageSchema } from './commands/message-schema.js';
export {
  AmbiguousCommandNameError,
  AttemptAbandonedError,
  type CommandAppend,
  CommandResultLostError,
  CommandValidationError,
  DomainError,
  DuplicateHandlerError,
  ExecutionTimeoutError,
  HandlerNotFoundError,
  IdempotencyConflictError,
  QueryValidationError,
  SecondAppendError,
  type ValidationIssue,
} from './commands/message.errors.js';
export type { MessageMiddleware, MessageMiddlewareClass } from './commands/middleware.js';
export { type IQuery, type IQueryHandler, Query, type QueryResult } from './commands/query.js';
export { QueryBus, type QueryBusOptions } from './commands/query-bus.js';
export { QueryHandler, type QueryHandlerOptions } from './commands/query-handler.decorator.js';
export { AllFrameModule } from './nest/allframe.module.js';
export {
  AllFrameExceptionFilter,
  PROBLEM_OPTIONS,
  type ProblemOptions,
} from './nest/allframe-exception.filter.js';
export {
  METADATA_OPTIONS,
  MetadataInterceptor,
  type MetadataInterceptorOptions,
} from './nest/metadata.interceptor.js';
export type { Problem } from './nest/problem.js';
export type {
  AllFrameAsyncOptions,
  AllFrameOptions,
  BackendSource,
  EventStoreBackendFactory,
  GivenMiddleware,
} from './nest/allframe.options.js';
export {
  getAggregateRepositoryToken,
  getDeciderRepositoryToken,
  getEventStoreBackendToken,
  getEventStoreToken,
  InjectAggregateRepository,
  InjectDeciderRepository,
  InjectEventStore,
  InjectEventStoreBackend,
} from './nest/allframe.tokens.js';
export type { DeciderFeature, Feature } from './nest/feature.js';
export { DuplicateStoreError, UnknownStoreError } from './nest/store.registry.js';
export {
  Projection,
  type ProjectionContext,
  type ProjectionOptions,
  type ProjectionState,
} from './projections/projection.decorator.js';
export {
  DuplicateProjectionError,
  ProjectionBlockedError,
  ProjectionStoppedError,
  ProjectionTimeoutError,
  ProjectionWithoutHandlersError,
  UnknownProjectionError,
} from './projections/projection.errors.js';
export { ProjectionRegistry } from './projections/projection.registry.js';
export type { ProjectionStatus } from './projections/projection-runner.js';
export { UnknownEventTypeError } from './store/event-handler-map.js';
