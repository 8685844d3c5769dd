/** The Nest module: how a store is set up. */
import { type DynamicModule, Logger, Module } from '@nestjs/common';
import {
  AllFrameModule,
  type EventStoreBackend,
  type EventStoreBackendFactory,
  InMemoryBackend,
  InjectDeciderRepository,
  InjectEventStore,
  InjectEventStoreBackend,
} from '@allframe/nestjs';
import { light } from './aggregates.test-d.js';
import { Account, AccountOpened, MoneyDeposited } from './domain.js';
import { exactly } from './exactly.js';

declare class ConfigService {
  get(name: string): string;
}
declare class Backends implements EventStoreBackendFactory {
  createEventStoreBackend(): Promise<EventStoreBackend>;
}

exactly<DynamicModule>()(AllFrameModule.forRoot());
AllFrameModule.forRoot('memory:');
AllFrameModule.forRoot(new InMemoryBackend(), {
  name: 'billing',
  events: [AccountOpened],
  snapshots: { every: 10 },
  metadata: () => ({ tenant: 'a' }),
  logger: new Logger('Events'),
  shutdownTimeoutMs: 1_000,
});
AllFrameModule.forRoot(undefined, { snapshots: false, metadata: { tenant: 'a' } });
// @ts-expect-error a class is not yet a backend
AllFrameModule.forRoot(InMemoryBackend);
// @ts-expect-error no such option
AllFrameModule.forRoot('memory:', { snapshot: false });
// @ts-expect-error milliseconds, and no unit
AllFrameModule.forRoot('memory:', { shutdownTimeoutMs: '1s' });

// As in every other dynamic module, what is injected may be declared or left to be guessed.
AllFrameModule.forRootAsync({ inject: [ConfigService], useFactory: (config) => config.get('URL') });
AllFrameModule.forRootAsync({
  name: 'billing',
  imports: [class ConfigModule {}],
  inject: [ConfigService, { token: 'URL', optional: true }],
  useFactory: async (config: ConfigService, url?: string) => url ?? config.get('URL'),
});
AllFrameModule.forRootAsync({ useFactory: () => new InMemoryBackend() });
AllFrameModule.forRootAsync({ useClass: InMemoryBackend });
AllFrameModule.forRootAsync({ useClass: Backends });
AllFrameModule.forRootAsync({ useExisting: Backends });
// @ts-expect-error a factory gives a backend or its URL
AllFrameModule.forRootAsync({ useFactory: () => 42 });
// @ts-expect-error this class makes no backend
AllFrameModule.forRootAsync({ useClass: ConfigService });

AllFrameModule.forFeature([Account]);
AllFrameModule.forFeature([Account, { name: 'light', decider: light }], { store: 'billing' });
// @ts-expect-error an event is no feature
AllFrameModule.forFeature([MoneyDeposited]);
// @ts-expect-error a decider needs a name for its streams
AllFrameModule.forFeature([{ decider: light }]);
// @ts-expect-error it lacks two functions
AllFrameModule.forFeature([{ name: 'light', decider: { initialState: () => 'off' } }]);

@Module({ imports: [AllFrameModule.forRoot()] })
export class AppModule {
  constructor(
    @InjectEventStore() readonly store: object,
    @InjectEventStore('billing') readonly billing: object,
    @InjectEventStoreBackend('billing') readonly backend: object,
    @InjectDeciderRepository('light') readonly lights: object,
    // @ts-expect-error a store is called by its name
    @InjectEventStore(InMemoryBackend) readonly wrong: object,
  ) {}
}
