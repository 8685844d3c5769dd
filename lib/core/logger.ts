/**
 * Where the library reports what nobody awaits: a failing subscriber, a read that is tried again. Nest's
 * `LoggerService` fits. No event data is ever passed to it.
 * @publicApi
 */
export interface AllFrameLogger {
  error(message: string, error?: unknown): void;
  warn(message: string): void;
}

/** The logger of a store that was given none. */
export const consoleLogger: AllFrameLogger = {
  error: (message, error) => console.error(`[AllFrame] ${message}`, ...(error === undefined ? [] : [error])),
  warn: (message) => console.warn(`[AllFrame] ${message}`),
};

/** The same logger, but one that fails must not take down with it what it is told about. */
export function unfailing(logger: AllFrameLogger): AllFrameLogger {
  const attempt = (log: () => void): void => {
    try {
      log();
    } catch {
      // There is nobody left to tell.
    }
  };
  return {
    error: (message, error) => attempt(() => logger.error(message, error)),
    warn: (message) => attempt(() => logger.warn(message)),
  };
}
