/** Lets so many work at a time; the others wait for their turn. */
export class Turns {
  readonly #waiting: (() => void)[] = [];

  /** @param free how many may work at once, at least 1 */
  constructor(private free: number) {}

  async run<T>(work: () => Promise<T>): Promise<T> {
    if (this.free > 0) this.free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await work();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.free++;
      else next();
    }
  }
}
