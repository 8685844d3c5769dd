import { onTestFinished } from 'vitest';
import { turns } from './gate.js';

/**
 * Collects what nobody handles from now on to the end of the test. Vitest fails the run for it as well; this names
 * the test that is to blame.
 */
export function watchUnhandled(): () => Promise<readonly unknown[]> {
  const unhandled: unknown[] = [];
  const collect = (error: unknown): void => void unhandled.push(error);
  process.on('unhandledRejection', collect);
  process.on('uncaughtException', collect);
  onTestFinished(() => {
    process.off('unhandledRejection', collect);
    process.off('uncaughtException', collect);
  });
  return async () => {
    await turns();
    return unhandled;
  };
}
