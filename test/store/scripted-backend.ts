import {
  type AppendResult,
  type Commit,
  type EventPage,
  InMemoryBackend,
  type KeyedRecord,
  type LogQuery,
  type StreamQuery,
} from '@allframe/nestjs';

export type Operation = 'append' | 'readStream' | 'readAll' | 'head' | 'readRecord' | 'readRecords';

/** Runs around an operation; what it throws, the operation fails with, and it waits for what it gives. */
export type Step = (operation: Operation, argument: unknown) => void | Promise<void>;

/** The memory backend, with a hand on every operation: it counts them, and a test makes them wait or fail. */
export class ScriptedBackend extends InMemoryBackend {
  readonly calls: { readonly operation: Operation; readonly argument: unknown }[] = [];
  before: Step = () => undefined;
  after: Step = () => undefined;

  count(operation: Operation): number {
    return this.calls.filter((call) => call.operation === operation).length;
  }

  /** Fails the next `times` calls of an operation before they do anything. */
  failNext(operation: Operation, error: unknown, times = 1): void {
    let left = times;
    this.before = (called) => {
      if (called === operation && left-- > 0) throw error;
    };
  }

  override append(commit: Commit): Promise<readonly AppendResult[]> {
    return this.#scripted('append', commit, () => super.append(commit));
  }

  override readStream(query: StreamQuery): Promise<EventPage> {
    return this.#scripted('readStream', query, () => super.readStream(query));
  }

  override readAll(query: LogQuery): Promise<EventPage> {
    return this.#scripted('readAll', query, () => super.readAll(query));
  }

  override head(): Promise<number> {
    return this.#scripted('head', undefined, () => super.head());
  }

  override readRecord(collection: string, key: string): Promise<string | null> {
    return this.#scripted('readRecord', key, () => super.readRecord(collection, key));
  }

  override readRecords(
    collection: string,
    query: { readonly prefix: string; readonly after: string; readonly limit: number },
  ): Promise<readonly KeyedRecord[]> {
    return this.#scripted('readRecords', query, () => super.readRecords(collection, query));
  }

  async #scripted<T>(operation: Operation, argument: unknown, work: () => Promise<T>): Promise<T> {
    this.calls.push({ operation, argument });
    await this.before(operation, argument);
    const result = await work();
    await this.after(operation, argument);
    return result;
  }
}
