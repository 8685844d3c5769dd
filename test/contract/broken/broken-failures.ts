/** Backends that get failures wrong: what is not yet durable, what failed, what is unknown, what a crash leaves. */
import type { AppendResult, Commit } from '../../../lib/core/commit.js';
import { AppendOutcomeUnknownError } from '../../../lib/core/errors/append.errors.js';
import type { EventStoreBackend } from '../../../lib/core/event-store-backend.js';
import type { EventPage, LogQuery } from '../../../lib/core/read-page.js';
import type { ContractSubject } from '../../../lib/testing/contract/contract-subject.js';
import { FaultyBackend, type FaultyDisk, faultySubject } from '../faulty-backend.js';
import { type Broken, brokenSubject } from './broken.js';

type Results = readonly AppendResult[];

class DeliversBeforeDurable extends FaultyBackend {
  override async append(commit: Commit): Promise<Results> {
    const { hold } = this.pending;
    delete this.pending.hold;
    const results = await super.append(commit);
    await hold;
    return results;
  }
}

class KeepsWhatFailed extends FaultyBackend {
  override async append(commit: Commit): Promise<Results> {
    const { fail } = this.pending;
    delete this.pending.fail;
    const results = await super.append(commit);
    if (fail !== undefined) throw fail;
    return results;
  }
}

class WedgesAfterFailure extends FaultyBackend {
  #failed = false;

  override async append(commit: Commit): Promise<Results> {
    this.#failed ||= this.pending.fail !== undefined;
    if (this.#failed && this.pending.fail === undefined) throw new Error('out of order');
    return super.append(commit);
  }
}

class SaysNothingOfUnknown extends FaultyBackend {
  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      throw error instanceof AppendOutcomeUnknownError
        ? new Error('connection lost', { cause: error })
        : error;
    }
  }
}

class NamesOneUnknownId extends FaultyBackend {
  override async append(commit: Commit): Promise<Results> {
    try {
      return await super.append(commit);
    } catch (error) {
      throw error instanceof AppendOutcomeUnknownError
        ? new AppendOutcomeUnknownError(error.eventIds.slice(0, 1))
        : error;
    }
  }
}

class WritesUnknownTwice extends FaultyBackend {
  override append(commit: Commit): Promise<Results> {
    const streams = commit.streams.map((stream) => ({ ...stream, idsAreNew: true }));
    return super.append({ ...commit, streams });
  }
}

class SwallowsFailedReads extends FaultyBackend {
  override async readAll(query: LogQuery): Promise<EventPage> {
    try {
      return await super.readAll(query);
    } catch {
      return { events: [], through: query.after, atEnd: true };
    }
  }
}

class LosesInACrash extends FaultyBackend {
  constructor(disk: FaultyDisk) {
    super(disk, true);
  }
}

class LeavesHalfACommit extends FaultyBackend {
  override crash(): void {
    super.crash();
    this.disk.log = this.disk.log.slice(0, -5);
  }
}

class UsesPositionsTwice extends FaultyBackend {
  constructor(disk: FaultyDisk) {
    super(disk, true);
  }

  protected override nextPosition(): number {
    return this.lastPosition() + 1;
  }
}

class LosesWhatWasFlushed extends FaultyBackend {
  constructor(disk: FaultyDisk) {
    super(disk, true);
  }

  override async flush(): Promise<void> {
    this.assertOpen('flush');
  }
}

class CommitsInsideTransactions extends FaultyBackend {
  override transaction<R>(work: (inside: EventStoreBackend) => Promise<R>): Promise<R> {
    return work(this);
  }
}

const weak: Partial<ContractSubject> = {
  capabilities: {
    durable: true,
    transactional: true,
    duplicateWindow: Infinity,
    losesTail: true,
    positionsHaveGaps: true,
  },
};

const unknownWritten =
  'an append whose outcome is unknown says so with its ids, and a retry is safe: it was written';

function tenantsShareData(): Broken {
  const subject = faultySubject('does not keep tenants apart', (disk) => new FaultyBackend(disk));
  const opened = new Map<string, EventStoreBackend>();
  return brokenSubject(
    {
      ...subject,
      async openTenant(place) {
        const held = opened.get(place) ?? (await subject.open(place));
        opened.set(place, held);
        return held;
      },
    },
    ["a store opened for one tenant can neither read nor write another's"],
  );
}

function changesItsDriver(): Broken {
  let parsesNumbers = false;
  const make = (disk: FaultyDisk): FaultyBackend => {
    parsesNumbers = true;
    return new FaultyBackend(disk);
  };
  const subject = faultySubject('changes its driver for the whole process', make);
  return brokenSubject({ ...subject, driverSettings: () => ({ parsesNumbers }) }, [
    'fault 17: the settings that the driver keeps for the whole process are left alone',
  ]);
}

export const brokenFailures: readonly Broken[] = [
  brokenSubject(
    faultySubject('delivers before it is durable', (disk) => new DeliversBeforeDurable(disk)),
    ['an event that is not yet durable can neither be read nor is it delivered'],
  ),
  brokenSubject(
    faultySubject('keeps events of an append that failed', (disk) => new KeepsWhatFailed(disk)),
    ['an append that fails is never seen, and the stream stays writable'],
  ),
  brokenSubject(
    faultySubject('accepts nothing more after a failure', (disk) => new WedgesAfterFailure(disk)),
    ['an append that fails is never seen, and the stream stays writable'],
  ),
  brokenSubject(
    faultySubject('does not say that an outcome is unknown', (disk) => new SaysNothingOfUnknown(disk)),
    [unknownWritten],
  ),
  brokenSubject(
    faultySubject('does not name all ids of an unknown outcome', (disk) => new NamesOneUnknownId(disk)),
    [unknownWritten],
  ),
  brokenSubject(
    faultySubject('writes a retried append twice', (disk) => new WritesUnknownTwice(disk)),
    [unknownWritten, 'after reopening, too, a retry of an unknown outcome is safe: it was written'],
  ),
  brokenSubject(
    faultySubject('takes a failed read for an empty page', (disk) => new SwallowsFailedReads(disk)),
    ['a read that fails does not end a subscription: it is logged and tried again'],
  ),
  brokenSubject(
    faultySubject('loses acknowledged events in a crash', (disk) => new LosesInACrash(disk)),
    ['no acknowledged event, record or snapshot is lost by a crash (fault 24)'],
  ),
  brokenSubject(
    faultySubject('leaves half a commit in a crash', (disk) => new LeavesHalfACommit(disk)),
    ['a commit in flight when the process dies is there whole or not at all (fault 24)'],
  ),
  brokenSubject(
    faultySubject('uses positions twice after a crash', (disk) => new UsesPositionsTwice(disk), weak),
    [
      'after an unclean reopening no position is used twice: what was lost leaves a gap',
      'a reader that was ahead of what is left goes on with what comes after the gap',
    ],
  ),
  brokenSubject(
    faultySubject('does not make durable what is flushed', (disk) => new LosesWhatWasFlushed(disk), weak),
    ['after an unclean reopening what was flushed is there, and versions have no gap'],
  ),
  brokenSubject(
    faultySubject('commits inside a transaction', (disk) => new CommitsInsideTransactions(disk)),
    [
      'fault 12: two appends inside a user transaction are atomic together',
      'exactly once: effect and checkpoint of one transaction are written together or not at all',
    ],
  ),
  tenantsShareData(),
  changesItsDriver(),
];
