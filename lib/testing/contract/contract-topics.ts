import type { ContractTopic } from './contract-line.js';
import { checkpointsAndSnapshots } from './lines/checkpoints.js';
import { close, restart } from './lines/closing.js';
import { commits } from './lines/commits.js';
import { death } from './lines/crashes.js';
import { data, limits } from './lines/data.js';
import { delivery } from './lines/delivery.js';
import { errors } from './lines/errors.js';
import { eventIds } from './lines/event-ids.js';
import { expectedVersions } from './lines/expected-versions.js';
import { knownFaults } from './lines/known-faults.js';
import { pages } from './lines/pages.js';
import { eventsAfter, position } from './lines/positions.js';
import { reading } from './lines/reading.js';
import { records } from './lines/records.js';
import { statistics } from './lines/statistics.js';
import { stream, type, version } from './lines/streams.js';
import { subscribers } from './lines/subscribers.js';

/** The examples: every promise of the contract, one after the other. */
export const contractTopics: readonly ContractTopic[] = [
  stream,
  type,
  version,
  position,
  eventsAfter,
  ...reading,
  pages,
  ...commits,
  ...records,
  ...expectedVersions,
  ...eventIds,
  ...delivery,
  subscribers,
  ...checkpointsAndSnapshots,
  data,
  limits,
  errors,
  close,
  restart,
  ...death,
  ...statistics,
  ...knownFaults,
];
