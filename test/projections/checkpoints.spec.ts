/** Where a projection goes on: its checkpoint, who owns it, and what happens when it cannot be read or written. */
import { describe, expect, it } from 'vitest';
import {
  AppendOutcomeUnknownError,
  type Checkpoint,
  CheckpointFencedError,
  type Commit,
  InMemoryBackend,
  Limits,
  PositionBeyondHeadError,
  ProjectionStoppedError,
} from '@allframe/nestjs';
import { FakeClock } from '@allframe/nestjs/testing';
import { numbered, openStore } from '../store/bank.js';
import { gate, turns, until } from '../store/gate.js';
import { Reports } from '../store/reports.js';
import { ScriptedBackend, type Step } from '../store/scripted-backend.js';
import { watchUnhandled } from '../store/unhandled.js';
import { projection, readerOf, registered, running } from './hand-made.js';

/** A projection that notes the positions it handles. */
function noting(
  name = 'p',
  options: Parameters<typeof projection>[2] = {},
): { seen: number[]; definition: ReturnType<typeof projection> } {
  const seen: number[] = [];
  return { seen, definition: projection(name, ({ position }) => seen.push(position), options) };
}

describe('a checkpoint', () => {
  it('is saved behind what is complete, and a restart goes on from there', async () => {
    const backend = new InMemoryBackend();
    const { seen, definition } = noting();
    for (let start = 0; start < 3; start++) {
      const store = await openStore(backend);
      const { position } = await store.append('s', numbered(4));
      const registry = running(store, definition);
      await registry.waitFor('p', position);
      await registry.stop();
      await store.close();
    }
    expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]);
  });

  it('is not saved for state in memory: every start reads from the first event', async () => {
    const store = await openStore();
    const { seen, definition } = noting('p', { state: 'memory' });
    await store.append('s', numbered(2));
    for (let start = 0; start < 2; start++) {
      const registry = running(store, definition);
      await registry.waitFor('p', 2);
      await registry.stop();
    }
    expect(seen).toEqual([1, 2, 1, 2]);
    expect(await store.checkpoints.load(readerOf('p'))).toEqual({ position: 0, epoch: 0 });
  });

  it('belongs to a version: a raised one starts again, and the old one’s is kept', async () => {
    const store = await openStore();
    const { seen, definition } = noting();
    await store.append('s', numbered(3));
    await running(store, definition).waitFor('p', 3);
    await running(store, { ...definition, version: 2 }).waitFor('p', 3);
    expect(seen).toEqual([1, 2, 3, 1, 2, 3]);
    await until(async () => expect((await store.checkpoints.load(readerOf('p', 2))).position).toBe(3));
    expect((await store.checkpoints.load(readerOf('p', 1))).position).toBe(3);
  });

  it('is saved about once a second in the middle of a long page, and once at its end', async () => {
    const backend = new ScriptedBackend();
    const clock = new FakeClock();
    const store = await openStore(backend, { clock });
    await store.append('s', numbered(100));
    const at: number[] = [];
    backend.before = (operation, argument) => {
      if (operation !== 'append') return;
      const [record] = (argument as Commit).records;
      at.push((JSON.parse(record?.value ?? '') as Checkpoint).position);
    };
    // Each event takes a tenth of a second.
    const handle = (): Promise<void> => clock.advance(Limits.checkpointEveryMs / 10);
    await running(store, projection('p', handle)).waitFor('p', 100, { timeoutMs: 1e6 });
    await until(() => expect(at.at(-1)).toBe(100));
    expect(at).toEqual([0, 10, 20, 30, 40, 50, 60, 70, 80, 90, 100]);
  });

  it('is saved once for a whole page of quick events', async () => {
    const backend = new ScriptedBackend();
    const store = await openStore(backend);
    await store.append('s', numbered(Limits.pageEventsMax * 3));
    backend.calls.length = 0;
    await running(store, noting().definition).waitFor('p', Limits.pageEventsMax * 3);
    await until(async () =>
      expect((await store.checkpoints.load(readerOf('p'))).position).toBe(Limits.pageEventsMax * 3),
    );
    // One to take it over, one for each page.
    expect(backend.count('append')).toBe(4);
  });

  it('beyond the head of the store fails the projection, and nobody is told that lost events were handled', async () => {
    const logger = new Reports();
    const store = await openStore(undefined, { logger });
    await store.append('s', numbered(3));
    await store.checkpoints.advance(readerOf('p'), { position: 0, epoch: 0 }, 50);
    const { seen, definition } = noting();
    const registry = registered(store, definition);
    const early = registry.waitFor('p', 2);
    const outcome = expect(early).rejects.toMatchObject({
      code: 'ProjectionStoppedError',
      cause: { code: 'PositionBeyondHeadError' },
    });
    registry.start();
    await outcome;
    expect(registry.status('p')).toMatchObject({ state: 'failed', error: { position: 50, head: 3 } });
    expect(registry.status('p').error).toBeInstanceOf(PositionBeyondHeadError);
    await store.append('s', numbered(60));
    await expect(registry.waitFor('p', 4)).rejects.toThrow(ProjectionStoppedError);
    expect(seen).toEqual([]);
    expect(logger.errors).toHaveLength(1);
    expect(await store.checkpoints.load(readerOf('p'))).toMatchObject({ position: 50 });
  });
});

describe('a second owner', () => {
  it('takes over, and fences the first one, which fails at its next checkpoint and moves nothing', async () => {
    const unhandled = watchUnhandled();
    const backend = new InMemoryBackend();
    const [first, second] = [await openStore(backend, { logger: new Reports() }), await openStore(backend)];
    const [started, hold] = [gate(), gate()];
    const stalled = running(
      first,
      projection('p', async ({ position }) => {
        if (position < 2) return;
        started.open();
        await hold.opened;
      }),
    );
    await first.append('s', numbered(3));
    await started.opened;
    // The first one stalls in the middle of its page; what it has done since its last checkpoint is done again.
    const { seen, definition } = noting();
    const owner = running(second, definition);
    await owner.waitFor('p', 3);
    expect(seen).toEqual([1, 2, 3]);
    const waiting = expect(stalled.waitFor('p', 9)).rejects.toMatchObject({
      cause: { code: 'CheckpointFencedError' },
    });
    hold.open();
    await waiting;
    expect(stalled.status('p').state).toBe('failed');
    expect(stalled.status('p').error).toBeInstanceOf(CheckpointFencedError);
    await second.append('s', numbered(2));
    await owner.waitFor('p', 5);
    await until(async () =>
      expect(await second.checkpoints.load(readerOf('p'))).toEqual({ position: 5, epoch: 2 }),
    );
    expect(await unhandled()).toEqual([]);
  });

  it('at the same moment: the last one to take it over runs on, the other fails when it would move it', async () => {
    const backend = new ScriptedBackend();
    backend.before = (operation) => (operation === 'append' ? turns(1) : undefined);
    const [first, second] = [
      await openStore(backend, { logger: new Reports() }),
      await openStore(backend, { logger: new Reports() }),
    ];
    const registries = [first, second].map((store) => running(store, noting().definition));
    await until(async () => expect(await first.checkpoints.load(readerOf('p'))).toMatchObject({ epoch: 2 }));
    await first.append('s', numbered(3));
    const states = (): string[] => registries.map((registry) => registry.status('p').state).sort();
    await until(() => expect(states()).toEqual(['failed', 'running']));
    await until(async () =>
      expect(await first.checkpoints.load(readerOf('p'))).toEqual({ position: 3, epoch: 2 }),
    );
  });
});

describe('a fault of the store', () => {
  async function faulty(): Promise<{
    backend: ScriptedBackend;
    clock: FakeClock;
    logger: Reports;
    store: Awaited<ReturnType<typeof openStore>>;
  }> {
    const [backend, clock, logger] = [new ScriptedBackend(), new FakeClock(), new Reports()];
    const store = await openStore(backend, { clock, logger });
    return { backend, clock, logger, store };
  }

  /** Fails the next commits of records alone. */
  function failCheckpoints(backend: ScriptedBackend, times: number): void {
    let left = times;
    backend.before = (operation, argument) => {
      if (operation === 'append' && (argument as Commit).streams.length === 0 && left-- > 0)
        throw new Error('disk');
    };
  }

  it('while the checkpoint is written is reported and tried again, and the projection goes on', async () => {
    const { backend, clock, logger, store } = await faulty();
    const { seen, definition } = noting();
    const registry = running(store, definition);
    await turns();
    failCheckpoints(backend, 3);
    await store.append('s', numbered(2));
    await turns();
    for (const ms of [50, 100, 200]) await clock.advance(ms);
    expect(await store.checkpoints.load(readerOf('p'))).toMatchObject({ position: 2 });
    expect(logger.errors.map(({ message }) => message)).toEqual(
      [50, 100, 200].map(
        (ms) =>
          expect.stringContaining(`"p" could not save its checkpoint; it tries again in ${ms} ms`) as string,
      ),
    );
    await store.append('s', numbered(1));
    await registry.waitFor('p', 3);
    expect(seen).toEqual([1, 2, 3]);
  });

  it.each([
    ['written', true],
    ['not written', false],
  ])('that leaves the outcome of a checkpoint open is no new owner: it was %s', async (_, written) => {
    const { backend, clock, store } = await faulty();
    const registry = running(store, noting().definition);
    await turns();
    let once = true;
    const fail: Step = (operation, argument) => {
      if (operation !== 'append' || (argument as Commit).streams.length > 0 || !once) return;
      once = false;
      throw new AppendOutcomeUnknownError([]);
    };
    if (written) backend.after = fail;
    else backend.before = fail;
    await store.append('s', numbered(2));
    await turns();
    await clock.advance(Limits.readRetryDelayMs);
    expect(once).toBe(false);
    expect(await store.checkpoints.load(readerOf('p'))).toEqual({ position: 2, epoch: 1 });
    await store.append('s', numbered(1));
    await registry.waitFor('p', 3);
    expect(registry.status('p').state).toBe('running');
    await until(async () =>
      expect(await store.checkpoints.load(readerOf('p'))).toEqual({ position: 3, epoch: 1 }),
    );
  });

  it('while the checkpoint is written does not hide a new owner from the next try', async () => {
    const { backend, clock, store } = await faulty();
    const registry = running(store, noting().definition);
    await turns();
    failCheckpoints(backend, 1);
    await store.append('s', numbered(2));
    await turns();
    const taken = await store.checkpoints.claim(readerOf('p'));
    const theirs = await store.checkpoints.advance(readerOf('p'), taken, 1);
    await clock.advance(Limits.readRetryDelayMs);
    expect(registry.status('p').error).toBeInstanceOf(CheckpointFencedError);
    expect(await store.checkpoints.load(readerOf('p'))).toEqual(theirs);
  });

  it('while the checkpoint is taken over is tried again', async () => {
    const { backend, clock, logger, store } = await faulty();
    await store.append('s', numbered(1));
    backend.failNext('readRecord', new Error('starting up'), 2);
    const registry = running(store, noting().definition);
    const waiting = registry.waitFor('p', 1);
    await turns();
    await clock.advance(50);
    await clock.advance(100);
    await waiting;
    expect(logger.errors.map(({ message }) => message)).toEqual([
      expect.stringMatching(/take over its checkpoint/),
      expect.stringMatching(/take over its checkpoint/),
    ]);
  });

  it('does not keep `stop` waiting', async () => {
    const { backend, clock, store } = await faulty();
    await store.append('s', numbered(1));
    const registry = running(store, noting().definition);
    await turns();
    failCheckpoints(backend, Infinity);
    await store.append('s', numbered(1));
    await turns();
    expect(clock.pending).toBe(1);
    await registry.stop();
    expect(clock.pending).toBe(0);
    expect(registry.status('p')).toMatchObject({ state: 'stopped', position: 2 });
  });

  it('while events are read delays the projection and ends nothing', async () => {
    const { backend, clock, logger, store } = await faulty();
    const { seen, definition } = noting();
    const registry = running(store, definition);
    await turns();
    backend.failNext('readAll', new Error('connection lost'), 2);
    await store.append('s', numbered(2));
    await turns();
    expect(logger.errors).toHaveLength(1);
    await clock.advance(50);
    await clock.advance(100);
    await registry.waitFor('p', 2);
    expect(seen).toEqual([1, 2]);
    expect(registry.status('p').state).toBe('running');
  });
});
