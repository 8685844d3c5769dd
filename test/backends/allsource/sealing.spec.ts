/** What sealing has made counts only when it holds what it should and can be read. */
import { describe, expect, it } from 'vitest';
import { AllSourceBackend } from '../../../lib/backends/allsource/allsource-backend.js';
import { MemoryFileSystem } from '../../../lib/backends/allsource/files/memory-file-system.js';
import type { JobRunner } from '../../../lib/backends/allsource/jobs/job.js';
import { ProcessRunner } from '../../../lib/backends/allsource/jobs/process-runner.js';
import { HyparquetCodec } from '../../../lib/backends/allsource/parquet/hyparquet-codec.js';
import type { ParquetCodec } from '../../../lib/backends/allsource/parquet/parquet-codec.js';
import { SegmentBuilder } from '../../../lib/backends/allsource/sealed/segment-builder.js';
import type { StoredEvent } from '../../../lib/core/stored-event.js';
import { EventStore } from '../../../lib/store/event-store.js';
import { hostOn } from '../../faults/simulated-store.js';

function event(position: number): StoredEvent {
  return {
    id: `00000000-0000-7000-8000-${String(position).padStart(12, '0')}`,
    streamId: 's',
    version: position,
    position,
    type: 'noted',
    schemaVersion: 1,
    data: `{"n":${position}}`,
    metadata: '{}',
    recordedAt: 0,
  };
}

/** A codec that writes other events than it is given. */
function codecThat(change: (events: readonly StoredEvent[]) => readonly StoredEvent[]): ParquetCodec {
  const codec = new HyparquetCodec();
  return {
    name: codec.name,
    async create(file) {
      const writer = await codec.create(file);
      return { write: (events) => writer.write(change(events)), finish: () => writer.finish() };
    },
  };
}

async function build(codec: ParquetCodec): Promise<readonly string[]> {
  const files = new MemoryFileSystem();
  files.makeDirectory('/s');
  const builder = new SegmentBuilder(files, codec, {
    events: '/s/building.parquet',
    index: '/s/building.streams',
  });
  try {
    await builder.add([event(1), event(2), event(3)]);
    await builder.finish(() => ({
      name: '1-3',
      paths: { events: '/s/1-3.parquet', index: '/s/1-3.streams' },
    }));
  } catch (error) {
    builder.abandon();
    expect(files.list('/s')).toEqual([]);
    throw error;
  }
  return files.list('/s');
}

describe('a segment', () => {
  it('gets its names when it holds what was written into it', async () => {
    expect(await build(codecThat((events) => events))).toEqual(['1-3.parquet', '1-3.streams']);
  });

  it.each([
    ['an event is missing', (events: readonly StoredEvent[]) => events.slice(0, -1)],
    [
      'a text differs',
      ([first, ...rest]: readonly StoredEvent[]) => [{ ...first!, data: '{"n":9}' }, ...rest],
    ],
    ['a version differs', ([first, ...rest]: readonly StoredEvent[]) => [{ ...first!, version: 9 }, ...rest]],
    ['a time differs', ([first, ...rest]: readonly StoredEvent[]) => [{ ...first!, recordedAt: 1 }, ...rest]],
  ])('gets none where %s', async (_, change) => {
    await expect(build(codecThat(change))).rejects.toThrow('does not hold what was written into it');
  });
});

describe('what was made and cannot be opened', () => {
  it('is not listed, so that nothing is found twice when it is made again', async () => {
    /** Fails the first opening of a sealed file after a job. */
    class Failing extends MemoryFileSystem {
      failNext = false;
      override open(path: string, mode: 'read' | 'write' | 'create') {
        if (this.failNext && mode === 'read' && path.includes('/segments/')) {
          this.failNext = false;
          throw Object.assign(new Error('too many open files'), { code: 'EMFILE', syscall: 'open' });
        }
        return super.open(path, mode);
      }
    }
    const files = new Failing();
    const runner = new ProcessRunner(files);
    let jobs = 0;
    const failing: JobRunner = {
      async run(job) {
        const result = await runner.run(job);
        files.failNext = ++jobs === 1;
        return result;
      },
      close: () => runner.close(),
    };
    const host = { ...hostOn(files), newWorkerRunner: () => failing };
    const open = () => EventStore.open(new AllSourceBackend({ persistencePath: '/store' }, host));
    const store = await open();
    await store.append('s', [{ type: 'noted', data: 1 }]);
    await expect(store.flush()).rejects.toThrow('EMFILE');
    expect((await store.getAllEvents()).map(({ data }) => data)).toEqual([1]);
    await store.flush();
    await store.append('s', [{ type: 'noted', data: 2 }]);
    await store.close();
    const again = await open();
    expect((await again.getAllEvents()).map(({ data }) => data)).toEqual([1, 2]);
    expect((await again.stats()).totalEvents).toBe(2);
    await again.close();
  });
});
