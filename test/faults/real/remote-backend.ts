/** A backend in a process of its own, used from here: each call goes there as a message, and its answer comes back. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AllSourceOptions } from '../../../lib/backends/allsource/allsource-options.js';
import type { BackupReport } from '../../../lib/backends/allsource/care/back-up.js';
import type { VerificationReport } from '../../../lib/backends/allsource/care/verify.js';
import type { BackendStats } from '../../../lib/core/backend-stats.js';
import type { AppendResult, Commit } from '../../../lib/core/commit.js';
import { builtProgram } from './built.js';

export interface Question {
  readonly id: number;
  readonly method: string;
  readonly args: readonly unknown[];
}

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: RemoteErrorFields };

export interface RemoteErrorFields {
  readonly name: string;
  readonly message: string;
  readonly code: string | undefined;
  readonly cause: string | undefined;
  readonly owner: string | undefined;
  readonly eventIds: readonly string[] | undefined;
}

/** An error that was thrown in the other process. */
export class RemoteError extends Error {
  readonly code: string | undefined;
  readonly owner: string | undefined;
  readonly eventIds: readonly string[] | undefined;

  constructor({ name, message, code, cause, owner, eventIds }: RemoteErrorFields) {
    super(message, { cause });
    this.name = name;
    this.code = code;
    this.owner = owner;
    this.eventIds = eventIds;
  }
}

/** An event as it is compared here. */
export interface SeenEvent {
  readonly position: number;
  readonly id: string;
  readonly streamId: string;
  readonly version: number;
  readonly data: string;
}

interface Waiting {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

export class RemoteBackend {
  readonly #waiting = new Map<number, Waiting>();
  readonly #ended: Promise<unknown>;
  #errors = '';
  #questions = 0;

  private constructor(private readonly child: ChildProcess) {
    this.#ended = once(child, 'exit');
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#errors += text));
    child.on('message', (answer: Answer) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if ('error' in answer) waiting?.reject(new RemoteError(answer.error));
      else waiting?.resolve(answer.value);
    });
    child.once('exit', (code, signal) => {
      for (const { reject } of this.#waiting.values()) {
        reject(new Error(`the process ended (${signal ?? code}): ${this.#errors}`));
      }
      this.#waiting.clear();
    });
  }

  /** @param user the number of the user whose process it is, if not ours */
  static async start(options: AllSourceOptions, user?: number): Promise<RemoteBackend> {
    const child = spawn(process.execPath, [await builtProgram('remote'), JSON.stringify(options)], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      ...(user === undefined ? {} : { uid: user, gid: user }),
    });
    return new RemoteBackend(child);
  }

  static async open(options: AllSourceOptions): Promise<RemoteBackend> {
    const backend = await RemoteBackend.start(options);
    try {
      await backend.open();
    } catch (error) {
      await backend.kill();
      throw error;
    }
    return backend;
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  open(): Promise<void> {
    return this.#ask('open');
  }

  close(): Promise<void> {
    return this.#ask('close');
  }

  append(commit: Commit): Promise<readonly AppendResult[]> {
    return this.#ask('append', commit);
  }

  flush(): Promise<void> {
    return this.#ask('flush');
  }

  head(): Promise<number> {
    return this.#ask('head');
  }

  stats(): Promise<BackendStats> {
    return this.#ask('stats');
  }

  verify(): Promise<VerificationReport> {
    return this.#ask('verify');
  }

  backup(target: string): Promise<BackupReport> {
    return this.#ask('backup', target);
  }

  /** All events. */
  events(): Promise<readonly SeenEvent[]> {
    return this.#ask('events');
  }

  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.#ended;
  }

  #ask<T>(method: string, ...args: readonly unknown[]): Promise<T> {
    const question: Question = { id: ++this.#questions, method, args };
    return new Promise<T>((resolve, reject) => {
      this.#waiting.set(question.id, { resolve: resolve as (value: unknown) => void, reject });
      this.child.send(question, (error) => {
        if (error !== null) reject(error);
      });
    });
  }
}

/** A commit to one stream. */
export function commitTo(streamId: string, ids: readonly string[], given = false, bytes = 20): Commit {
  return {
    recordedAt: Date.now(),
    records: [],
    streams: [
      {
        streamId,
        expectedVersion: 'any',
        idsAreNew: !given,
        events: ids.map((id) => ({
          id,
          type: 'Noted',
          schemaVersion: 1,
          data: JSON.stringify({ id, text: 'x'.repeat(bytes) }),
          metadata: '{}',
        })),
      },
    ],
  };
}
