import type { ContractRunner } from '../../lib/testing/contract/contract-runner.js';

/** A declared line: the subjects it stands under, its name, and its proof. */
export interface RecordedLine {
  readonly topic: string;
  readonly name: string;
  readonly skipped: boolean;
  readonly run: () => Promise<void>;
}

/** A runner that runs nothing: it keeps what was declared, to be run when wanted. */
export class RecordingRunner implements ContractRunner {
  readonly lines: RecordedLine[] = [];
  readonly it: ContractRunner['it'];
  readonly #topics: string[] = [];

  /** @param skips whether it knows how to skip, as some runners do not */
  constructor(skips = true) {
    const record =
      (skipped: boolean) =>
      (name: string, run: () => Promise<void>): void =>
        void this.lines.push({ topic: this.#topics.join(' > '), name, skipped, run });
    this.it = skips ? Object.assign(record(false), { skip: record(true) }) : record(false);
  }

  describe(name: string, body: () => void): void {
    this.#topics.push(name);
    body();
    this.#topics.pop();
  }

  /** The line of that name. */
  line(name: string): RecordedLine {
    const found = this.lines.find((line) => line.name === name);
    if (found === undefined) throw new Error(`the kit has no line "${name}"`);
    return found;
  }
}

/** Runs a line; `undefined` if it holds, what it failed with if it does not. */
export async function failureOf(line: RecordedLine): Promise<Error | undefined> {
  try {
    await line.run();
    return undefined;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}
