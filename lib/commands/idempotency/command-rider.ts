import type { AppendResult, Commit } from '../../core/commit.js';
import type { EventStoreBackend } from '../../core/event-store-backend.js';
import type { WriteCommit } from '../../store/commit-rider.js';
import { ambientRider } from '../../store/event-context.js';
import { encodeJson } from '../../store/json-codec.js';
import { encodeRecords } from '../../store/record-store.js';
import { SecondAppendError } from '../message.errors.js';
import { RunRider } from '../run-rider.js';
import type { CommandIdentity, CommandRecord } from './command-record.js';
import type { CommandRecords } from './command-records.js';

/** A command that is being handled, and where its record goes. */
export interface RiddenCommand {
  readonly identity: CommandIdentity;
  readonly records: CommandRecords;
  /** What the record replaces. */
  readonly stored: CommandRecord | null;
  /** As `Class` or `Class.method`. */
  readonly handler: string;
  readonly severalAppends: boolean;
  readonly at: number;
}

/** Told by a handler that decides, right before the bus appends to the stream: what the answer will be. */
export type Decided = (streamId: string, answer: unknown) => void;

/**
 * Puts the record of a command into the commit of what its handler appends. Appends of one command take turns, and riders
 * of outer commands, whose handlers have sent this one, go along as well.
 */
export abstract class CommandRider extends RunRider {
  readonly key: string;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(protected readonly command: RiddenCommand) {
    super(command.handler);
    this.key = command.identity.key;
  }

  isIn(records: CommandRecords): boolean {
    return this.command.records === records;
  }

  /** Whether the command has appended, or may have, and has no recorded answer yet. */
  abstract readonly isHalfDone: boolean;

  abstract readonly decided: Decided;

  /** The handler has answered. @returns the answer as JSON text, `undefined` for none; @throws UnserialisableDataError */
  async answered(answer: unknown): Promise<string | undefined> {
    await this.endWithAppends(() => false);
    const text = answer === undefined ? undefined : encodeJson(answer, `answer of ${this.handler}`);
    await this.recordAnswer(answer);
    return text;
  }

  /** The handler has failed. Where nothing was appended, the command may be sent again, and what comes late is refused. */
  async failed(): Promise<void> {
    await this.endWithAppends(() => !this.isHalfDone);
    await this.recordFailure();
  }

  protected join(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    const done = this.#turn.then(() => this.joinInTurn(home, commit, write));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  protected abstract joinInTurn(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]>;
  protected abstract recordAnswer(answer: unknown): Promise<void>;
  protected abstract recordFailure(): Promise<void>;

  protected onwardWith(
    record: CommandRecord,
    expected: CommandRecord | null,
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    const change = this.command.records.change(this.key, record, expected);
    return this.onward(home, { ...commit, records: [...commit.records, ...encodeRecords([change])] }, write);
  }

  protected isHome(home: EventStoreBackend): boolean {
    return home === this.command.records.store.backend;
  }

  protected refusal(commit: Commit): SecondAppendError {
    const { commandId } = this.command.identity;
    return new SecondAppendError(this.handler, commandId, commit.streams[0]?.streamId ?? '');
  }
}

/** The keys of the commands whose handlers make the running call, the innermost first. */
export function handledKeys(records: CommandRecords): string[] {
  const keys: string[] = [];
  for (let rider = ambientRider(); rider !== undefined; rider = rider.outer)
    if (rider instanceof CommandRider && rider.isIn(records)) keys.push(rider.key);
  return keys;
}
