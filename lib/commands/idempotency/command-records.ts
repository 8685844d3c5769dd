import { backOffMs, pause } from '../../core/clock.js';
import { RecordConflictError } from '../../core/errors/append.errors.js';
import { LimitExceededError } from '../../core/errors/input.errors.js';
import { StoreClosedError } from '../../core/errors/store.errors.js';
import { Limits } from '../../core/limits.js';
import type { EventStore } from '../../store/event-store.js';
import type { RecordInput } from '../../store/record-store.js';
import { CommandResultLostError, IdempotencyConflictError } from '../message.errors.js';
import {
  COMMAND_COLLECTION,
  type CommandIdentity,
  type CommandRecord,
  type DoneCommand,
  type UnansweredCommand,
} from './command-record.js';

/** What the store has of a command. */
export interface FoundRecord {
  /** `undefined` where there is none, or one that is kept no longer. */
  readonly record: CommandRecord | undefined;
  /** What a new record replaces: `null`, or one that is kept no longer. */
  readonly stored: CommandRecord | null;
}

/** The records of commands in one store: found, waited for, and forgotten after their time. */
export class CommandRecords {
  #nextSweep: number | undefined;

  constructor(
    readonly store: EventStore,
    private readonly keepMs: number,
    private readonly random: () => number,
  ) {}

  async find(key: string): Promise<FoundRecord> {
    const stored = (await this.store.records.get(COMMAND_COLLECTION, key)) as CommandRecord | null;
    const isKept = stored !== null && this.store.clock.now() - stored.at < this.keepMs;
    return { record: isKept ? stored : undefined, stored };
  }

  /** The change that puts a record where `expected` was. */
  change(key: string, value: CommandRecord, expected: CommandRecord | null): RecordInput {
    return { collection: COMMAND_COLLECTION, key, value, expected };
  }

  /**
   * The record once it is done. One that was begun a moment ago may be at work in another process.
   * @throws IdempotencyConflictError, CommandResultLostError
   */
  async done(
    record: CommandRecord,
    { key, name, commandId, contents }: CommandIdentity,
  ): Promise<DoneCommand> {
    if (record.contents !== contents) throw new IdempotencyConflictError(name, commandId);
    const { clock } = this.store;
    const start = clock.now();
    const until = Math.min(record.at, start) + Limits.commandAnswerWaitMs;
    let latest: CommandRecord = record;
    for (let attempt = 1; latest.state === 'begun' && clock.now() < until; attempt++) {
      const ms = backOffMs(attempt, Limits.commandAnswerDelayMs, Limits.commandAnswerDelayMaxMs);
      await pause(clock, Math.min(ms, until - clock.now()));
      latest = (await this.find(key)).record ?? { ...latest, state: 'lost' };
    }
    if (latest.state !== 'done')
      throw new CommandResultLostError(name, commandId, latest.appends, latest.appendCount);
    return latest;
  }

  /** Replaces a begun record by what became of it. What cannot be written is reported: the command itself is done. */
  async conclude(key: string, begun: UnansweredCommand, end: CommandRecord): Promise<void> {
    try {
      await this.store.records.write([this.change(key, end, begun)]);
    } catch (error) {
      // It is not there any more: its transaction was rolled back, or it is kept no longer.
      if (error instanceof RecordConflictError) return;
      // An answer that is too large to be kept is lost, and nobody has to wait for it.
      if (error instanceof LimitExceededError && end.state === 'done')
        await this.conclude(key, begun, { ...begun, state: 'lost' });
      this.store.logger.error(
        'The answer to a command could not be recorded; if the command is sent again, the caller gets CommandResultLostError',
        error,
      );
    }
  }

  /** Now and then, beside a command: removes what is kept no longer. No timer: without commands nothing grows. */
  sweepIfDue(): void {
    const now = this.store.clock.now();
    // Not all processes of a database at once.
    this.#nextSweep ??= now + this.random() * Limits.commandRecordSweepMs;
    if (now < this.#nextSweep) return;
    this.#nextSweep = now + Limits.commandRecordSweepMs;
    this.#sweep().catch((error: unknown) => {
      if (!(error instanceof StoreClosedError))
        this.store.logger.error('Command ids that are kept no longer could not be removed', error);
    });
  }

  async #sweep(): Promise<void> {
    const { records, clock } = this.store;
    let old: RecordInput[] = [];
    const remove = async (): Promise<void> => {
      const changes = old;
      old = [];
      try {
        if (changes.length > 0) await records.write(changes);
      } catch (error) {
        // One of them has been used anew meanwhile; the others go the next time.
        if (!(error instanceof RecordConflictError)) throw error;
      }
    };
    for await (const { key, value } of records.list(COMMAND_COLLECTION)) {
      const { at } = value as CommandRecord;
      // Whatever is no record of a command is somebody's own.
      if (typeof at !== 'number' || clock.now() - at < this.keepMs) continue;
      old.push({ collection: COMMAND_COLLECTION, key, value: null, expected: value });
      if (old.length === Limits.pageEventsMax) await remove();
    }
    await remove();
  }
}
