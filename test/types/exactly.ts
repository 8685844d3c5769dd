/** Whether two types are the same one, and not merely assignable to each other. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/**
 * Compiles only if the compiler has found exactly `Expected` as the type of `value`.
 * @example `exactly<number>()(result.position)`
 */
export declare function exactly<Expected>(): <Actual>(
  value: Actual,
  ...differs: Same<Actual, Expected> extends true ? [] : [differs: never]
) => void;
