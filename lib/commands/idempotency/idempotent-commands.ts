import { InvalidArgumentError } from '../../core/errors/input.errors.js';
import { Limits } from '../../core/limits.js';
import { carryRider } from '../../store/event-context.js';
import type { EventStore } from '../../store/event-store.js';
import { decodeJson, encodeJson } from '../../store/json-codec.js';
import { checkMilliseconds } from '../../store/read-options.js';
import type { CallContext } from '../message-context.js';
import {
  AttemptAbandonedError,
  CommandResultLostError,
  IdempotencyConflictError,
  SecondAppendError,
} from '../message.errors.js';
import { AppendingRider } from './appending-rider.js';
import {
  type AppendedPlace,
  type CommandIdentity,
  type CommandRecord,
  identityOf,
} from './command-record.js';
import { CommandRecords } from './command-records.js';
import { type Decided, handledKeys, type RiddenCommand } from './command-rider.js';
import { DecidingRider } from './deciding-rider.js';

/** How command ids are kept. */
export interface CommandIdOptions {
  /** For how long, in milliseconds; default a week. */
  readonly keepMs?: number | undefined;
  /** From 0 (inclusive) to 1; spreads what is done now and then. */
  readonly random?: () => number;
}

/** A command to be handled once. */
export interface CommandWork {
  /** The name that its ids are kept by. */
  readonly name: string;
  readonly handler: string;
  readonly severalAppends: boolean;
  /** The bus appends what the handler decides. */
  readonly decides: boolean;
  /** @throws CommandValidationError */
  readonly validate: () => Promise<unknown>;
  readonly run: (decided: Decided) => Promise<unknown>;
}

/** A command that is being handled in this process, and those who wait for its answer. */
interface LiveCommand {
  readonly contents: string;
  /** The context of the first caller: the handler works in it, for all of them. */
  readonly context: CallContext;
  /** JSON text, `undefined` for no answer. */
  readonly answer: Promise<string | undefined>;
  /** How many of them have not given up. */
  waiting: number;
  /** Commands that its handler has sent and waits for. */
  readonly waitsFor: Set<LiveCommand>;
}

/**
 * Handles each command once for its id: callers at the same time share one handling, later ones get the recorded answer.
 * Each of them gets a copy of its own, as it comes back from JSON.
 */
export class IdempotentCommands {
  readonly #records: CommandRecords;
  readonly #live = new Map<string, LiveCommand>();

  /** @throws InvalidArgumentError */
  constructor(
    store: EventStore,
    { keepMs = Limits.commandRecordKeepMs, random = Math.random }: CommandIdOptions,
  ) {
    checkMilliseconds(keepMs, 'options.keepCommandIdsMs');
    this.#records = new CommandRecords(store, keepMs, random);
  }

  /** @throws IdempotencyConflictError, CommandResultLostError, UnserialisableDataError, and what the handler throws */
  async answer(context: CallContext, commandId: string, work: CommandWork): Promise<unknown> {
    const identity = await this.#identityOf(commandId, context, work);
    const { key, contents } = identity;
    const senders = handledKeys(this.#records).flatMap((handled) => this.#live.get(handled) ?? []);
    let live = this.#live.get(key);
    refuseCycle(senders, live, commandId);
    // One that was told that nobody waits may fail for this reason, and then has to be looked at anew.
    while (live?.waiting === 0) {
      const { answer } = live;
      for (const sender of senders) sender.waitsFor.add(live);
      if (live.contents === contents && (await succeeds(answer))) break;
      live = this.#live.get(key);
    }
    context.throwIfGivenUp();
    refuseCycle(senders, live, commandId);
    const isFirst = live === undefined;
    if (live === undefined) this.#live.set(key, (live = this.#begin(identity, context, work)));
    if (live.contents !== contents) throw new IdempotencyConflictError(work.name, commandId);
    for (const sender of senders) sender.waitsFor.add(live);
    try {
      const text = await waitFor(live, context);
      return text === undefined ? undefined : decodeJson(text);
    } catch (error) {
      if (isFirst || !isOfAnother(error, work.handler)) throw error;
    } finally {
      for (const sender of senders) sender.waitsFor.delete(live);
    }
    // It failed by a fault of the handler that has sent it first, which is none of this caller's.
    return this.answer(context, commandId, work);
  }

  async #identityOf(
    commandId: string,
    { message }: CallContext,
    work: CommandWork,
  ): Promise<CommandIdentity> {
    try {
      return identityOf(work.name, commandId, message);
    } catch (error) {
      // A schema says better what is wrong with contents that have no JSON form.
      await work.validate();
      throw error;
    }
  }

  #begin(identity: CommandIdentity, context: CallContext, work: CommandWork): LiveCommand {
    this.#records.sweepIfDue();
    const answer = this.#find(identity, work).finally(() => this.#live.delete(identity.key));
    return { contents: identity.contents, context, answer, waiting: 0, waitsFor: new Set() };
  }

  async #find(identity: CommandIdentity, work: CommandWork): Promise<string | undefined> {
    const { record, stored } = await this.#records.find(identity.key);
    if (record !== undefined) return this.#recorded(record, identity);
    const { handler, severalAppends } = work;
    const at = this.#records.store.clock.now();
    return this.#handle({ identity, records: this.#records, stored, handler, severalAppends, at }, work);
  }

  async #handle(command: RiddenCommand, work: CommandWork): Promise<string | undefined> {
    const rider = work.decides ? new DecidingRider(command) : new AppendingRider(command);
    try {
      const answer = await carryRider(rider, () => work.run(rider.decided));
      return await rider.answered(answer);
    } catch (error) {
      await rider.failed();
      if (rider.isHalfDone) throw error;
      // It may have failed because another process was faster with the same command: then that one has the answer.
      const { identity } = command;
      const found = await this.#records.find(identity.key).catch(() => undefined);
      if (found?.record === undefined) throw error;
      return this.#recorded(found.record, identity);
    }
  }

  async #recorded(record: CommandRecord, identity: CommandIdentity): Promise<string | undefined> {
    const { answer } = await this.#records.done(record, identity);
    if ('value' in answer) return encodeJson(answer.value, 'answer');
    if (!('appended' in answer)) return undefined;
    return encodeJson(await this.#appendResult(answer.appended, identity), 'answer');
  }

  /** The result of an append, the first one again. */
  async #appendResult(place: AppendedPlace, { name, commandId }: CommandIdentity): Promise<object> {
    const { streamId, version } = place;
    const last = this.#records.store.readStream(streamId, { fromVersion: version, toVersion: version });
    for await (const { position } of last) return { ...place, position, idempotent: true };
    throw new CommandResultLostError(name, commandId, []);
  }
}

/** @throws InvalidArgumentError where `live` waits for one of those whose handlers would wait for it */
function refuseCycle(
  senders: readonly LiveCommand[],
  live: LiveCommand | undefined,
  commandId: string,
): void {
  if (live === undefined || !senders.some((sender) => waits(live, sender))) return;
  throw new InvalidArgumentError(
    'options.commandId',
    `the handler of command "${commandId}" sends it again, or another one that does, and would wait for itself; give it an id of its own`,
  );
}

function waits(waiting: LiveCommand, awaited: LiveCommand): boolean {
  return waiting === awaited || [...waiting.waitsFor].some((next) => waits(next, awaited));
}

/** Whether an append was refused because of an outer command, by whose handler this one was sent. */
function isOfAnother(error: unknown, handler: string): boolean {
  const isRefusal = error instanceof SecondAppendError || error instanceof AttemptAbandonedError;
  return isRefusal && error.handler !== handler;
}

function succeeds(answer: Promise<unknown>): Promise<boolean> {
  return answer.then(
    () => true,
    () => false,
  );
}

/** The handler is told that nobody waits when the last of them has given up. */
function waitFor(live: LiveCommand, context: CallContext): Promise<string | undefined> {
  live.waiting++;
  // Middleware may call its `next` twice, and then the caller waits twice.
  const before = context.onGiveUp;
  context.onGiveUp = (reason) => {
    before?.(reason);
    if (--live.waiting === 0) live.context.abort(reason);
  };
  return live.answer;
}
