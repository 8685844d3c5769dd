/** A bank over HTTP, until Ctrl+C. `PORT` and `EVENT_STORE_URL` say where; by default port 3000, and in memory. */
import 'reflect-metadata';
import { once } from 'node:events';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const { PORT = '3000', EVENT_STORE_URL = 'memory:' } = process.env;

const stop = stopSignal();
const app = await NestFactory.create(AppModule.on(EVENT_STORE_URL), {
  logger: ['error', 'warn'],
  // Idle connections of browsers would keep the bank open. A request that is cut off is repeated by its Idempotency-Key.
  forceCloseConnections: true,
});
try {
  await app.listen(Number(PORT));
  console.log(`The bank is open at ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
  if (!stop.aborted) await once(stop, 'abort');
} finally {
  // Waits for commands on their way, and closes the store.
  await app.close();
}

/** Aborted by the first SIGINT or SIGTERM, so that the bank ends with exit code 0; a second one ends it at once. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  return stop.signal;
}
