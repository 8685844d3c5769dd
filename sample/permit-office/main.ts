import 'reflect-metadata';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { INestApplication } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { AllFrameError } from '@allframe/nestjs';
import { AppModule } from './app.module.js';
import { readCommandLine } from './command-line.js';
import { EnvironmentError, readEnvironment } from './environment.js';
import { CsvLog } from './event-log/csv-log.js';
import { EventLogError } from './event-log/event-log.errors.js';
import { GeneratedLog } from './event-log/generated-log.js';
import { LogImporter, whatWasNew } from './event-log/log-importer.js';
import { progressOn } from './progress.js';
import { OfficeFigures } from './projections/office-figures.js';

const PATHS = '/cases/:id /activities /variants /workload /stats /events';

/** As shells say it of a program that was interrupted, so that nothing takes half a log for a whole one. */
const EXIT_INTERRUPTED = 130;

/** Imports the log, prints its figures, and serves until it is told to stop. */
async function main(): Promise<void> {
  const { file, columns } = readCommandLine(process.argv);
  const { port, storeUrl } = readEnvironment(process.env);
  const log = file === undefined ? new GeneratedLog() : await CsvLog.open(file, columns);
  const stop = stopSignal();

  const app = await NestFactory.create(AppModule.on(storeUrl), {
    // Nest would print errors of the start with their stacks; they end up below, and are printed once.
    logger: false,
    abortOnError: false,
    // A browser keeps connections open on which it asks nothing: the office would not end before the browser.
    forceCloseConnections: true,
  });
  app.useLogger(['error', 'warn']);
  try {
    // Before the import, so that a port in use is known before the work is done.
    await listen(app, port);
    const progress = progressOn(process.stderr, log.size);
    const imported = await app
      .get(LogImporter)
      .import(log, { signal: stop, onProgress: (done) => progress.moveTo(done) })
      .finally(() => progress.stop());
    const figures = app.get(OfficeFigures);
    await figures.caughtUpWith(imported.position);
    // Beside the figures, which stay one line however often a log is imported.
    console.error(whatWasNew(imported, figures.current.events));
    console.log(figures.toString());
    console.log(`${urlOf(app)} serves ${PATHS}; Ctrl+C stops it`);
    if (!stop.aborted) await once(stop, 'abort');
  } catch (error) {
    if (error !== stop.reason) throw error;
    console.error('The import was stopped; what it has recorded stays, and the next one goes on from there.');
    process.exitCode = EXIT_INTERRUPTED;
  } finally {
    await app.close();
  }
}

/** Aborted by the first SIGINT or SIGTERM; a second one ends the process at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}

async function listen(app: INestApplication, port: number): Promise<void> {
  try {
    await app.listen(port);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EADDRINUSE' && code !== 'EACCES') throw error;
    const problem = `port ${port} ${code === 'EACCES' ? 'may not be used by this user' : 'is in use'}`;
    const remedy = 'set PORT to another one, or to 0 for any free one';
    throw new EnvironmentError('PORT', `${problem}; ${remedy}`, { cause: error });
  }
}

function urlOf(app: INestApplication): string {
  const { port } = (app.getHttpServer() as { address(): AddressInfo }).address();
  return `http://localhost:${port}`;
}

try {
  await main();
} catch (error) {
  const isExpected =
    error instanceof EventLogError || error instanceof EnvironmentError || error instanceof AllFrameError;
  console.error(isExpected ? `error: ${error.message}` : error);
  process.exitCode = 1;
}
