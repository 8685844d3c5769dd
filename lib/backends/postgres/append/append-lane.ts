import type { AppendResult, Commit } from '../../../core/commit.js';
import { AppendOutcomeUnknownError, WrongExpectedVersionError } from '../../../core/errors/append.errors.js';
import { LimitExceededError } from '../../../core/errors/input.errors.js';
import { expectedPlace } from '../../../core/expected-version.js';
import { Limits } from '../../../core/limits.js';
import { type Database, type Deadline, refused, type Rows } from '../database.js';
import { type PostgresClient, queryRows } from '../driver.js';
import { PostgresRequestError, PostgresUnavailableError } from '../postgres.errors.js';
import { isOfEverybody, isTransient, READ_ONLY, sqlStateOf } from '../sql-state.js';
import { appendEventCall, eventValues, isLoneEvent } from './append-event.js';
import { appendCall } from './append-commits.js';
import { AppendBatch, answersOf, callValues, type CommitAnswer } from './append-batch.js';
import { KnownVersions } from './known-versions.js';
import { firstResults, placesQuery, placesValues } from './repeats.js';

interface WaitingCommit {
  readonly commit: Commit;
  readonly resolve: (results: readonly AppendResult[]) => void;
  readonly reject: (error: unknown) => void;
  /** How long the database may be away, from when it was called. */
  readonly deadline: Deadline;
}

/** A call has ended without an answer. */
class CallFailed extends Error {
  constructor(
    readonly error: unknown,
    /** Why the connection was lost after a call had been sent, if it was: that one may have been carried out, and may still be. */
    readonly lost: unknown,
  ) {
    super('an append call has failed');
  }
}

/** Writes nothing but a mark into the server's log, and commits it as an append is committed. */
const DURABLE_SO_FAR = `select case when current_setting('synchronous_commit') = 'off' then set_config('synchronous_commit', 'on', true) end,
  pg_logical_emit_message(true, 'allframe', 'repeat')`;

/**
 * The way of a process's commits into the database, one call at a time.
 *
 * While a call is under way, commits gather for the next one: the more there are, the more go with one call, one lock
 * and one sync of the server's log, without a timer. A call that is lost is sent again with its ids looked for: if it
 * was written, its results are the first ones, and nothing is written twice (`id` is unique).
 */
export class AppendLane {
  readonly #commitsCall: string;
  readonly #eventCall: string;
  readonly #places: string;
  readonly #known = new KnownVersions();
  #waiting: WaitingCommit[] = [];
  #running = false;

  constructor(
    private readonly database: Database,
    schema: string,
    /** Told of the last position that a call has written, and how many events it wrote. */
    private readonly onAppended: (position: number, events: number) => void,
  ) {
    this.#commitsCall = appendCall(schema);
    this.#eventCall = appendEventCall(schema);
    this.#places = placesQuery(schema);
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    const waiting = this.#waiting.length;
    if (waiting >= Limits.appendsWaitingMax) {
      const limit = Limits.appendsWaitingMax;
      return Promise.reject(
        new LimitExceededError('appendsWaitingMax', waiting + 1, limit, 'appends that wait for the database'),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({ commit, resolve, reject, deadline: this.database.deadline() });
      if (!this.#running) {
        this.#running = true;
        // Not before the others of this turn have come: they go with the same call.
        queueMicrotask(() => void this.#run());
      }
    });
  }

  async #run(): Promise<void> {
    while (this.#waiting.length > 0) await this.#send(this.#takeBatch());
    this.#running = false;
  }

  /** The commits that go with the next call, in their order. */
  #takeBatch(): readonly WaitingCommit[] {
    const batch = new AppendBatch();
    const end = this.#waiting.findIndex(({ commit }) => !batch.add(commit));
    const taken = end === -1 ? this.#waiting : this.#waiting.slice(0, end);
    this.#waiting = end === -1 ? [] : this.#waiting.slice(end);
    return taken;
  }

  /** @param lost why an earlier call with these commits got no answer, if one did */
  async #send(batch: readonly WaitingCommit[], lost?: unknown): Promise<void> {
    try {
      this.#settle(batch, await this.#append(batch, lost));
    } catch (failure) {
      if (!(failure instanceof CallFailed)) {
        // Not to be left without an answer, whatever it is.
        for (const { reject } of batch) reject(failure);
      } else if (batch.length > 1 && mayBeOfOne(failure.error)) {
        // One of them is refused, and which one is not said: alone, each gets what is its own.
        for (const one of batch) await this.#send([one], failure.lost);
      } else {
        for (const { commit, reject } of batch) {
          reject(failure.lost === undefined ? failure.error : unknownOutcome(commit, failure.lost));
        }
      }
    }
  }

  #settle(batch: readonly WaitingCommit[], answers: readonly CommitAnswer[]): void {
    let last = 0;
    let events = 0;
    for (const [i, { commit, resolve, reject }] of batch.entries()) {
      const answer = answers[i] as CommitAnswer;
      if ('results' in answer) {
        for (const { fromVersion, version, position } of answer.results) {
          last = position;
          events += version - fromVersion + 1;
        }
        resolve(answer.results);
      } else if ('error' in answer) reject(answer.error);
      else this.#findRepeat(commit).then(resolve, reject);
    }
    if (events > 0) this.onAppended(last, events);
  }

  async #findRepeat(commit: Commit): Promise<readonly AppendResult[]> {
    const rows = await this.#writtenPlaces(commit)
      // They are in the store, and whether by this call or by an earlier one is not known.
      .catch((error: unknown) => {
        throw unknownOutcome(commit, error);
      });
    const results = firstResults(commit, rows);
    // Whoever has given no ids repeats nothing: what is found is the first try of this very call.
    const isOwn = commit.streams.every(({ idsAreNew }) => idsAreNew);
    return isOwn ? results.map((result) => ({ ...result, idempotent: false })) : results;
  }

  /**
   * Where the ids of a commit stand, once that is as durable as an append: a connection that was cut may have been waiting
   * for a synchronous standby, and whoever commits something after it waits for both.
   */
  async #writtenPlaces(commit: Commit): Promise<Rows> {
    await this.database.read('append', DURABLE_SO_FAR);
    return this.database.read('append', this.#places, placesValues(commit));
  }

  /** Calls the function until the server has answered. @throws CallFailed */
  async #append(batch: readonly WaitingCommit[], lostBefore: unknown): Promise<readonly CommitAnswer[]> {
    const commits = batch.map(({ commit }) => commit);
    // The first one has waited longest.
    let { deadline } = batch[0] as WaitingCommit;
    // Without ids a commit cannot be told from one that somebody else wrote.
    const canBeRepeated = commits.every(({ streams }) => streams.length > 0);
    let lost = lostBefore;
    let refusals = 0;
    for (;;) {
      try {
        const rows = await this.#attempt(commits, lost !== undefined, deadline);
        const answers = answersOf(commits, rows[0] as Rows[number]);
        const written = answers.flatMap((answer) => ('results' in answer ? answer.results : []));
        this.#known.learn(Number(rows[0]?.[0]), written);
        return lost === undefined
          ? answers
          : answers.map((answer, i) => certain(answer, commits[i] as Commit, lost));
      } catch (error) {
        if (error instanceof PostgresRequestError) {
          const mayPass = isTransient(error.sqlState) && ++refusals < Limits.transactionAttemptsMax;
          const mayMove = error.sqlState === READ_ONLY && (await deadline.retry());
          if (!mayPass && !mayMove) throw new CallFailed(error, lost);
        } else if (error instanceof PostgresUnavailableError) {
          throw new CallFailed(error, lost);
        } else {
          // The time counts from when that is known: a server that is gone without a word keeps it long.
          if (lost === undefined) deadline = this.database.deadline();
          lost = error;
          if (!canBeRepeated || !(await deadline.retry())) throw new CallFailed(error, lost);
        }
      }
    }
  }

  #attempt(commits: readonly Commit[], looksForIds: boolean, deadline: Deadline): Promise<Rows> {
    const [text, values] = isLoneEvent(commits)
      ? [this.#eventCall, eventValues(commits[0] as Commit, this.#known, looksForIds)]
      : [this.#commitsCall, callValues(commits, this.#known, looksForIds)];
    return this.database.withClient(
      'append',
      async (client) => {
        try {
          return await queryRows(client, text, values);
        } catch (error) {
          // Only a server that still answers has undone what it refused; one that ends may have written it before.
          if (sqlStateOf(error) === undefined || !(await isThere(client))) throw error;
          throw refused('append', error);
        }
      },
      deadline,
      // It may wait for its turn first.
      Limits.appendLockTimeoutMs + this.database.answerMs,
    );
  }
}

/** A refusal that one commit of a batch can be the reason of. A locked store or a full disk is everybody's, and takes its time. */
function mayBeOfOne(error: unknown): boolean {
  return error instanceof PostgresRequestError && !isOfEverybody(error.sqlState);
}

async function isThere(client: PostgresClient): Promise<boolean> {
  try {
    await client.query({ text: 'select 1' });
    return true;
  } catch {
    return false;
  }
}

/**
 * A refusal in the words that are true after a lost call, which may still be waiting somewhere for its turn: it is one
 * for good only where the stream is past the expected version.
 */
function certain(answer: CommitAnswer, commit: Commit, lost: unknown): CommitAnswer {
  if (!('error' in answer)) return answer;
  const { error } = answer;
  if (
    error instanceof WrongExpectedVersionError &&
    error.actual > (expectedPlace(error.expected) ?? Infinity)
  ) {
    return answer;
  }
  return { error: unknownOutcome(commit, lost) };
}

function unknownOutcome({ streams }: Commit, cause: unknown): AppendOutcomeUnknownError {
  return new AppendOutcomeUnknownError(
    streams.flatMap(({ events }) => events.map(({ id }) => id)),
    { cause },
  );
}
