/** A bank over HTTP, until Ctrl+C. `PORT` and `EVENT_STORE_URL` say where; by default port 3000, and in memory. */
import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { AppModule } from './app.module.js';

const { PORT = '3000', EVENT_STORE_URL = 'memory:' } = process.env;

const app = await NestFactory.create(AppModule.on(EVENT_STORE_URL), {
  logger: ['error', 'warn'],
  // Idle connections of browsers would keep the bank open.
  forceCloseConnections: true,
});
app.enableShutdownHooks();
await app.listen(Number(PORT));
console.log(`The bank is open at ${(await app.getUrl()).replace('[::1]', 'localhost')}`);
