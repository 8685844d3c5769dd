/** Waiting with a bound, so that a backend which never answers fails a line instead of hanging the run. */
import { AssertionError } from 'node:assert';

/**
 * What `work` settles with, or an error that says what was waited for.
 * @param what what is waited for, in words; a function if it is known only later
 */
export async function within<T>(
  work: PromiseLike<T>,
  what: string | (() => string),
  patienceMs: number,
): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const words = typeof what === 'function' ? what() : what;
      reject(new AssertionError({ message: `waited ${patienceMs} ms in vain for ${words}` }));
    }, patienceMs);
  });
  try {
    return await Promise.race([work, waited]);
  } finally {
    clearTimeout(timer);
  }
}

/** Lets everything that is ready to run have its turn, `turns` times over: nothing here waits for time to pass. */
export async function someTurns(turns = 5): Promise<void> {
  for (let i = 0; i < turns; i++) await new Promise((resolve) => setImmediate(resolve));
}

/** A door that opens once. */
export interface Gate {
  readonly opened: Promise<void>;
  open(): void;
}

export function gate(): Gate {
  let open: () => void = () => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  return { opened, open };
}

/**
 * Work that runs beside a line until the line asks for its result. If the line fails before, nobody asks, and a
 * failure of the work must then not end the process as an unhandled rejection.
 */
export class Beside<T> {
  readonly result: Promise<T>;
  #done = false;

  constructor(work: Promise<T>) {
    this.result = work.finally(() => (this.#done = true));
    this.result.catch(() => undefined);
  }

  get done(): boolean {
    return this.#done;
  }
}
