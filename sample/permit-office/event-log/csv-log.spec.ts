import { createReadStream, type ReadStream } from 'node:fs';
import { dirname } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it, vi } from 'vitest';
import { fileWith } from '../office.fixture.js';
import { CsvLog } from './csv-log.js';
import type { LogRow } from './event-log.js';
import { EventLogError } from './event-log.errors.js';

vi.mock(import('node:fs'), async (original) => {
  const fs = await original();
  return { ...fs, createReadStream: vi.fn(fs.createReadStream) };
});

const COLUMNS = { case: 'case', activity: 'what', resource: 'who', time: 'when' };
const HEADER = 'case,what,who,when\n';
const GOOD = 'c1,Receive,Ada,2024-01-02T08:00:00Z\n';

/** The rows that come out before the log ends or fails, and how it fails. */
async function read(content: string | Uint8Array): Promise<{ rows: LogRow[]; error: unknown; file: string }> {
  const file = await fileWith(content);
  const rows: LogRow[] = [];
  try {
    for await (const row of (await CsvLog.open(file, COLUMNS)).rows()) rows.push(row);
  } catch (error) {
    return { rows, error, file };
  }
  return { rows, error: undefined, file };
}

describe('a CSV log', () => {
  it('is read by the names of its columns, whatever their order', async () => {
    const { rows } = await read('more,when,who,what,case\nx,2024-01-02 08:00:00+01:00,Ada,Receive,c1\n');
    expect(rows).toEqual([
      {
        caseId: 'c1',
        activity: 'Receive',
        resource: 'Ada',
        completedAt: '2024-01-02T08:00:00.000+01:00',
        line: 2,
        end: 67,
      },
    ]);
  });

  it('may have a byte order mark, Windows line ends, empty lines and no line end at its end', async () => {
    const { rows, error } = await read(`\ufeff${HEADER}\n${GOOD}\n\n${GOOD.trim()}`.replaceAll('\n', '\r\n'));
    expect(error).toBeUndefined();
    expect(rows.map(({ line }) => line)).toEqual([3, 6]);
  });

  it('may have any text in its values', async () => {
    const { rows } = await read(
      `${HEADER}"a ""b"", c",__proto__,é 😀,2024-01-02\n" ",constructor,x,2024-01-02\n`,
    );
    expect(rows.map(({ caseId, activity, resource }) => [caseId, activity, resource])).toEqual([
      ['a "b", c', '__proto__', 'é 😀'],
      [' ', 'constructor', 'x'],
    ]);
  });

  it('knows the line of a row behind values with line breaks', async () => {
    const { rows } = await read(`${HEADER}"c\n1",a,b,2024-01-02\n"c\r\n\r\n1",a,b,2024-01-02\n${GOOD}`);
    expect(rows.map(({ line }) => line)).toEqual([2, 4, 7]);
  });

  it('takes an empty resource for nobody', async () => {
    const { rows } = await read(`${HEADER}c1,Receive,,2024-01-02\n`);
    expect(rows[0]?.resource).toBeNull();
  });

  it('has no rows behind a header alone', async () => {
    expect(await read(HEADER)).toMatchObject({ rows: [], error: undefined });
  });

  it.each([
    ['too few columns', 'c1,Receive,Ada\n', 'it has 3 columns, the header has 4'],
    ['too many columns', 'c1,Receive,Ada,2024-01-02,more\n', 'it has 5 columns, the header has 4'],
    ['blanks alone', '   \n', 'it has 1 columns, the header has 4'],
    ['no case id', ',Receive,Ada,2024-01-02\n', 'column "case" is empty'],
    ['no activity', 'c1,,Ada,2024-01-02\n', 'column "what" is empty'],
    [
      'a day that is none',
      'c1,Receive,Ada,2024-02-30\n',
      'column "when" is not a date and time such as 2011-10-11T13:45:40+02:00',
    ],
    [
      'text behind a quoted value',
      'c1,"Receive" it,Ada,2024-01-02\n',
      'a closing quote is followed by neither a comma nor the end of the line',
    ],
    [
      'a quote inside a value',
      'c1,Receive "it",Ada,2024-01-02\n',
      'a quote stands in the middle of a value; quote the whole value, and write "" for a quote',
    ],
    ['a quote without end', 'c1,"Receive,Ada,2024-01-02\n', 'a quote is opened here and never closed'],
    [
      'a quote without end in a large file',
      `c1,"${'Receive,Ada,2024-01-02\n'.repeat(60_000)}`,
      'it is longer than 1048576 bytes; perhaps a quote is opened here and never closed',
    ],
  ])('names file and line of a row with %s, after the rows before it', async (_fault, row, problem) => {
    // The second good row has two lines, and an empty one follows.
    const before = `${HEADER}${GOOD}"c\n2",Receive,Ada,2024-01-02\n\n`;
    const { rows, error, file } = await read(`${before}${row}${GOOD}`);

    expect(error).toBeInstanceOf(EventLogError);
    expect(error).toMatchObject({
      name: 'MalformedRowError',
      code: 'MalformedRowError',
      file,
      line: 6,
      problem,
      message: `${file}, line 6: ${problem}`,
    });
    expect(rows.map(({ caseId }) => caseId)).toEqual(['c1', 'c\n2']);
  });

  it('names a column that is not there, and those that are', async () => {
    const { error, file } = await read('case,what,who,time\n');
    expect(error).toMatchObject({ code: 'LogColumnError', column: 'when', option: '--time' });
    expect(String(error)).toContain(`${file}: column "when" is not there`);
    expect(String(error)).toContain('case, what, who, time');
  });

  it('refuses a column that stands there twice', async () => {
    const { error } = await read('case,what,who,when,what\n');
    expect(String(error)).toContain('column "what" stands there more than once');
  });

  it.each(['', '\n\n', '\ufeff'])('refuses a file that is empty: %j', async (content) => {
    expect((await read(content)).error).toMatchObject({ code: 'UnreadableLogError' });
  });

  it('refuses a file that is not there', async () => {
    const file = `${await fileWith('')}.not-there`;
    const error = await CsvLog.open(file).catch((reason: unknown) => reason);
    expect(error).toMatchObject({ code: 'UnreadableLogError', message: `${file}: there is no such file` });
  });

  it('refuses a directory', async () => {
    const directory = dirname(await fileWith(''));
    const error = await CsvLog.open(directory).catch((reason: unknown) => reason);
    expect(String(error)).toContain('this is a directory');
  });

  it('says so when the file goes away before it is read', async () => {
    const log = await CsvLog.open(await fileWith(HEADER));
    Object.assign(log, { name: `${log.name}.moved` });
    await expect(log.rows().next()).rejects.toMatchObject({ code: 'UnreadableLogError' });
  });

  it('is read no further ahead than a few buffers, however slow its reader is', async () => {
    const file = await fileWith(HEADER + GOOD.repeat(50_000));
    let aheadMax = 0;
    let rows = 0;
    for await (const { end } of (await CsvLog.open(file, COLUMNS)).rows()) {
      // Gives the disk every chance to run ahead.
      await setImmediate();
      aheadMax = Math.max(aheadMax, openedFile().bytesRead - end);
      if (++rows === 5_000) break;
    }

    expect(aheadMax).toBeLessThan(512 * 1024);
    await vi.waitFor(() => expect(openedFile().closed).toBe(true), { timeout: 5_000 });
  });
});

function openedFile(): ReadStream {
  return vi.mocked(createReadStream).mock.results.at(-1)?.value as ReadStream;
}
