/** Declares a test. vitest, jest, mocha, `node:test` and Bun all fit. */
export interface ContractIt {
  (name: string, body: () => Promise<void>, timeoutMs?: number): unknown;
  /** Declares a test that is not run; without it a skipped line is declared as one that returns at once. */
  readonly skip?: (name: string, body: () => Promise<void>) => unknown;
}

/**
 * The test runner that a kit declares its tests with, by shape: the kit imports none.
 * @publicApi
 */
export interface ContractRunner {
  describe(name: string, body: () => void): unknown;
  readonly it: ContractIt;
}
