import { readFileSync } from 'node:fs';

/**
 * Starts watching; the function tells in which share of the time since then this process's main thread was ready to
 * run and others had the cores. It is 0 where the system does not tell (Linux does).
 */
export function watchCoreWait(): () => number {
  const [startMs, waitedBeforeMs] = [performance.now(), waitedMs()];
  return () => (waitedMs() - waitedBeforeMs) / (performance.now() - startMs);
}

function waitedMs(): number {
  try {
    const [, waitedNs] = readFileSync('/proc/self/schedstat', 'utf8').split(' ');
    return Number(waitedNs) / 1e6;
  } catch {
    return 0;
  }
}
