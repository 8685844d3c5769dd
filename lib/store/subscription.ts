import { Observable } from 'rxjs';
import { StoreClosedError } from '../core/errors/store.errors.js';
import type { AllFrameLogger } from '../core/logger.js';
import type { RecordedEvent } from '../core/recorded-event.js';
import { handleAsCause } from './event-context.js';
import type { EventConsumer, PageHandler } from './event-consumer.js';

/**
 * A running subscription.
 * @publicApi
 */
export interface StoreSubscription {
  /** Every append called after `ready` is delivered. Rejects with PositionBeyondHeadError for a position the store has not. */
  readonly ready: Promise<void>;
  /** No `next` begins from now on; resolves when a running one has ended, or at once when called from inside it. */
  unsubscribe(): Promise<void>;
}

/** Starts a consumer with a page handler. */
export type Consume = (handle: PageHandler) => EventConsumer;

/** Hands events one by one to `next`, waits for each, and goes on after one that fails. */
export function subscribeEach(
  consume: Consume,
  next: (event: RecordedEvent) => void | Promise<void>,
  onError: ((error: unknown, event: RecordedEvent) => void) | undefined,
  logger: AllFrameLogger,
): StoreSubscription {
  const report = (error: unknown, event: RecordedEvent): void => {
    const what = `A subscriber failed at event ${event.id} (${event.type}, position ${event.position})`;
    if (onError === undefined) {
      logger.error(what, error);
      return;
    }
    const reportSecond = (second: unknown): void => logger.error(`${what}, and so did its onError`, second);
    try {
      // It may be an async function, and nobody else would handle its rejection.
      Promise.resolve(onError(error, event)).catch(reportSecond);
    } catch (second) {
      reportSecond(second);
    }
  };
  const consumer = consume(async (page, { signal }) => {
    for (const event of page.events) {
      if (signal.aborted) return;
      try {
        // Awaited only where there is something to wait for: a promise per event costs more than most handlers.
        const running = handleAsCause(event, consumer, next);
        if (running !== undefined) await running;
      } catch (error) {
        report(error, event);
      }
    }
  });
  consumer.ready.catch((error: unknown) => logger.error('A subscription could not start', error));
  return { ready: consumer.ready, unsubscribe: () => consumer.stop() };
}

/**
 * Events as an Observable, by RxJS's own rules: no waiting for observers, and an error in one is the observer's.
 * It completes when the store closes.
 */
export function observeEach(consume: Consume): Observable<RecordedEvent> {
  return new Observable((observer) => {
    const consumer = consume((page, { signal }) => {
      for (const event of page.events) {
        if (signal.aborted) return;
        handleAsCause(event, consumer, (seen) => observer.next(seen));
      }
    });
    consumer.ended.then(
      () => observer.complete(),
      (error: unknown) => (error instanceof StoreClosedError ? observer.complete() : observer.error(error)),
    );
    return () => void consumer.stop();
  });
}
