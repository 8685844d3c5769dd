/** The scenario of the benchmarks that starts a process of its own, compiled as it is measured; the others run from the sources. */
import { expect, it } from 'vitest';
import { run, runTool } from './run-command.js';

it('postgres-latency runs in two processes', async () => {
  // Not `npm run bench`: that builds anew what other tests are using.
  await runTool('tsc', ['-p', 'bench/tsconfig.build.json']);
  const table = await run(process.execPath, ['build/bench/main.js', '--quick', '--only', 'postgres-latency']);
  const rows = table.split('\n').filter((line) => line.startsWith('| postgres: append to handler'));
  expect(rows).toHaveLength(4);
  for (const row of rows) expect(row).toMatch(/\| [\d.]+ ms +\|/);
});
