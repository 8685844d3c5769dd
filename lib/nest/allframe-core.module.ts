import { Global, Module } from '@nestjs/common';
import { DiscoveryModule } from '@nestjs/core';
import { ProjectionRegistry } from '../projections/projection.registry.js';
import { AllFrameLifecycle } from './allframe.lifecycle.js';
import { HandlerExplorer } from './handler.explorer.js';
import { StoreRegistry } from './store.registry.js';

/** What an application has once, however many stores it opens. */
@Global()
@Module({
  imports: [DiscoveryModule],
  providers: [
    StoreRegistry,
    { provide: ProjectionRegistry, useFactory: () => new ProjectionRegistry() },
    HandlerExplorer,
    AllFrameLifecycle,
  ],
  exports: [DiscoveryModule, StoreRegistry, ProjectionRegistry],
})
export class AllFrameCoreModule {}
