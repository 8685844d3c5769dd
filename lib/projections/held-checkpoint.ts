import { AppendOutcomeUnknownError } from '../core/errors/append.errors.js';
import { TransactionRefusedError } from '../core/errors/store.errors.js';
import type { StoreTransaction, Transactions } from '../core/event-store-backend.js';
import { Limits } from '../core/limits.js';
import { type Checkpoint, CheckpointFencedError } from '../store/checkpoint-store.js';
import type { EventStore } from '../store/event-store.js';

/** What a handler failed with. */
export interface Failure {
  readonly error: unknown;
}

/** The checkpoint of a projection that runs here, as it stands in the store. */
export class HeldCheckpoint {
  #held: Checkpoint = { position: 0, epoch: 0 };
  /** Nothing is old before it is claimed. */
  #savedAt = Infinity;

  constructor(
    private readonly store: EventStore,
    /** Its name in the store. */
    readonly reader: string,
  ) {}

  /** The last position whose effect is complete and known to be. */
  get position(): number {
    return this.#held.position;
  }

  /** Whether it was saved so long ago that not saving it would repeat much. */
  get isOld(): boolean {
    return this.store.clock.now() - this.#savedAt >= Limits.checkpointEveryMs;
  }

  /** Takes it over from whoever held it. @throws CheckpointFencedError */
  async claim(): Promise<void> {
    this.#held = await this.store.checkpoints.claim(this.reader);
    this.#savedAt = this.store.clock.now();
  }

  /** How it stands, whoever holds it. */
  load(): Promise<Checkpoint> {
    return this.store.checkpoints.load(this.reader);
  }

  /** @param isRepeated after a failure, when the write may have happened all the same. @throws CheckpointFencedError */
  async save(to: number, isRepeated: boolean): Promise<void> {
    const from = isRepeated ? await this.#stillOwn() : this.#held;
    this.#held = from.position === to ? from : await this.store.checkpoints.advance(this.reader, from, to);
    this.#savedAt = this.store.clock.now();
  }

  /**
   * Commits what `work` writes together with the checkpoint.
   * @param work resolves to the position up to which the effect is complete with it
   * @returns what `work` failed with, or was refused for; then everything is rolled back
   * @throws CheckpointFencedError, and whatever keeps the transaction from being made
   */
  async commitWith(
    transactions: Transactions,
    work: (transaction: StoreTransaction) => Promise<number>,
  ): Promise<Failure | undefined> {
    let failed: Failure | undefined;
    let to = this.position;
    try {
      this.#held = await transactions.run(async (transaction) => {
        to = await work(transaction).catch((error: unknown) => {
          failed = { error };
          throw error;
        });
        return this.store.within(transaction).checkpoints.advance(this.reader, this.#held, to);
      });
    } catch (error) {
      if (failed !== undefined) return failed;
      if (error instanceof TransactionRefusedError) return { error };
      if (!(error instanceof AppendOutcomeUnknownError)) throw error;
      const stands = await this.#stillOwn();
      if (stands.position !== to) throw error;
      this.#held = stands;
    }
    this.#savedAt = this.store.clock.now();
    return undefined;
  }

  async #stillOwn(): Promise<Checkpoint> {
    const stands = await this.load();
    if (stands.epoch === this.#held.epoch) return stands;
    throw new CheckpointFencedError(this.reader, this.#held.epoch);
  }
}
