import { type DynamicModule, Module } from '@nestjs/common';
import { InMemoryBackend } from '../backends/memory/in-memory-backend.js';
import type { AllFrameAsyncOptions, AllFrameOptions, BackendSource } from './allframe.options.js';
import { AllFrameCoreModule } from './allframe-core.module.js';
import { getEventStoreBackendToken, getEventStoreToken } from './allframe.tokens.js';
import type { Feature } from './feature.js';
import { repositoryProvider } from './feature.providers.js';
import { asyncBackendProviders, backendProvider, storeProvider } from './store.providers.js';

/**
 * Event sourcing for a Nest application.
 *
 * `forRoot` opens a store for the whole application, `forFeature` makes repositories of aggregates. The store is open
 * once the application is made, projections start at bootstrap, and shutdown drains and closes.
 * @example
 * ```ts
 * @Module({
 *   imports: [AllFrameModule.forRoot(), AllFrameModule.forFeature([Account])],
 *   providers: [BalancesProjection],
 * })
 * class AppModule {}
 * ```
 * @publicApi
 */
@Module({})
export class AllFrameModule {
  /**
   * Opens a store; global, so import it once.
   * @param backend a backend or its URL; without one every application gets an empty memory of its own
   */
  static forRoot(backend?: BackendSource, options: AllFrameOptions = {}): DynamicModule {
    const { name } = options;
    return {
      module: AllFrameModule,
      global: true,
      imports: [AllFrameCoreModule],
      providers: [
        backend === undefined
          ? { provide: getEventStoreBackendToken(name), useFactory: () => new InMemoryBackend() }
          : backendProvider(backend, name),
        storeProvider(options),
      ],
      exports: [getEventStoreToken(name), getEventStoreBackendToken(name)],
    };
  }

  /**
   * Opens a store on a backend that is made from other providers.
   * @throws InvalidArgumentError unless exactly one of `useFactory`, `useClass` and `useExisting` is given
   * @example
   * ```ts
   * AllFrameModule.forRootAsync({
   *   inject: [ConfigService],
   *   useFactory: (config: ConfigService) => config.getOrThrow('EVENT_STORE_URL'),
   * });
   * ```
   */
  static forRootAsync(options: AllFrameAsyncOptions): DynamicModule {
    const { name, imports = [] } = options;
    return {
      module: AllFrameModule,
      global: true,
      imports: [AllFrameCoreModule, ...imports],
      providers: [...asyncBackendProviders(options), storeProvider(options)],
      exports: [getEventStoreToken(name), getEventStoreBackendToken(name)],
    };
  }

  /**
   * Makes the repositories of aggregates and deciders, for `@InjectAggregateRepository` and `@InjectDeciderRepository`.
   * @param options `store`: the name of the store, where it is not the default one
   */
  static forFeature(features: readonly Feature[], options: { readonly store?: string } = {}): DynamicModule {
    const providers = features.map((feature) => repositoryProvider(feature, options.store));
    return {
      module: AllFrameModule,
      imports: [AllFrameCoreModule],
      providers,
      exports: providers,
    };
  }
}
