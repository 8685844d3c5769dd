import { describe, expect, it } from 'vitest';
import type { StoredEvent } from '../../../lib/core/stored-event.js';
import { LiveStreams, sizeOf } from '../../../lib/backends/allsource/live/live-streams.js';

const event = (streamId: string, version: number): StoredEvent => ({
  id: '00000000-0000-7000-8000-000000000000',
  streamId,
  version,
  position: version,
  type: 'noted',
  schemaVersion: 1,
  data: '{}',
  metadata: '{}',
  recordedAt: 0,
});

const EVENT_BYTES = sizeOf(event('s', 1));

describe('streams in use', () => {
  it('those found on opening have their version, and nothing else is kept of them', () => {
    const live = new LiveStreams(1_000);
    live.restore('sealed', 7, 0);
    live.restore('logged', 3, 12);
    expect([
      live.visibleVersion('sealed'),
      live.visibleVersion('logged'),
      live.visibleVersion('none'),
    ]).toEqual([7, 3, 0]);
    expect(live.find('none')).toBeUndefined();
    expect(live.find('logged')?.visiblePosition).toBe(12);
    expect(live.count).toBe(2);
  });

  it('what is taken back was never there', () => {
    const live = new LiveStreams(1_000);
    const stream = live.take('s');
    stream.version = 2;
    stream.lastPosition = 5;
    live.rollBack('s', stream);
    expect(live.find('s')).toBeUndefined();
    live.restore('t', 3, 9);
    const other = live.take('t');
    other.version = 4;
    other.lastPosition = 10;
    live.rollBack('t', other);
    expect(live.find('t')).toMatchObject({ version: 3, lastPosition: 9 });
  });

  it('events are kept within the budget, and those read last stay longest', () => {
    const live = new LiveStreams(EVENT_BYTES * 8);
    const keep = (name: string): void => {
      live.restore(name, 1, 1);
      live.keep(live.take(name), [event(name, 1)]);
    };
    for (let i = 0; i < 8; i++) keep(`s-${i}`);
    live.take('s-0').wasRead = true;
    keep('s-8');
    expect(live.keptBytes).toBeLessThanOrEqual(EVENT_BYTES * 8);
    expect(live.take('s-0').events).toHaveLength(1);
    expect(live.take('s-1').events).toBeUndefined();
    expect(live.take('s-8').events).toHaveLength(1);
  });

  it('one stream does not push all others out, and a kept one grows with its appends', () => {
    const live = new LiveStreams(EVENT_BYTES * 8);
    live.restore('long', 3, 3);
    live.keep(live.take('long'), [event('long', 1), event('long', 2), event('long', 3)]);
    expect(live.take('long').events).toBeUndefined();
    live.restore('s', 1, 1);
    const stream = live.take('s');
    live.keep(stream, [event('s', 1)]);
    live.extend(stream, [event('s', 2)]);
    expect(stream.events?.map(({ version }) => version)).toEqual([1, 2]);
  });
});
