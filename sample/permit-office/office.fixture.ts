/** What the tests share: a running office, and readers of what it serves. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { INestApplication } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { onTestFinished } from 'vitest';
import { AppModule } from './app.module.js';
import type { EventLog, LogRow } from './event-log/event-log.js';
import { type ImportResult, LogImporter } from './event-log/log-importer.js';
import { OfficeFigures } from './projections/office-figures.js';

export class RunningOffice {
  private constructor(
    readonly app: INestApplication<Server>,
    readonly url: string,
  ) {}

  /** On a free port; the caller closes it. @param storeUrl where the events are kept */
  static async open(storeUrl = 'memory:'): Promise<RunningOffice> {
    const moduleRef = await Test.createTestingModule({ imports: [AppModule.on(storeUrl)] }).compile();
    const app = moduleRef.createNestApplication<INestApplication<Server>>({
      logger: ['error', 'warn'],
      forceCloseConnections: true,
    });
    await app.listen(0);
    return new RunningOffice(app, `http://localhost:${(app.getHttpServer().address() as AddressInfo).port}`);
  }

  get figures(): OfficeFigures {
    return this.app.get(OfficeFigures);
  }

  /** Imports a log, and has the projections catch up with it. */
  async import(log: EventLog): Promise<ImportResult> {
    const result = await this.app.get(LogImporter).import(log);
    await this.figures.caughtUpWith(result.position);
    return result;
  }

  /** What GET answers, its status first. */
  async get<Body>(path: string): Promise<[status: number, body: Body]> {
    const response = await fetch(this.url + path);
    return [response.status, (await response.json()) as Body];
  }

  /** The event stream, as a client that was there before goes on with it. */
  events(lastEventId?: string, signal?: AbortSignal): Promise<Response> {
    return fetch(`${this.url}/events`, {
      ...(lastEventId === undefined ? {} : { headers: { 'Last-Event-ID': lastEventId } }),
      ...(signal === undefined ? {} : { signal }),
    });
  }

  close(): Promise<void> {
    return this.app.close();
  }
}

export interface ServerSentEvent {
  readonly id: string;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The messages of an event stream, as they arrive. */
export async function* messagesOf(response: Response): AsyncGenerator<ServerSentEvent, void, undefined> {
  let text = '';
  for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
    const messages = (text + chunk).split('\n\n');
    text = messages.pop() ?? '';
    for (const message of messages) {
      const fields = Object.fromEntries(message.split('\n').map((line) => line.split(/: (.*)/s, 2)));
      yield { ...fields, data: JSON.parse(fields.data) } as ServerSentEvent;
    }
  }
}

/** The first messages of an event stream; the connection is closed afterwards. */
export async function firstMessages(response: Response, count: number): Promise<ServerSentEvent[]> {
  const messages: ServerSentEvent[] = [];
  for await (const message of messagesOf(response)) {
    messages.push(message);
    if (messages.length === count) break;
  }
  return messages;
}

/** An empty directory that is gone when the test has finished. */
export async function emptyDirectory(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'permit-office-'));
  onTestFinished(() => rm(directory, { recursive: true }));
  return directory;
}

/** A file that is gone when the test has finished. */
export async function fileWith(content: string | Uint8Array): Promise<string> {
  const directory = await emptyDirectory();
  const file = join(directory, 'log.csv');
  await writeFile(file, content);
  return file;
}

/** A log of the rows given: who did what is said where it matters. */
export function logOf(...rows: readonly (Pick<LogRow, 'caseId' | 'activity'> & Partial<LogRow>)[]): EventLog {
  return {
    name: 'test log',
    size: rows.length,
    async *rows() {
      for (const [i, row] of rows.entries()) {
        yield { resource: 'Ada', completedAt: '2024-01-02T08:00:00.000Z', line: i + 1, end: i + 1, ...row };
      }
    },
  };
}
