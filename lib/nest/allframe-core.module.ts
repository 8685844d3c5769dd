import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { CommandBus } from '../commands/command-bus.js';
import { QueryBus } from '../commands/query-bus.js';
import { ProjectionRegistry } from '../projections/projection.registry.js';
import { AllFrameLifecycle } from './allframe.lifecycle.js';
import { FeatureRegistry } from './feature.registry.js';
import { HandlerExplorer } from './handler.explorer.js';
import { MessageExplorer } from './message.explorer.js';
import { StoreRegistry } from './store.registry.js';

/** What an application has once, however many stores it opens. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    StoreRegistry,
    { provide: ProjectionRegistry, useFactory: () => new ProjectionRegistry() },
    FeatureRegistry,
    { provide: CommandBus, useFactory: () => new CommandBus() },
    { provide: QueryBus, useFactory: () => new QueryBus() },
    HandlerExplorer,
    MessageExplorer,
    AllFrameLifecycle,
  ],
  exports: [DiscoveryModule, StoreRegistry, FeatureRegistry, ProjectionRegistry, CommandBus, QueryBus],
})
export class AllFrameCoreModule {}
