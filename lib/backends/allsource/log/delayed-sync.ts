/** Syncs some time after somebody asked for it, once for all who asked meanwhile. */
export class DelayedSync {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;

  /** @param sync never rejects */
  constructor(
    private readonly delayMs: number,
    private readonly sync: () => Promise<void>,
  ) {}

  later(): void {
    if (this.#timer !== undefined || this.#running !== undefined) return;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.now();
    }, this.delayMs).unref();
  }

  now(): Promise<void> {
    return (this.#running ??= this.sync().finally(() => (this.#running = undefined)));
  }

  /** Resolves when none is running. */
  async idle(): Promise<void> {
    await this.#running;
  }

  cancel(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
