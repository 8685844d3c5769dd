/** Lets processes send the same commands again and again, kills them, and looks at what was done and answered. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { CommanderLife, CommanderLine } from './children/commander.js';

/** A process that says nothing for so long hangs. */
const DEADLINE_MS = 60_000;

/** Every answer and error of each command, over all processes. */
export class Answers {
  readonly byCommand = new Map<string, { readonly answers: Set<string>; readonly errors: Set<string> }>();
  kills = 0;

  /**
   * Runs one process.
   * @param killAfterLines the process is killed when it has said so many lines; `undefined` lets it be
   */
  async run(program: string, life: CommanderLife, killAfterLines?: number): Promise<void> {
    const child = spawn(process.execPath, [program, JSON.stringify(life)], {
      stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
    });
    const ended = once(child, 'close');
    let errors = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (errors += text));
    const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS);
    let said = 0;
    for await (const line of createInterface({ input: child.stdio[3] as Readable })) {
      this.#take(JSON.parse(line) as CommanderLine);
      if (++said === killAfterLines) child.kill('SIGKILL');
    }
    const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null];
    clearTimeout(deadline);
    if (signal === 'SIGKILL') this.kills++;
    else if (code !== 0) throw new Error(`the process ended with ${code}: ${errors}`);
  }

  #take({ command, answer, error }: CommanderLine): void {
    let seen = this.byCommand.get(command);
    if (seen === undefined) this.byCommand.set(command, (seen = { answers: new Set(), errors: new Set() }));
    if (error === undefined) seen.answers.add(JSON.stringify(answer));
    else seen.errors.add(error);
  }
}
