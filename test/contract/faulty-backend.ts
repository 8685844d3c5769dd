import {
  type AppendResult,
  AppendOutcomeUnknownError,
  type Commit,
  type EventPage,
  type EventStoreBackend,
  type LogQuery,
  StoreClosedError,
} from '@allframe/nestjs';
import type { ContractFaults, ContractSubject } from '@allframe/nestjs/testing';
import { ArrayBackend, ArrayData } from './array-backend.js';

/** What lies on the disk of a FaultyBackend, and how much of it a crash would leave. */
export class FaultyDisk extends ArrayData {
  /** No position up to here is given again. */
  usedPosition = 0;
  #durable = this.copy();

  makeDurable(): void {
    this.#durable = this.copy();
  }

  lose(): void {
    this.restore(this.#durable);
  }

  /** The log only grows, so its length says what it was. */
  copy(): { readonly events: number; readonly records: ArrayData['records'] } {
    const records = new Map([...this.records].map(([name, keyed]) => [name, new Map(keyed)] as const));
    return { events: this.log.length, records };
  }

  restore({ events, records }: ReturnType<FaultyDisk['copy']>): void {
    this.log = this.log.slice(0, events);
    this.records = records;
  }
}

/** What is to happen to the next calls. */
interface Pending {
  fail?: Error;
  unknown?: { written: boolean };
  hold?: Promise<void>;
  failRead?: Error;
}

/** A correct backend that fails when it is told to, so that the kit's lines about failures can be tried. */
export class FaultyBackend extends ArrayBackend {
  override readonly backendType: string = 'faulty';
  readonly pending: Pending = {};
  #crashed = false;

  constructor(
    readonly disk: FaultyDisk,
    /** Whether it acknowledges before it has made durable. */
    private readonly weak = false,
  ) {
    super(disk);
  }

  override async append(commit: Commit): Promise<readonly AppendResult[]> {
    this.assertAlive();
    const { fail, unknown, hold } = this.pending;
    delete this.pending.fail;
    delete this.pending.unknown;
    delete this.pending.hold;
    if (hold !== undefined) await hold;
    if (fail !== undefined) throw fail;
    if (unknown !== undefined) {
      if (unknown.written) await this.commit(commit);
      throw new AppendOutcomeUnknownError(commit.streams.flatMap(({ events }) => events.map(({ id }) => id)));
    }
    return this.commit(commit);
  }

  override async readAll(query: LogQuery): Promise<EventPage> {
    this.assertAlive();
    const { failRead } = this.pending;
    delete this.pending.failRead;
    if (failRead !== undefined) throw failRead;
    return super.readAll(query);
  }

  override async flush(): Promise<void> {
    await super.flush();
    this.disk.makeDurable();
  }

  /** Dies; what is durable stays. */
  crash(): void {
    this.#crashed = true;
    this.disk.usedPosition = this.lastPosition();
    this.disk.lose();
  }

  /** Runs work, and takes back what it wrote if it fails. */
  async transaction<R>(work: (inside: EventStoreBackend) => Promise<R>): Promise<R> {
    const before = this.disk.copy();
    try {
      return await work(this);
    } catch (error) {
      this.disk.restore(before);
      await this.onOpen();
      throw error;
    }
  }

  protected override async onClose(): Promise<void> {
    this.disk.makeDurable();
  }

  protected async commit(commit: Commit): Promise<readonly AppendResult[]> {
    const results = await super.append(commit);
    if (!this.weak) this.disk.makeDurable();
    return results;
  }

  protected override nextPosition(): number {
    return Math.max(this.lastPosition(), this.disk.usedPosition) + 1;
  }

  private assertAlive(): void {
    if (this.#crashed) throw new StoreClosedError('a call of a backend that crashed');
  }
}

/** A subject with every fault, and with tenants and transactions. */
export function faultySubject(
  name: string,
  make: (disk: FaultyDisk) => FaultyBackend,
  more: Partial<ContractSubject> = {},
): ContractSubject {
  const disks = new Map<string, FaultyDisk>();
  const open = new Map<string, FaultyBackend>();
  const at = (place: string): FaultyBackend => {
    const backend = open.get(place);
    if (backend === undefined) throw new Error(`nothing is open at ${place}`);
    return backend;
  };
  const openAt = (place: string): FaultyBackend => {
    const disk = disks.get(place) ?? new FaultyDisk();
    disks.set(place, disk);
    const backend = make(disk);
    open.set(place, backend);
    return backend;
  };
  const faults: ContractFaults = {
    failNextAppend: (place, error) => void (at(place).pending.fail = error),
    unknownOutcome: (place, written) => void (at(place).pending.unknown = { written }),
    holdNextAppend(place) {
      let release = (): void => undefined;
      at(place).pending.hold = new Promise((resolve) => (release = resolve));
      return () => release();
    },
    failNextRead: (place, error) => void (at(place).pending.failRead = error),
    crash: (place) => at(place).crash(),
    foreignTransaction: async () => async () => undefined,
  };
  return {
    name,
    open: openAt,
    openTenant: (place, tenant) => openAt(`${place}/${tenant}`),
    inTransaction: (backend, work) => (backend as FaultyBackend).transaction(work),
    driverSettings: () => ({ parsesNumbers: false }),
    faults,
    remove(place) {
      disks.delete(place);
      open.delete(place);
    },
    capabilities: { durable: true, transactional: true, duplicateWindow: Infinity },
    ...more,
  };
}
