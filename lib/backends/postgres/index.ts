export { PostgresBackend } from './postgres-backend.js';
export type { PostgresOptions } from './postgres-options.js';
export {
  PostgresDriverMissingError,
  PostgresRequestError,
  PostgresSchemaError,
  PostgresUnavailableError,
} from './postgres.errors.js';
export type { PooledPostgresClient, PostgresClient, PostgresPool } from './driver.js';
export { clientOf, type PostgresTransaction, type QueryingClient } from './transaction.js';
export type { ImportReport } from './importing/event-import.js';
