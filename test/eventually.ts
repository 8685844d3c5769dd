import { vi } from 'vitest';

/** Only there to end a test that hangs: a busy machine must not fail one that works. */
const PATIENCE_MS = 20_000;

/** Resolves once `check` throws no more. */
export function eventually(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: PATIENCE_MS });
}
