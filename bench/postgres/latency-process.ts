/** The other process: says when it is ready, then how late each event was. */
import { once } from 'node:events';
import { EventStore, openBackend } from '@allframe/nestjs';
import { sharedClockUs } from './latency.bench.js';

const store = await EventStore.open(await openBackend(process.argv[2] as string));
const { ready } = store.subscribe(({ data }) => {
  process.send?.(sharedClockUs() - (data as { readonly at: number }).at);
});
await ready;
process.send?.('ready');
await once(process, 'message');
await store.close();
process.disconnect();
