import { describe, expect, it } from 'vitest';
import { officeCommand, readCommandLine } from './command-line.js';
import { EnvironmentError, readEnvironment } from './environment.js';

/** The command line, with commander's words collected instead of printed and its exits thrown. */
function read(...args: string[]): {
  options?: ReturnType<typeof readCommandLine>;
  printed: string;
  exitCode: number;
} {
  let printed = '';
  const write = (text: string): void => void (printed += text);
  const command = officeCommand().exitOverride().configureOutput({ writeOut: write, writeErr: write });
  try {
    return { options: readCommandLine(['node', 'main.js', ...args], command), printed, exitCode: 0 };
  } catch (error) {
    return { printed, exitCode: (error as { exitCode: number }).exitCode };
  }
}

describe('the command line', () => {
  it('has a default for everything', () => {
    expect(read().options).toEqual({
      file: undefined,
      columns: {
        case: 'case:concept:name',
        activity: 'concept:name',
        resource: 'org:resource',
        time: 'time:timestamp',
      },
    });
  });

  it('names a file and its columns', () => {
    const { options } = read(
      '--case',
      'id',
      'my log.csv',
      '--activity=what',
      '--resource',
      'who',
      '--time',
      'when',
    );
    expect(options).toEqual({
      file: 'my log.csv',
      columns: { case: 'id', activity: 'what', resource: 'who', time: 'when' },
    });
  });

  it('explains itself', () => {
    const { printed, exitCode } = read('--help');
    expect(exitCode).toBe(0);
    for (const word of [
      'npm start -- [options] [log.csv]',
      '--case',
      '--time',
      'PORT',
      'EVENT_STORE_URL',
      'allsource:./data',
    ]) {
      expect(printed).toContain(word);
    }
  });

  it.each([[['--colour', 'red']], [['one.csv', 'two.csv']], [['--case']]])('refuses %j', (args) => {
    const { printed, exitCode } = read(...args);
    expect(exitCode).toBe(1);
    expect(printed).toMatch(/^error: /);
  });
});

describe('the environment', () => {
  it('has a default for everything', () => {
    const defaults = { port: 3000, storeUrl: 'allsource:./data' };
    expect(readEnvironment({})).toEqual(defaults);
    expect(readEnvironment({ PORT: '', EVENT_STORE_URL: '' })).toEqual(defaults);
  });

  it('says where to listen and where events are kept', () => {
    const variables = { PORT: '0', EVENT_STORE_URL: 'postgres://localhost/events' };
    expect(readEnvironment(variables)).toEqual({ port: 0, storeUrl: 'postgres://localhost/events' });
  });

  it.each(['http', '-1', '65536', '3000.5', '0x10', '1e3', ' 80'])('refuses %j as a port', (PORT) => {
    expect(() => readEnvironment({ PORT })).toThrow(EnvironmentError);
    expect(() => readEnvironment({ PORT })).toThrow(`PORT: "${PORT}" is not a whole number from 0`);
  });
});
