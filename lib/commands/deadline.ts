import type { Clock } from '../core/clock.js';
import { InvalidArgumentError } from '../core/errors/input.errors.js';
import { checkMilliseconds } from '../store/read-options.js';
import type { CallContext, ExecuteOptions } from './message-context.js';
import { ExecutionTimeoutError } from './message.errors.js';

/** @throws InvalidArgumentError */
export function checkDeadline({ signal, timeoutMs }: ExecuteOptions): void {
  if (timeoutMs !== undefined) checkMilliseconds(timeoutMs, 'options.timeoutMs');
  if (signal !== undefined && !(signal instanceof AbortSignal))
    throw new InvalidArgumentError('options.signal', 'an AbortSignal is wanted');
}

/**
 * What `work` gives, or an error as soon as the caller's signal is aborted or its time is over.
 * The context is told then, since the work itself goes on.
 */
export function withinDeadline<R>(
  work: () => Promise<R>,
  { signal, timeoutMs }: ExecuteOptions,
  context: CallContext,
  clock: Clock,
): Promise<R> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) {
      reject(signal.reason as Error);
      return;
    }
    const stop = (reason: unknown): void => {
      end();
      context.giveUp(reason);
      reject(reason);
    };
    const onAbort = (): void => stop(signal?.reason);
    const cancelTimer =
      timeoutMs === undefined
        ? undefined
        : clock.after(timeoutMs, () => stop(new ExecutionTimeoutError(context.messageName, timeoutMs)));
    signal?.addEventListener('abort', onAbort, { once: true });
    const end = (): void => {
      cancelTimer?.();
      signal?.removeEventListener('abort', onAbort);
    };
    // Also what it throws before there is a promise ends the waiting.
    (async () => work())().then(
      (value) => {
        end();
        resolve(value);
      },
      (error: unknown) => {
        end();
        reject(error);
      },
    );
  });
}
