import { AllFrameError } from '../core/errors/allframe.error.js';
import { Limits } from '../core/limits.js';
import { RecordConflictError } from '../core/errors/append.errors.js';
import { checkWholeNumber } from './read-options.js';
import type { RecordStore } from './record-store.js';

/**
 * How far a reader has come, and whose turn it is.
 * @publicApi
 */
export interface Checkpoint {
  /** The last position whose effect is complete, 0 for a reader never seen. */
  readonly position: number;
  /** Raised by each new owner, so that a stalled old one cannot write. */
  readonly epoch: number;
}

/**
 * Another owner took this reader over; whatever this one still does must not move the checkpoint.
 * @publicApi
 */
export class CheckpointFencedError extends AllFrameError {
  readonly code = 'CheckpointFencedError';

  constructor(
    readonly reader: string,
    readonly epoch: number,
    options?: ErrorOptions,
  ) {
    super(
      `Checkpoint "${reader}" was taken over from its owner of epoch ${epoch}. ` +
        'Stop this reader: another instance has gone on from its last checkpoint.',
      options,
    );
  }
}

const COLLECTION = 'checkpoints';

/**
 * Keeps checkpoints: how far each reader has come.
 *
 * A checkpoint moves by compare-and-set, so of two owners that both believe they hold a reader only one gets through.
 * @publicApi
 */
export class CheckpointStore {
  constructor(private readonly records: RecordStore) {}

  /** Where `reader` stands. */
  async load(reader: string): Promise<Checkpoint> {
    return ((await this.records.get(COLLECTION, reader)) as Checkpoint | null) ?? { position: 0, epoch: 0 };
  }

  /** Takes `reader` over from whoever holds it: the position stays, the epoch is raised. @throws CheckpointFencedError if others do so again and again. */
  async claim(reader: string): Promise<Checkpoint> {
    for (let attempt = 1; ; attempt++) {
      const held = await this.load(reader);
      try {
        return await this.#write(reader, held, { position: held.position, epoch: held.epoch + 1 });
      } catch (error) {
        // Two that start at once take it over one after the other, as if they had started so.
        if (!(error instanceof CheckpointFencedError) || attempt === Limits.checkpointClaimAttemptsMax)
          throw error;
      }
    }
  }

  /** Moves `reader` from `from` to position `to`. @throws CheckpointFencedError if another owner moved it. */
  async advance(reader: string, from: Checkpoint, to: number): Promise<Checkpoint> {
    checkWholeNumber(to, 'to', 0);
    return this.#write(reader, from, { position: to, epoch: from.epoch });
  }

  async #write(reader: string, from: Checkpoint, to: Checkpoint): Promise<Checkpoint> {
    const isNew = from.position === 0 && from.epoch === 0;
    const expected = isNew ? null : { position: from.position, epoch: from.epoch };
    try {
      await this.records.write([{ collection: COLLECTION, key: reader, value: to, expected }]);
      return to;
    } catch (error) {
      if (error instanceof RecordConflictError)
        throw new CheckpointFencedError(reader, from.epoch, { cause: error });
      throw error;
    }
  }
}
