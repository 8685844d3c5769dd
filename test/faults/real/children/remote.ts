/** A backend that does what messages say: the other end of `RemoteBackend`. */
import { AllSourceBackend } from '../../../../lib/backends/allsource/allsource-backend.js';
import type { AllSourceOptions } from '../../../../lib/backends/allsource/allsource-options.js';
import type { Commit } from '../../../../lib/core/commit.js';
import { Limits } from '../../../../lib/core/limits.js';
import type { Answer, Question, RemoteErrorFields, SeenEvent } from '../remote-backend.js';

const options = JSON.parse(process.argv[2] ?? '') as AllSourceOptions;
let backend: AllSourceBackend | undefined;

async function events(): Promise<SeenEvent[]> {
  const seen: SeenEvent[] = [];
  const upTo = await made().head();
  for (let after = 0, atEnd = false; !atEnd;) {
    const query = { after, upTo, direction: 'forward', limit: Limits.pageEventsMax } as const;
    const page = await made().readAll(query);
    for (const { position, id, streamId, version, data } of page.events) {
      seen.push({ position, id, streamId, version, data });
    }
    after = page.through;
    atEnd = page.atEnd;
  }
  return seen;
}

/** Made at the first call, so that an option it refuses is an answer as well. */
function made(): AllSourceBackend {
  return (backend ??= AllSourceBackend.withConfig(options));
}

async function answer({ method, args }: Question): Promise<unknown> {
  switch (method) {
    case 'open':
      return made().open();
    case 'close':
      return made().close();
    case 'append':
      return made().append(args[0] as Commit);
    case 'flush':
      return made().flush();
    case 'head':
      return made().head();
    case 'stats':
      return made().stats();
    case 'verify':
      return made().verify();
    case 'backup':
      return made().backup(args[0] as string);
    case 'events':
      return events();
    default:
      throw new Error(`nobody knows ${method}`);
  }
}

function fieldsOf(error: unknown): RemoteErrorFields {
  const { name, message, code, cause, owner, eventIds } = error as Error & RemoteErrorFields;
  const reason: unknown = cause;
  return {
    name,
    message,
    code,
    cause: reason instanceof Error ? reason.message : undefined,
    owner,
    eventIds,
  };
}

process.on('message', (question: Question) => {
  const { id } = question;
  const send = (text: Answer): void => void process.send?.(text);
  answer(question).then(
    (value) => send({ id, value: value ?? null }),
    (error: unknown) => send({ id, error: fieldsOf(error) }),
  );
});
