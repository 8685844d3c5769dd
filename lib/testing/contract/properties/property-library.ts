/**
 * The part of the optional peer for properties that the kit uses, described by its shape: whoever has not installed
 * it must still be able to load, and to compile against, this package.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';

/** Makes random values, and smaller ones of a value that failed. */
export interface Arbitrary<T> {
  map<U>(make: (value: T) => U): Arbitrary<U>;
}

export interface PropertyLibrary {
  boolean(): Arbitrary<boolean>;
  constantFrom<const T>(...values: readonly T[]): Arbitrary<T>;
  integer(range: { min: number; max: number }): Arbitrary<number>;
  array<T>(
    items: Arbitrary<T>,
    length: {
      readonly minLength?: number;
      readonly maxLength: number;
      /** `max` lets it be as long as `maxLength` from the first run on. */
      readonly size?: 'max';
    },
  ): Arbitrary<T[]>;
  record<T>(members: { readonly [K in keyof T]: Arbitrary<T[K]> }): Arbitrary<T>;
  oneof<T>(...kinds: readonly { readonly weight: number; readonly arbitrary: Arbitrary<T> }[]): Arbitrary<T>;
  jsonValue(options: { readonly maxDepth: number }): Arbitrary<unknown>;
  asyncProperty<T>(values: Arbitrary<T>, holds: (value: T) => Promise<void>): object;
  check(property: object, options: CheckOptions): Promise<CheckDetails>;
}

interface CheckOptions {
  readonly numRuns: number;
  readonly interruptAfterTimeLimit: number;
  readonly seed?: number;
  readonly path?: string;
}

/** What a check came to. */
interface CheckDetails {
  readonly failed: boolean;
  readonly seed: number;
  readonly numRuns: number;
  readonly numShrinks: number;
  /** The arguments of the smallest failure: one value. */
  readonly counterexample: readonly unknown[] | null;
  readonly counterexamplePath: string | null;
  readonly errorInstance: unknown;
}

/** Whether it is installed where the tests run. Tests are declared before anything can be awaited. */
export function hasPropertyLibrary(): boolean {
  try {
    createRequire(join(process.cwd(), 'package.json')).resolve('fast-check');
    return true;
  } catch {
    return false;
  }
}

export async function loadPropertyLibrary(): Promise<PropertyLibrary> {
  return import('fast-check');
}
