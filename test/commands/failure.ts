/** What a call fails with. */
export function failureOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => new Error('It did not fail'),
    (error: Error) => error,
  );
}
