import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { BadRequestException, Controller, Get, Headers, type OnModuleDestroy, Res } from '@nestjs/common';
import { EventStore, type RecordedEvent } from '@allframe/nestjs';

/**
 * The store's events as server-sent events, from the first one or from behind `Last-Event-ID`, then as they come.
 *
 * It writes to the response itself: Nest's `@Sse` takes an Observable, which has no way to wait for a slow client, so
 * what that client has not read yet would pile up here.
 */
@Controller('events')
export class EventsController implements OnModuleDestroy {
  readonly #closing = new AbortController();

  constructor(private readonly store: EventStore) {}

  @Get()
  async stream(
    @Headers('last-event-id') lastEventId: string | undefined,
    @Res() response: ServerResponse,
  ): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => gone.abort());
    const signal = AbortSignal.any([gone.signal, this.#closing.signal]);

    const after = positionOf(lastEventId);
    const head = await this.store.head();
    if (after > head) {
      throw new BadRequestException(
        `Last-Event-ID: ${after} is beyond the last event, ${head}; leave it out to begin again`,
      );
    }
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    response.flushHeaders();

    const subscription = this.store.subscribe(
      async (event) => {
        if (!response.write(messageOf(event))) await once(response, 'drain', { signal });
      },
      // An event that is left out would be lost for this client, so it has to come again.
      { after, onError: () => response.destroy() },
    );
    const end = (): void => {
      void subscription.unsubscribe();
      response.end();
    };
    if (signal.aborted) end();
    else signal.addEventListener('abort', end, { once: true });
  }

  /** Ended and not cut off: a client that has read everything sees a whole message at the end. */
  onModuleDestroy(): void {
    this.#closing.abort();
  }
}

function messageOf({ position, type, id, streamId, version, data, recordedAt }: RecordedEvent): string {
  // JSON has no line breaks outside of its strings' escapes, so it fits into one line of the message.
  return `id: ${position}\nevent: ${type}\ndata: ${JSON.stringify({ id, streamId, version, data, recordedAt })}\n\n`;
}

/** @throws BadRequestException unless it is a position, or nothing: then it is the beginning */
function positionOf(lastEventId: string | undefined): number {
  const text = lastEventId?.trim() ?? '';
  const position = Number(text);
  if (/^\d*$/.test(text) && Number.isSafeInteger(position)) return position;
  throw new BadRequestException(
    'Last-Event-ID: the id of an event of this stream is wanted, which is a whole number',
  );
}
