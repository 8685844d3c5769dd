import type { AppendResult, Commit, StreamCommit } from '../../core/commit.js';
import { AppendOutcomeUnknownError } from '../../core/errors/append.errors.js';
import type { EventStoreBackend } from '../../core/event-store-backend.js';
import { Limits } from '../../core/limits.js';
import type { WriteCommit } from '../../store/commit-rider.js';
import type { CommandAppend } from '../message.errors.js';
import type { CommandRecord, UnansweredCommand } from './command-record.js';
import { CommandRider } from './command-rider.js';

/**
 * For a handler that appends by itself: the record goes `begun` with its first append, says what every further one adds,
 * and becomes `done` after the handler has answered.
 */
export class AppendingRider extends CommandRider {
  /** As it is in the store. */
  #begun: UnansweredCommand | undefined;
  /** An append may have happened or not. */
  #isUnsure = false;

  get isHalfDone(): boolean {
    return this.#begun !== undefined || this.#isUnsure;
  }

  readonly decided = (): void => {
    // The answer is not known before the handler has appended.
  };

  protected async joinInTurn(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    const { identity, stored, severalAppends, at } = this.command;
    const isHome = this.isHome(home);
    if (this.#begun === undefined ? !isHome : !severalAppends) throw this.refusal(commit);
    if (!isHome) return this.onward(home, commit, write);
    const { appends = [], appendCount = 0 } = this.#begun ?? {};
    const begun: UnansweredCommand = {
      state: 'begun',
      at,
      contents: identity.contents,
      appends: [...appends, ...commit.streams.map(appendOf)].slice(0, Limits.commandAppendsKeptMax),
      appendCount: appendCount + commit.streams.length,
    };
    try {
      const results = await this.onwardWith(begun, this.#begun ?? stored, home, commit, write);
      // Events that were there before bring no record with them, unless they came by an attempt that nobody was sure of.
      if (this.#isUnsure || results.some(({ idempotent }) => !idempotent)) this.#begun = begun;
      this.#isUnsure = false;
      return results;
    } catch (error) {
      if (error instanceof AppendOutcomeUnknownError) this.#isUnsure = true;
      throw error;
    }
  }

  protected async recordAnswer(answer: unknown): Promise<void> {
    if (this.#begun === undefined) return;
    const { at, contents } = this.#begun;
    const recorded = answer === undefined ? {} : { value: answer };
    await this.#conclude({ state: 'done', at, contents, answer: recorded });
  }

  protected async recordFailure(): Promise<void> {
    if (this.#begun !== undefined) await this.#conclude({ ...this.#begun, state: 'lost' });
  }

  async #conclude(end: CommandRecord): Promise<void> {
    if (this.#begun !== undefined) await this.command.records.conclude(this.key, this.#begun, end);
  }
}

function appendOf({ streamId, events }: StreamCommit): CommandAppend {
  return { streamId, firstEventId: events[0]?.id ?? '', events: events.length };
}
