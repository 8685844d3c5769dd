/** Runs other programs, with a deadline, and keeps what they said for the error. */
import { execFile } from 'node:child_process';
import { join, resolve as resolvePath } from 'node:path';

export const repositoryRoot = resolvePath(import.meta.dirname, '../..');

const DEADLINE_MS = 170_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** What `command` wrote to its standard output. Rejects with all that it wrote if it fails. */
export function run(command: string, args: readonly string[], cwd = repositoryRoot): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, timeout: DEADLINE_MS, maxBuffer: OUTPUT_BYTES_MAX };
    const child = execFile(command, args, options, (error, stdout, stderr) => {
      if (!error) return resolve(stdout);
      const end = error.killed === true ? `was ended after ${DEADLINE_MS} ms` : `failed with ${error.code}`;
      reject(new Error(`${command} ${args.join(' ')} ${end}\n${stdout}\n${stderr}`));
    });
    child.stdin?.end();
  });
}

/** Runs a program of this repository's own dev dependencies. */
export function runTool(name: string, args: readonly string[], cwd?: string): Promise<string> {
  return run(join(repositoryRoot, 'node_modules/.bin', name), args, cwd);
}
