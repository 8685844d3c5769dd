import { describe, expect, it } from 'vitest';
import type { LogRow } from './event-log.js';
import { GeneratedLog } from './generated-log.js';

async function rowsOf(log: GeneratedLog): Promise<LogRow[]> {
  const rows: LogRow[] = [];
  for await (const row of log.rows()) rows.push(row);
  return rows;
}

describe('the generated log', () => {
  it('is the same every time it is read', async () => {
    const log = new GeneratedLog();
    expect(await rowsOf(log)).toEqual(await rowsOf(log));
    expect(await rowsOf(new GeneratedLog())).toEqual(await rowsOf(log));
  });

  it('is another one for another seed', async () => {
    expect(await rowsOf(new GeneratedLog(100, 2))).not.toEqual(await rowsOf(new GeneratedLog(100, 1)));
  });

  it('begins with the same cases whatever its length', async () => {
    const few = await rowsOf(new GeneratedLog(10));
    expect((await rowsOf(new GeneratedLog(20))).slice(0, few.length)).toEqual(few);
  });

  it('tells each case in the order of time, and its own progress up to its size', async () => {
    const log = new GeneratedLog(200);
    const rows = await rowsOf(log);
    expect(rows.map(({ line }) => line)).toEqual(rows.map((_, i) => i + 1));
    expect(rows.at(-1)?.end).toBe(log.size);
    for (const [i, row] of rows.entries()) {
      const before = rows[i - 1];
      if (before?.caseId === row.caseId) expect(row.completedAt >= before.completedAt).toBe(true);
    }
  });
});
