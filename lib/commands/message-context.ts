import type { ExpectedVersion } from '../core/expected-version.js';
import type { EventMetadata } from '../core/recorded-event.js';
import {
  givenMetadata,
  type MetadataSource,
  passedMetadata,
  type RunningCall,
} from '../store/event-context.js';
import type { ContextKey } from './context-key.js';
import { classOf } from './message-class.js';

/**
 * One call of a bus, as middleware and handlers see it.
 * @publicApi
 */
export interface MessageContext {
  readonly kind: 'command' | 'query';
  /** The command or query, as the caller gave it. */
  readonly message: object;
  /** The name of its class. */
  readonly messageName: string;
  /** What names this call: the `commandId` where there is one, otherwise a UUID. Events that it causes carry it as their `causationId`. */
  readonly id: string;
  /** Given by the caller; the command is handled at most once for it. */
  readonly commandId: string | undefined;
  /** What events appended by this call carry, `correlationId` and `causationId` included. */
  readonly metadata: EventMetadata;
  /** What an aggregate's stream has to be at, where the caller said so. */
  readonly expectedVersion: ExpectedVersion | undefined;
  /** Aborted when nobody waits for the answer any more: by the caller's signal or its time. */
  readonly signal: AbortSignal;
  /** What earlier middleware has set, `undefined` if none has. */
  get<T>(key: ContextKey<T>): T | undefined;
  /** For what comes after in this call. */
  set<T>(key: ContextKey<T>, value: T): void;
}

/** @publicApi */
export interface CommandContext extends MessageContext {
  readonly kind: 'command';
}

/** @publicApi */
export interface QueryContext extends MessageContext {
  readonly kind: 'query';
}

/**
 * What a caller of `execute` may say.
 * @publicApi
 */
export interface ExecuteOptions {
  /** For the events that the call causes. A `correlationId` in it wins over that of the running call. */
  readonly metadata?: EventMetadata;
  /** Aborted: the caller gets the signal's reason at once. The handler is told by its context's signal, and may go on. */
  readonly signal?: AbortSignal;
  /** After so many milliseconds the caller gets ExecutionTimeoutError; no limit unless given. */
  readonly timeoutMs?: number;
}

/**
 * What a caller of `CommandBus.execute` may say.
 * @publicApi
 */
export interface CommandOptions extends ExecuteOptions {
  /**
   * Names this request of the caller: a command of one class is handled at most once for it, and every further call
   * gets the first answer. 1 to 256 bytes.
   */
  readonly commandId?: string;
  /**
   * What the stream of an aggregate or decider has to be at, or WrongExpectedVersionError: for decisions of people who have
   * seen that version. What the handler itself expects has to hold as well. Refused for handlers that append by themselves.
   */
  readonly expectedVersion?: ExpectedVersion;
}

/** The context of a call. What costs something is made when it is first asked for. */
export class CallContext<Kind extends 'command' | 'query' = 'command' | 'query'>
  implements MessageContext, MetadataSource
{
  /** Told in place of the handler that the caller waits no longer, where others may wait for the same answer. */
  onGiveUp: ((reason: unknown) => void) | undefined = undefined;
  #id: string | undefined = undefined;
  readonly #passed: EventMetadata | undefined;
  #metadata: EventMetadata | undefined = undefined;
  #values: Map<object, unknown> | undefined = undefined;
  #abort: AbortController | undefined = undefined;
  #givenUp: { readonly reason: unknown } | undefined = undefined;

  constructor(
    readonly kind: Kind,
    readonly message: object,
    private readonly options: CommandOptions,
    /** The call that has sent the message. */
    outer: RunningCall | undefined,
    private readonly newId: () => string,
  ) {
    // Now and not when it is asked for: the calls before this one need not be kept.
    this.#passed = passedMetadata(outer);
  }

  get messageName(): string {
    return classOf(this.message).name;
  }

  get id(): string {
    return (this.#id ??= this.options.commandId ?? this.newId());
  }

  get commandId(): string | undefined {
    return this.options.commandId;
  }

  get expectedVersion(): ExpectedVersion | undefined {
    return this.options.expectedVersion;
  }

  get metadata(): EventMetadata {
    return (this.#metadata ??= {
      correlationId: this.id,
      ...this.#passed,
      causationId: this.id,
      ...givenMetadata(this.options.metadata),
    });
  }

  get signal(): AbortSignal {
    return (this.#abort ??= new AbortController()).signal;
  }

  get<T>(key: ContextKey<T>): T | undefined {
    return this.#values?.get(key) as T | undefined;
  }

  set<T>(key: ContextKey<T>, value: T): void {
    (this.#values ??= new Map()).set(key, value);
  }

  /** The caller waits no longer. */
  giveUp(reason: unknown): void {
    this.#givenUp = { reason };
    if (this.onGiveUp === undefined) this.abort(reason);
    else this.onGiveUp(reason);
  }

  /** @throws the reason for which the caller waits no longer, if it does */
  throwIfGivenUp(): void {
    if (this.#givenUp !== undefined) throw this.#givenUp.reason;
  }

  /** @throws the reason for which the last of those who wanted the answer waits no longer, if there is none left */
  throwIfNobodyWaits(): void {
    this.#abort?.signal.throwIfAborted();
  }

  /** Tells the handler that nobody waits any more. */
  abort(reason: unknown): void {
    (this.#abort ??= new AbortController()).abort(reason);
  }
}
