import { once } from 'node:events';
import { get, type IncomingMessage, type ServerResponse } from 'node:http';
import { createInterface } from 'node:readline';
import { EventStore } from '@allframe/nestjs';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { GeneratedLog } from '../event-log/generated-log.js';
import { firstMessages, logOf, messagesOf, RunningOffice } from '../office.fixture.js';

let office: RunningOffice;
beforeEach(async () => {
  office = await RunningOffice.open();
});
afterEach(() => office.close());

/** More than the buffers of a connection hold, in the operating system and on both sides of it. */
const LARGE_EVENTS = 500;
const largeLog = logOf(
  ...Array.from({ length: LARGE_EVENTS }, (_, i) => ({
    caseId: `large-${i}`,
    activity: 'x'.repeat(64 * 1024),
  })),
);

/** A client that reads nothing yet, once its response is full. */
async function fullConnection(): Promise<{
  client: IncomingMessage;
  served: ServerResponse;
}> {
  const handled = once(office.app.getHttpServer(), 'request') as Promise<[IncomingMessage, ServerResponse]>;
  const request = get(`${office.url}/events`);
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const [[, served], [client]] = await Promise.all([handled, answered]);
  await vi.waitFor(() => expect(served.writableNeedDrain).toBe(true), { timeout: 5_000 });
  return { client, served };
}

const log = logOf(
  { caseId: 'a', activity: 'Receive' },
  { caseId: 'b', activity: 'Receive\n\nid: 99' },
  { caseId: 'a', activity: 'Decide' },
);

// Some of these send tens of megabytes.
describe('GET /events', { timeout: 30_000 }, () => {
  it('sends every event from the first one on, with its position as its id', async () => {
    await office.import(log);
    const response = await office.events();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/event-stream');

    const messages = await firstMessages(response, 3);
    expect(messages.map(({ id, event }) => [id, event])).toEqual([
      ['1', 'permit.activity-completed'],
      ['2', 'permit.activity-completed'],
      ['3', 'permit.activity-completed'],
    ]);
    expect(messages[1]?.data).toMatchObject({
      streamId: 'permit-b',
      version: 1,
      data: { activity: 'Receive\n\nid: 99', resource: 'Ada', completedAt: '2024-01-02T08:00:00.000Z' },
    });
  });

  it('goes on behind Last-Event-ID', async () => {
    await office.import(log);
    const [message] = await firstMessages(await office.events('2'), 1);
    expect(message?.id).toBe('3');
  });

  it('sends what comes while it is open', async () => {
    await office.import(log);
    const messages = messagesOf(await office.events('3'));
    await office.import(logOf({ caseId: 'c', activity: 'Receive' }));
    const { value } = await messages.next();
    expect(value).toMatchObject({ id: '4', data: { streamId: 'permit-c' } });
    await messages.return();
  });

  it('loses and doubles nothing over many connections while events come', async () => {
    const importing = office.import(new GeneratedLog(300));
    const seen: number[] = [];
    while (seen.length < 1_000) {
      const messages = await firstMessages(await office.events(String(seen.length)), 100);
      seen.push(...messages.map(({ id }) => Number(id)));
    }
    await importing;
    expect(seen).toEqual(seen.map((_, i) => i + 1));
  });

  it.each(['abc', '-1', '1.5', '9007199254740993', '1 2', '0x1'])(
    'refuses %j as Last-Event-ID',
    async (id) => {
      const response = await office.events(id);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({
        message: expect.stringContaining(
          'Last-Event-ID: the id of an event of this stream is wanted',
        ) as string,
      });
    },
  );

  it('refuses a Last-Event-ID beyond the head', async () => {
    await office.import(log);
    const response = await office.events('4');
    expect(response.status).toBe(400);
    expect(response.headers.get('content-type')).toContain('application/json');
    expect(await response.json()).toMatchObject({
      message: expect.stringContaining('Last-Event-ID: 4 is beyond the last event, 3') as string,
    });
  });

  it('waits for a client that reads slowly, and keeps nobody else waiting', async () => {
    await office.import(largeLog);
    const { client, served } = await fullConnection();
    expect(await firstMessages(await office.events(), LARGE_EVENTS)).toHaveLength(LARGE_EVENTS);
    // What this client has not taken is in the store, and at most one event of it in the response.
    expect(served.writableLength).toBeLessThan(80 * 1024);

    const ids: string[] = [];
    for await (const line of createInterface({ input: client })) {
      if (line.startsWith('id: ')) ids.push(line.slice('id: '.length));
      if (ids.length === LARGE_EVENTS) break;
    }
    expect(ids).toEqual(ids.map((_, i) => String(i + 1)));
    client.destroy();
  });

  it('ends its subscription when the client goes away', async () => {
    const unsubscribed = vi.fn<() => void>();
    const store = office.app.get(EventStore);
    const subscribe = store.subscribe.bind(store);
    vi.spyOn(store, 'subscribe').mockImplementation((...args) => {
      const subscription = subscribe(...args);
      return {
        ready: subscription.ready,
        unsubscribe: () => subscription.unsubscribe().finally(unsubscribed),
      };
    });
    const client = new AbortController();
    await office.events(undefined, client.signal);
    client.abort();
    await vi.waitFor(() => expect(unsubscribed).toHaveBeenCalledOnce(), { timeout: 5_000 });
  });

  it('ends when the office closes', async () => {
    await office.import(log);
    const messages = messagesOf(await office.events('3'));
    const next = messages.next();
    await office.close();
    expect(await next).toMatchObject({ done: true });
  });

  it('lets the office close while a client has not read what was sent', async () => {
    await office.import(largeLog);
    const { client, served } = await fullConnection();
    await office.close();
    expect(served.destroyed).toBe(true);
    client.destroy();
  });
});
