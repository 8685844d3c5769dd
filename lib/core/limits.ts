/**
 * Every limit of the library by name, its unit last. A page, queue, retry or cache without a line here is a fault.
 * @publicApi
 */
export const Limits = {
  /** Length of a stream id, in bytes of UTF-8. */
  streamIdBytesMax: 512,
  /** Length of an event type, in bytes of UTF-8. */
  eventTypeBytesMax: 256,
  /** Data and metadata of one event together, in bytes of UTF-8 JSON. */
  eventBytesMax: 1024 * 1024,
  /** Events in one commit, over all of its streams. */
  commitEventsMax: 10_000,
  /** Events and records of one commit together, in bytes of UTF-8 JSON. */
  commitBytesMax: 16 * 1024 * 1024,
  /** Records put or deleted by one commit. */
  commitRecordsMax: 10_000,
  /** Length of a record's collection name, in bytes of UTF-8. */
  recordCollectionBytesMax: 64,
  /** Length of a record's key, in bytes of UTF-8. A snapshot's key is its stream's id. */
  recordKeyBytesMax: 1024,
  /** A record's value, in bytes of UTF-8 JSON. */
  recordBytesMax: 1024 * 1024,
  /** Depth of arrays and objects in `data`, `metadata` and snapshots. */
  dataDepthMax: 1_000,
  /** Events in one page that a reader takes from a backend. */
  pageEventsMax: 512,
  /** Events examined for one page of a filtered read. */
  pageScanEventsMax: 16_384,
  /** First delay before a failed read of a subscription is tried again, in milliseconds; doubled each time. */
  readRetryDelayMs: 50,
  /** Longest delay between two tries of a failed read of a subscription, in milliseconds. */
  readRetryDelayMaxMs: 5_000,
  /** Attempts of `AggregateRepository.update` under conflict, the first one included. */
  updateAttemptsMax: 16,
  /** Longest first delay between two attempts of an update, in milliseconds; doubled each time. */
  updateRetryDelayMs: 2,
  /** Longest delay between two attempts of an update, in milliseconds. */
  updateRetryDelayMaxMs: 100,
  /** Updates of one stream that may wait for their turn in one process. */
  updatesWaitingMax: 10_000,
  /** How long an update keeps others of its stream and process waiting, in milliseconds. */
  updateTurnMs: 500,
  /** Attempts of a projection's handler at one event before the projection is blocked, the first one included. */
  handlerAttemptsMax: 5,
  /** First delay before a projection's handler is tried again, in milliseconds; doubled each time. */
  handlerRetryDelayMs: 50,
  /** Longest delay before a projection's handler is tried again, in milliseconds. */
  handlerRetryDelayMaxMs: 2_000,
  /** Longest time between two checkpoints of a projection that works through a page, in milliseconds. */
  checkpointEveryMs: 1_000,
  /** Attempts to take a checkpoint over while others do the same. */
  checkpointClaimAttemptsMax: 16,
  /** How long `ProjectionRegistry.waitFor` waits unless told, in milliseconds. */
  waitForTimeoutMs: 5_000,
  /** How long a projection is one process's own without being renewed, in milliseconds. */
  leaseTtlMs: 15_000,
  /** Time between two renewals of leases, in milliseconds. */
  leaseRenewMs: 4_000,
  /** First delay before somebody who waits asks how far another process's projection is, in milliseconds; doubled each time. */
  standbyDelayMs: 10,
  /** The longest of these delays, in milliseconds. */
  standbyDelayMaxMs: 500,
  /** How long one transaction of a projection takes further events, in milliseconds. */
  transactionMs: 100,
  /** Callers that may wait for one projection at once. */
  projectionWaitersMax: 10_000,
  /** Length of the name that the ids of a class of commands are kept by, in bytes of UTF-8. */
  commandNameBytesMax: 256,
  /** Length of a command id, in bytes of UTF-8. */
  commandIdBytesMax: 256,
  /** Appends that are told of a command whose answer is lost; of more of them only how many they were. */
  commandAppendsKeptMax: 100,
  /** How long a command id is kept unless told, in milliseconds: a week. */
  commandRecordKeepMs: 7 * 24 * 60 * 60 * 1_000,
  /** Time between two removals of command ids that are kept no longer, in milliseconds. */
  commandRecordSweepMs: 60 * 60 * 1_000,
  /** How long a caller waits for the answer to a command that another process has begun, in milliseconds. */
  commandAnswerWaitMs: 5_000,
  /** First delay before it looks again, in milliseconds; doubled each time. */
  commandAnswerDelayMs: 10,
  /** The longest of these delays, in milliseconds. */
  commandAnswerDelayMaxMs: 500,
  /** How long `close` waits for running handlers unless told, in milliseconds. */
  shutdownTimeoutMs: 10_000,
  /** What AllSource makes durable with one write and one sync, in bytes; a single commit may be larger. */
  groupBytesMax: 32 * 1024 * 1024,
  /** Appends that may wait for their turn: for the disk, for sealing, for ids to be compared, for the database. */
  appendsWaitingMax: 100_000,
  /** Among how many of the newest events AllSource knows an id wherever it stands, at least. */
  duplicateWindowEvents: 100_000,
  /** Files of its log that AllSource lets be before it seals: every opening begins one, so many may hold little. */
  logFilesMax: 16,
  /** Time until sealing that failed is tried again, if nobody asks for it before, in milliseconds. */
  sealRetryDelayMs: 5_000,
  /** Streams of which AllSource remembers where in the log they stand. */
  streamTrailsMax: 16,
  /** Events that AllSource reads at once while a filter looks for some of them. */
  filteredReadEvents: 4_096,
  /** Events in one sealed segment of AllSource, what is not merged any further; a single file of the log may hold more. */
  segmentEventsMax: 1_000_000,
  /** Bytes of events in one sealed segment of AllSource that is made of others. */
  segmentBytesMax: 1024 * 1024 * 1024,
  /** Bytes of the log that AllSource seals at once; a single file of the log may be larger. */
  sealBytesMax: 256 * 1024 * 1024,
  /** Events that PostgreSQL is sent with one call; a single commit may have more. */
  appendBatchEventsMax: 1_000,
  /** JSON that PostgreSQL is sent with one call, in UTF-16 units; a single commit may have more. */
  appendBatchUnitsMax: 1024 * 1024,
  /** Events that an import into PostgreSQL copies in one transaction. */
  importChunkEvents: 10_000,
  /** Streams whose versions a process remembers between two calls of PostgreSQL. */
  knownVersionsMax: 50_000,
  /** How long PostgreSQL may take for one statement of the library before its connection counts as lost, at least, in milliseconds. */
  answerTimeoutMs: 30_000,
  /** How long an append waits in PostgreSQL for appends of other transactions, in milliseconds. */
  appendLockTimeoutMs: 30_000,
  /** Times that PostgreSQL is asked once more to do what a deadlock or a race of two transactions has undone. */
  transactionAttemptsMax: 10,
  /** How long an append or a read waits for a database that cannot be reached unless told, in milliseconds. */
  unavailableTimeoutMs: 30_000,
  /** First delay before a database that cannot be reached is tried again, in milliseconds; doubled each time. */
  reconnectDelayMs: 20,
  /** Longest delay before a database that cannot be reached is tried again, in milliseconds. */
  reconnectDelayMaxMs: 1_000,
  /** Connections of a pool that PostgreSQL is given unless told. */
  poolConnectionsMax: 10,
  /** How long a new connection to PostgreSQL may take unless told, in milliseconds. */
  connectTimeoutMs: 5_000,
  /** First delay before PostgreSQL is asked for events of other processes, in milliseconds; doubled while there are none. */
  pollDelayMs: 20,
  /** Longest delay before PostgreSQL is asked for events of other processes, in milliseconds. */
  pollDelayMaxMs: 1_500,
  /** The same while PostgreSQL tells of new events by itself. */
  pollDelayNotifiedMs: 5_000,
  /** Least time between two notifications of one process about its appends, in milliseconds. */
  notifyEveryMs: 5,
} as const;
