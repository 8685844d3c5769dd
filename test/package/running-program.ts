/** A program of this repository in a process of its own, watched line by line and told to stop as a person would. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { repositoryRoot } from './run-command.js';

export class RunningProgram {
  private readonly lines: AsyncIterator<string>;
  private readonly ended: Promise<unknown[]>;
  private errors = '';

  private constructor(private readonly child: ChildProcessByStdio<null, Readable, Readable>) {
    this.lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    // Not 'exit': only then has everything been read that it wrote.
    this.ended = once(child, 'close');
    child.stderr.setEncoding('utf8').on('data', (text: string) => (this.errors += text));
  }

  /** Starts `node` with `args` at the root of the repository, with `environment` added to ours. */
  static start(args: readonly string[], environment: NodeJS.ProcessEnv = {}): RunningProgram {
    const child = spawn(process.execPath, args, {
      cwd: repositoryRoot,
      env: { ...process.env, ...environment },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    return new RunningProgram(child);
  }

  get pid(): number | undefined {
    return this.child.pid;
  }

  /** What it has written to its standard error so far. */
  get said(): string {
    return this.errors;
  }

  /** The next line of its standard output. Rejects with what it said if it ended instead. */
  async line(): Promise<string> {
    const next = await this.lines.next();
    if (next.done !== true) return next.value;
    throw new Error(`the program ended without another line:\n${this.errors}`);
  }

  /** All lines until it ends by itself. */
  async rest(): Promise<readonly string[]> {
    const lines: string[] = [];
    for (let next = await this.lines.next(); next.done !== true; next = await this.lines.next())
      lines.push(next.value);
    return lines;
  }

  /** Sends SIGINT, as Ctrl+C does, and waits for the exit code. */
  async interrupt(): Promise<number | null> {
    this.child.kill('SIGINT');
    return this.exitCode();
  }

  async exitCode(): Promise<number | null> {
    await this.ended;
    return this.child.exitCode;
  }

  /** Ends it at once, whatever it does; for the end of a test that failed half-way. */
  kill(): void {
    this.child.kill('SIGKILL');
  }
}
