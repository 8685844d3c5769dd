import { Inject, Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { CommandBus } from '../commands/command-bus.js';
import { QueryBus } from '../commands/query-bus.js';
import { ProjectionRegistry } from '../projections/projection.registry.js';
import { StoreRegistry } from './store.registry.js';

/**
 * Ends what the application has opened.
 *
 * It happens when the HTTP server has been closed, so requests in flight still append and read. Commands and queries on
 * their way, and running handlers, those of projections included, are waited for until the deadline.
 */
@Injectable()
export class AllFrameLifecycle implements OnApplicationShutdown {
  constructor(
    @Inject(StoreRegistry) private readonly stores: StoreRegistry,
    @Inject(ProjectionRegistry) private readonly projections: ProjectionRegistry,
    @Inject(CommandBus) private readonly commandBus: CommandBus,
    @Inject(QueryBus) private readonly queryBus: QueryBus,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    // Not awaited: a handler beyond the deadline would hold the shutdown up, and every other one ends with its store.
    void this.projections.stop();
    const stores = this.stores.all();
    // No store closes before the handlers of all have ended: a handler of one may append to another.
    const timeoutMs = this.stores.shutdownTimeoutMs();
    await Promise.allSettled([
      this.commandBus.drain(timeoutMs),
      this.queryBus.drain(timeoutMs),
      ...stores.map((store) => store.drain()),
    ]);
    this.projections.abandon();
    const closed = await Promise.allSettled(stores.map((store) => store.close()));
    for (const result of closed) if (result.status === 'rejected') throw result.reason;
  }
}
