import { appendFunction, decideFunction } from '../append/append-commits.js';
import { appendEventFunction } from '../append/append-event.js';
import { appendTurnFunction, enterTimelineFunction } from '../append/append-turn.js';
import {
  type DataType,
  eventsTable,
  firstEventsIndex,
  lastPositionFunction,
  leasesTable,
  recordsTable,
  storeTable,
  timelineFunction,
} from './tables.js';

/** A step from one version of the schema to the next. Steps are never changed once released; a new one is added. */
export interface Migration {
  /** From 1, without gaps. */
  readonly version: number;
  readonly name: string;
  /** @param schema quoted */
  readonly statements: (schema: string, data: DataType) => readonly string[];
}

export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    name: 'events, records, leases, and the functions that append',
    statements: (schema, data) => [
      eventsTable(schema, data),
      firstEventsIndex(schema),
      recordsTable(schema),
      storeTable(schema),
      leasesTable(schema),
      timelineFunction(schema),
      `insert into ${schema}.store (append_lock, timeline) values ((random() * 9e15)::bigint, ${schema}.server_timeline())`,
      lastPositionFunction(schema),
      enterTimelineFunction(schema),
      decideFunction(schema),
      appendFunction(schema),
      appendEventFunction(schema),
      appendTurnFunction(schema),
    ],
  },
];
