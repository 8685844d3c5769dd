/** Something that many may wait for; the promise is made only when somebody does. */
export class Settling {
  #promise: Promise<void> | undefined;
  #resolve: (() => void) | undefined;

  get promise(): Promise<void> {
    return (this.#promise ??= new Promise((resolve) => (this.#resolve = resolve)));
  }

  done(): void {
    this.#resolve?.();
  }
}
