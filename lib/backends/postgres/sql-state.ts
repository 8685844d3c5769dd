/** What the driver's errors mean. */

/** An error of the server has five signs for a code, a digit among them; those of the system have none (`EPIPE`), or no five signs. */
export function sqlStateOf(error: unknown): string | undefined {
  const { code } = (error ?? {}) as { code?: unknown };
  return typeof code === 'string' && /^(?=.*\d)[0-9A-Z]{5}$/.test(code) ? code : undefined;
}

/** The server ends the connection with these (shutdown, crash, idle too long, too many connections), or never began one. */
const ENDED = /^(08...|57P0.|25P0[34]|53300)$/;

/** Whether the server has refused a statement and is there for the next one. */
export function isRefusal(error: unknown): boolean {
  const state = sqlStateOf(error);
  return state !== undefined && !ENDED.test(state);
}

/** A deadlock, or two transactions that cannot both be: the same once more may go well. */
export function isTransient(state: string): boolean {
  return state === '40001' || state === '40P01';
}

/** The server has become one that only reads: another one is the primary now. */
export const READ_ONLY = '25006';

/** The server cannot do anything of the kind just now: locked, read-only, out of room or of connections. */
const NOT_NOW = /^(55P03|25006|53...)$/;

/** Whoever had asked would have been refused: not now, or forbidden. */
export function isOfEverybody(state: string): boolean {
  return NOT_NOW.test(state) || /^(42501|AF001)$/.test(state);
}

/** Not because of what was asked for: asked once more, later, it may go well. `57014`: it has taken too long. */
export function isPassing(state: string): boolean {
  return NOT_NOW.test(state) || isTransient(state) || state === '57014';
}
