import { afterAll, describe, inject, it } from 'vitest';
import { eventStoreContract } from '@allframe/nestjs/testing';
import { PostgresSubject } from '../postgres/postgres-subject.js';

for (const { name, url } of inject('postgresServers')) {
  const subject = new PostgresSubject(name, url);
  afterAll(() => subject.end());
  eventStoreContract({ describe, it }, subject);
}
