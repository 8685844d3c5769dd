/** The shell of every backend: who opens it, who closes it, who is woken. */
import { describe, expect, it, vi } from 'vitest';
import { EventStore, InMemoryBackend, StoreClosedError } from '@allframe/nestjs';
import { gate, isSettled, turns } from '../store/gate.js';

class LoggedBackend extends InMemoryBackend {
  readonly log: string[] = [];
  opening: () => Promise<void> = async () => undefined;
  closing: () => Promise<void> = async () => undefined;

  protected override async onOpen(): Promise<void> {
    this.log.push('opening');
    await this.opening();
    await super.onOpen();
    this.log.push('open');
  }

  protected override async onClose(): Promise<void> {
    this.log.push('closing');
    await this.closing();
    this.log.push('closed');
  }
}

describe('EventStoreBackend', () => {
  it('opens with its first store and closes with its last', async () => {
    const backend = new LoggedBackend();
    const [first, second] = await Promise.all([EventStore.open(backend), EventStore.open(backend)]);
    await first.close();
    expect(backend.isOpen).toBe(true);
    await second.append('s', [{ type: 'a', data: 1 }]);
    await expect(first.append('s', [{ type: 'a', data: 2 }])).rejects.toThrow(StoreClosedError);
    await second.close();
    expect(backend.isOpen).toBe(false);
    expect(backend.log).toEqual(['opening', 'open', 'closing', 'closed']);
  });

  it('brings the events of one store to the subscribers of another', async () => {
    const backend = new InMemoryBackend();
    const [first, second] = [await EventStore.open(backend), await EventStore.open(backend)];
    const seen: number[] = [];
    await second.subscribe(({ position }) => void seen.push(position)).ready;
    await first.append('s', [{ type: 'a', data: 1 }]);
    await first.close();
    await second.append('s', [{ type: 'a', data: 2 }]);
    await turns();
    expect(seen).toEqual([1, 2]);
    await second.close();
  });

  it('a store that is closed twice gives up its own opening only', async () => {
    const backend = new LoggedBackend();
    const first = await EventStore.open(backend);
    const second = await EventStore.open(backend);
    await Promise.all([first.close(), first.close()]);
    await first.close();
    expect(backend.isOpen).toBe(true);
    await second.close();
  });

  it('may be opened again after it was closed, and finds what it holds', async () => {
    const backend = new LoggedBackend();
    for (let round = 1; round <= 3; round++) {
      const store = await EventStore.open(backend);
      await store.append('s', [{ type: 'a', data: round }]);
      expect(await store.getEvents('s')).toHaveLength(round);
      await store.close();
    }
  });

  it('opens and closes in turn, however the calls overlap', async () => {
    const backend = new LoggedBackend();
    const slow = gate();
    backend.closing = () => slow.opened;
    const first = await EventStore.open(backend);
    const closing = first.close();
    await turns();
    const reopening = EventStore.open(backend);
    expect(await isSettled(reopening)).toBe(false);
    slow.open();
    await closing;
    const second = await reopening;
    expect(backend.log).toEqual(['opening', 'open', 'closing', 'closed', 'opening', 'open']);
    expect(backend.isOpen).toBe(true);
    await second.close();
  });

  it('that fails to open is closed, and may be tried again', async () => {
    const backend = new LoggedBackend();
    const fault = new Error('no disk');
    backend.opening = () => Promise.reject(fault);
    await expect(EventStore.open(backend)).rejects.toBe(fault);
    expect(backend.isOpen).toBe(false);
    backend.opening = async () => undefined;
    const store = await EventStore.open(backend);
    await store.close();
    expect(backend.log).toEqual(['opening', 'opening', 'open', 'closing', 'closed']);
  });

  it('that was never opened refuses work, and closing it does nothing', async () => {
    const backend = new LoggedBackend();
    await expect(backend.head()).rejects.toThrow(StoreClosedError);
    await backend.close();
    expect(backend.log).toEqual([]);
    const store = await EventStore.open(backend);
    expect(backend.log).toEqual(['opening', 'open']);
    await store.close();
    await backend.close();
    expect(backend.log).toEqual(['opening', 'open', 'closing', 'closed']);
  });

  it('is not opened for a store whose options are refused', async () => {
    class Undecorated {}
    const backend = new LoggedBackend();
    await expect(EventStore.open(backend, { events: [Undecorated] })).rejects.toThrow(/Undecorated/);
    expect(backend.log).toEqual([]);
  });

  it('wakes its watchers until they leave, one in the middle of the others included', async () => {
    const backend = new InMemoryBackend();
    const store = await EventStore.open(backend);
    const [stays, leaves, last] = [vi.fn(), vi.fn(() => leave()), vi.fn()];
    backend.watch(stays);
    const leave: () => void = backend.watch(leaves);
    backend.watch(last);
    await store.append('s', [{ type: 'a', data: 1 }]);
    await store.append('s', [{ type: 'a', data: 2 }]);
    expect([stays, leaves, last].map(({ mock }) => mock.calls.length)).toEqual([2, 1, 2]);
    await store.close();
  });
});
