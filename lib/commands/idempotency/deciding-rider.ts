import { strict as assert } from 'node:assert';
import type { AppendResult, Commit } from '../../core/commit.js';
import type { EventStoreBackend } from '../../core/event-store-backend.js';
import { expectedPlace } from '../../core/expected-version.js';
import type { WriteCommit } from '../../store/commit-rider.js';
import { encodeJson } from '../../store/json-codec.js';
import type { DoneCommand, RecordedAnswer } from './command-record.js';
import { CommandRider, type Decided } from './command-rider.js';

/** For aggregates and deciders: the bus makes the one append, so the record is `done` in the same commit. */
export class DecidingRider extends CommandRider {
  /** What the next append is to carry; a conflict takes it away, and it is decided anew. */
  #decision: { readonly streamId: string; readonly answer: unknown } | undefined;
  #isDone = false;

  get isHalfDone(): boolean {
    // Either all of it is in the store, the answer too, or nothing.
    return false;
  }

  /** @throws UnserialisableDataError before anything is written */
  readonly decided: Decided = (streamId, answer) => {
    if (answer !== undefined) encodeJson(answer, `answer of ${this.handler}`);
    this.#decision = { streamId, answer };
  };

  protected async joinInTurn(
    home: EventStoreBackend,
    commit: Commit,
    write: WriteCommit,
  ): Promise<readonly AppendResult[]> {
    const decision = this.#decision;
    const isDecided = decision?.streamId === commit.streams[0]?.streamId && commit.streams.length === 1;
    if (decision === undefined || !isDecided || !this.isHome(home)) throw this.refusal(commit);
    this.#decision = undefined;
    const { answer } = decision;
    const record = this.#done(answer === undefined ? placeIn(commit) : { value: answer });
    const results = await this.onwardWith(record, this.command.stored, home, commit, write);
    // Events that were there before bring no record with them.
    this.#isDone = results.some(({ idempotent }) => !idempotent);
    return results;
  }

  protected async recordAnswer(answer: unknown): Promise<void> {
    if (this.#isDone) return;
    // Nothing was decided, and that is remembered as well: the same command again must not decide otherwise.
    const { records, stored } = this.command;
    await records.store.records.write([records.change(this.key, this.#done({ value: answer }), stored)]);
  }

  protected async recordFailure(): Promise<void> {
    // There is nothing of it in the store.
  }

  #done(answer: RecordedAnswer): DoneCommand {
    const { identity, at } = this.command;
    return { state: 'done', at, contents: identity.contents, answer };
  }
}

/** Where a commit to one stream, after a version that it names, will stand. */
function placeIn({ streams: [stream] }: Commit): RecordedAnswer {
  const after = stream && expectedPlace(stream.expectedVersion);
  assert(
    stream !== undefined && after !== undefined,
    'a decision is appended after the version it was based on',
  );
  const { streamId, events } = stream;
  return { appended: { streamId, fromVersion: after + 1, version: after + events.length } };
}
