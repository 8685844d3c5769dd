import { afterAll, describe, inject, it } from 'vitest';
import { eventStoreContract } from '@allframe/nestjs/testing';
import { PostgresSubject } from '../postgres/postgres-subject.js';

const pooler = inject('postgresPooler');
const subjects = inject('postgresServers').map(({ name, url }) => new PostgresSubject(name, url));
if (pooler !== null) subjects.push(new PostgresSubject(pooler.name, pooler.url, { wakeUp: 'poll' }));

for (const subject of subjects) {
  afterAll(() => subject.end());
  eventStoreContract({ describe, it }, subject);
}
