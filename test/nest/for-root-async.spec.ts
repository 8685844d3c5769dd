import { describe, expect, it } from 'vitest';
import {
  type AllFrameAsyncOptions,
  AllFrameModule,
  type BackendSource,
  EventStore,
  EventStoreBackend,
  type EventStoreBackendFactory,
  getEventStoreToken,
  InMemoryBackend,
  InvalidArgumentError,
} from '@allframe/nestjs';
import { Inject, Injectable, Module } from '@nestjs/common';
import { Account, Accounts } from './bank.js';
import { compiled, startFailure } from './running-app.js';

@Injectable()
class Config {
  readonly values: Record<string, string> = { EVENT_STORE_URL: 'memory:' };
  get = (name: string): string => this.values[name] as string;
}

@Module({ providers: [Config], exports: [Config] })
class ConfigModule {}

@Injectable()
class BackendFactory implements EventStoreBackendFactory {
  readonly made = new InMemoryBackend();

  constructor(@Inject(Config) readonly config: Config) {}

  createEventStoreBackend(): EventStoreBackend {
    return this.made;
  }
}

@Injectable()
class BackendOfItsOwn extends InMemoryBackend {
  constructor(@Inject(Config) readonly config: Config) {
    super();
  }
}

@Module({
  imports: [ConfigModule],
  providers: [BackendFactory, BackendOfItsOwn],
  exports: [BackendFactory, BackendOfItsOwn],
})
class BackendsModule {}

async function storeOf(options: AllFrameAsyncOptions): Promise<EventStore> {
  const app = await compiled({ imports: [AllFrameModule.forRootAsync(options)] });
  return app.get(EventStore);
}

async function proves(store: EventStore): Promise<void> {
  await store.append('note-1', [{ type: 'note.taken', data: {} }]);
  expect((await store.stats()).totalEvents).toBe(1);
}

describe('forRootAsync with useFactory', () => {
  it('gives the factory what it asks for, and takes a URL', async () => {
    const store = await storeOf({
      imports: [ConfigModule],
      inject: [Config],
      useFactory: (config: Config) => config.get('EVENT_STORE_URL'),
    });
    expect(store.backend).toBeInstanceOf(InMemoryBackend);
    await proves(store);
  });

  it('takes a backend, a promise of one, and a promise of a URL', async () => {
    const backend = new InMemoryBackend();
    expect((await storeOf({ useFactory: () => backend })).backend).toBe(backend);
    const other = new InMemoryBackend();
    expect((await storeOf({ useFactory: async () => other })).backend).toBe(other);
    await proves(await storeOf({ useFactory: async () => 'memory:' }));
  });

  it('passes undefined for an optional dependency that nobody provides', async () => {
    const seen: unknown[] = [];
    await storeOf({
      inject: [{ token: 'NOBODY', optional: true }],
      useFactory: (value: unknown) => {
        seen.push(value);
        return 'memory:';
      },
    });
    expect(seen).toEqual([undefined]);
  });

  it('keeps the store options', async () => {
    const app = await compiled({
      imports: [
        AllFrameModule.forRootAsync({
          name: 'billing',
          useFactory: () => 'memory:',
          metadata: { service: 'billing' },
          snapshots: { every: 1 },
        }),
        AllFrameModule.forFeature([Account], { store: 'billing' }),
      ],
    });
    const store = app.get<EventStore>(getEventStoreToken('billing'));
    await store.append('note-1', [{ type: 'note.taken', data: {} }]);
    expect((await store.getEvents('note-1'))[0]?.metadata).toEqual({ service: 'billing' });
    expect(() => app.get(EventStore)).toThrow();
  });

  it.each([
    [
      'undefined',
      undefined,
      /forRootAsync's useFactory: it gave undefined \(is a setting missing\?\); give a backend/,
    ],
    ['null', null, /forRootAsync's useFactory: it gave null; give a backend/],
    ['a number', 5432, /it gave number/],
    ['the class instead of an instance', InMemoryBackend, /it gave function/],
    ['a bad URL', 'mysql:/ada:s3cret@x', /no backend for "mysql:"/],
  ])('refuses %s clearly', async (_, given, message) => {
    const failure = await startFailure({
      imports: [AllFrameModule.forRootAsync({ useFactory: () => given as unknown as BackendSource })],
    });
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect(failure.message).toMatch(message);
    expect(failure.message).not.toContain('s3cret');
  });

  it('fails with what the factory fails with, also where a repository waits for the store', async () => {
    const failure = new Error('the vault is sealed');
    const root = AllFrameModule.forRootAsync({ useFactory: () => Promise.reject(failure) });
    const feature = AllFrameModule.forFeature([Account]);
    expect(await startFailure({ imports: [root] })).toBe(failure);
    expect(await startFailure({ imports: [root, feature], providers: [Accounts] })).toBe(failure);
    expect(await startFailure({ imports: [feature, root], providers: [Accounts] })).toBe(failure);
  });
});

describe('forRootAsync with useClass', () => {
  it('instantiates a maker of backends, with its dependencies', async () => {
    const app = await compiled({
      imports: [AllFrameModule.forRootAsync({ imports: [ConfigModule], useClass: BackendFactory })],
    });
    const maker = app.get(BackendFactory, { strict: false });
    expect(maker.config).toBeInstanceOf(Config);
    expect(app.get(EventStore).backend).toBe(maker.made);
    await proves(app.get(EventStore));
  });

  it('instantiates a class that is a backend itself', async () => {
    const store = await storeOf({ imports: [ConfigModule], useClass: BackendOfItsOwn });
    expect(store.backend).toBeInstanceOf(BackendOfItsOwn);
    expect((store.backend as BackendOfItsOwn).config).toBeInstanceOf(Config);
    await proves(store);
  });

  it('takes a URL, and a promise of one', async () => {
    class ByUrl implements EventStoreBackendFactory {
      createEventStoreBackend = async (): Promise<string> => 'memory:';
    }
    await proves(await storeOf({ useClass: ByUrl }));
  });

  it('refuses a maker that gives nothing, and a class that makes nothing', async () => {
    class Forgetful {
      createEventStoreBackend(): BackendSource {
        return undefined as unknown as BackendSource;
      }
    }
    const forgotten = await startFailure({ imports: [AllFrameModule.forRootAsync({ useClass: Forgetful })] });
    expect(forgotten).toBeInstanceOf(InvalidArgumentError);
    expect(forgotten.message).toMatch(/createEventStoreBackend: it gave undefined/);

    class Unrelated {}
    const useClass = Unrelated as unknown as typeof Forgetful;
    const unrelated = await startFailure({ imports: [AllFrameModule.forRootAsync({ useClass })] });
    expect(unrelated).toBeInstanceOf(InvalidArgumentError);
    expect(unrelated.message).toMatch(/useClass.*Unrelated.*createEventStoreBackend/);
  });
});

describe('forRootAsync with useExisting', () => {
  it('asks an existing maker', async () => {
    const app = await compiled({
      imports: [AllFrameModule.forRootAsync({ imports: [BackendsModule], useExisting: BackendFactory })],
    });
    expect(app.get(EventStore).backend).toBe(app.get(BackendFactory, { strict: false }).made);
  });

  it('takes an existing backend, by whatever token', async () => {
    const app = await compiled({
      imports: [AllFrameModule.forRootAsync({ imports: [BackendsModule], useExisting: BackendOfItsOwn })],
    });
    expect(app.get(EventStore).backend).toBe(app.get(BackendOfItsOwn, { strict: false }));

    const backend = new InMemoryBackend();
    @Module({ providers: [{ provide: 'BACKEND', useValue: backend }], exports: ['BACKEND'] })
    class ByNameModule {}
    expect((await storeOf({ imports: [ByNameModule], useExisting: 'BACKEND' })).backend).toBe(backend);
  });

  it.each([
    ['a URL', 'memory:ada:s3cret@x'],
    ['nothing', null],
    ['an object that makes none', { createBackend: () => undefined }],
  ])('refuses %s under the token, and says what is wanted', async (_, useValue) => {
    @Module({ providers: [{ provide: 'SETTING', useValue }], exports: ['SETTING'] })
    class SettingsModule {}
    const failure = await startFailure({
      imports: [AllFrameModule.forRootAsync({ imports: [SettingsModule], useExisting: 'SETTING' })],
    });
    expect(failure).toBeInstanceOf(InvalidArgumentError);
    expect(failure.message).toMatch(/useExisting.*createEventStoreBackend/);
    expect(failure.message).not.toContain('s3cret');
  });
});

describe('forRootAsync told to do nothing, or too much', () => {
  const useFactory = (): string => 'memory:';
  const [useClass, useExisting] = [BackendFactory, BackendFactory];

  it.each<[string, AllFrameAsyncOptions, RegExp]>([
    ['no way', {}, /exactly one of useFactory, useClass and useExisting makes the backend, and 0 are given/],
    ['two ways', { useFactory, useClass }, /and 2 are given/],
    ['three ways', { useFactory, useClass, useExisting }, /and 3 are given/],
  ])('refuses %s as soon as it is called', (_, options, message) => {
    expect(() => AllFrameModule.forRootAsync(options)).toThrow(InvalidArgumentError);
    expect(() => AllFrameModule.forRootAsync(options)).toThrow(message);
  });
});
