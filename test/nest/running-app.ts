/** Applications under test, closed when the test ends, and ways to wait for what they do that never sleep. */
import type { AllFrameLogger } from '@allframe/nestjs';
import type { LoggerService, ModuleMetadata } from '@nestjs/common';
import { Test, type TestingModule, type TestingModuleBuilder } from '@nestjs/testing';
import { onTestFinished } from 'vitest';

/** An application made but not started: providers exist, no lifecycle hook has run. */
export async function compiled(
  metadata: ModuleMetadata,
  prepare: (builder: TestingModuleBuilder) => TestingModuleBuilder = (builder) => builder,
): Promise<TestingModule> {
  const app = await prepare(Test.createTestingModule(metadata).setLogger(silent)).compile();
  // A test that is about closing closes by itself, and looks.
  onTestFinished(() => app.close().catch(() => undefined));
  return app;
}

/** An application that has started. */
export async function started(metadata: ModuleMetadata): Promise<TestingModule> {
  const app = await compiled(metadata);
  return app.init();
}

/** What making or starting an application fails with. What could be made is closed before this resolves. */
export async function startFailure(metadata: ModuleMetadata): Promise<Error> {
  let app: TestingModule | undefined;
  try {
    app = await Test.createTestingModule(metadata).setLogger(silent).compile();
    await app.init();
    return new Error('The application started');
  } catch (error) {
    return error as Error;
  } finally {
    // Nest 11 repeats here what the start failed with.
    await app?.close().catch(() => undefined);
  }
}

/** Keeps what is reported. */
export class RecordingLogger implements AllFrameLogger {
  readonly errors: { readonly message: string; readonly error: unknown }[] = [];
  readonly warnings: string[] = [];

  error(message: string, error?: unknown): void {
    this.errors.push({ message, error });
  }

  warn(message: string): void {
    this.warnings.push(message);
  }
}

/** What handlers have done, in order. */
export class Journal<T = unknown> {
  readonly entries: T[] = [];
  readonly #waiting = new Set<{ readonly count: number; readonly resolve: () => void }>();

  add(entry: T): void {
    this.entries.push(entry);
    for (const waiter of this.#waiting) {
      if (this.entries.length < waiter.count) continue;
      this.#waiting.delete(waiter);
      waiter.resolve();
    }
  }

  /** Resolves when there are at least `count` entries. */
  reaches(count: number): Promise<void> {
    if (this.entries.length >= count) return Promise.resolve();
    return new Promise((resolve) => this.#waiting.add({ count, resolve }));
  }
}

/** A door that a test opens when it wants work behind it to go on. */
export class Gate {
  open!: () => void;
  readonly opened = new Promise<void>((resolve) => (this.open = resolve));
}

/** A turn of the event loop: whatever can go on without the world outside has gone on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

const silent: LoggerService = { log: () => undefined, error: () => undefined, warn: () => undefined };
