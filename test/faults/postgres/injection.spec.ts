/** Text that would be SQL if it were not kept apart from it: whatever it says, it comes back equal and does nothing. */
import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { EventStore, InvalidArgumentError, LimitExceededError, Limits } from '@allframe/nestjs';
import { PostgresBackend } from '@allframe/nestjs/postgres';
import { embeddedPrograms, PostgresServer } from '../../postgres/server.js';
import { seeded, seededRandom } from '../../store/seed.js';

const TEXTS: Readonly<Record<string, string>> = {
  'a statement': `'; drop table canary; --`,
  'a statement in double quotes': `"; drop table canary; --`,
  'the end of a call': `'); delete from canary; select ('`,
  'the end of an array': `{1,2},"}'::text[]); drop table canary cascade; --`,
  'a condition': `' or '1'='1`,
  'a comment': `x /* -- */ -- y`,
  'dollar quotes': `$$; drop table canary; $$ $append$ $decide$ $last$ $check$ $1 $2`,
  backslashes: `\\'; drop table canary; -- \\\\ \\x27 E'\\047' \\u0027 \\`,
  'only a backslash': `\\`,
  'only a quote': `'`,
  'only a double quote': `"`,
  patterns: `%_*?.[a-z]^$\\_\\%`,
  'a word that means nothing': 'NULL',
  braces: '{}',
  'control characters':
    Array.from({ length: 31 }, (_, i) => String.fromCharCode(i + 1)).join('') + '\u007f\u0080',
  'other writing': 'žluťoučký ΰ Привет 日本語 עברית \u202e\u200b\ufeff',
  'characters of four bytes': '😀\u{10ffff}𐍈',
  'what normalises to something else': 'ﬁ e\u0301 é ſ K',
  'spaces around it': ' \t x \n ',
  'a placeholder': '$1 :name @p ? %s ${x} {{x}}',
};
const cases = Object.entries(TEXTS).map(([name, text]) => ({ name, text }));

let server: PostgresServer;
beforeAll(async () => {
  server = await PostgresServer.start(await embeddedPrograms());
});
afterAll(() => server.remove());

let opened: EventStore[];
beforeEach(async () => {
  opened = [];
  await server.query('create table canary (alive int)');
  await server.query('insert into canary values (1)');
});
afterEach(async () => {
  await Promise.all(opened.map((store) => store.close()));
  // Had it been taken for SQL, it would be gone or empty.
  expect(await server.query('select alive from canary')).toEqual([{ alive: 1 }]);
  await server.query('drop table canary');
});

async function open(schema: string, data: 'json' | 'jsonb' = 'json'): Promise<EventStore> {
  const store = await EventStore.open(new PostgresBackend({ connectionString: server.url, schema, data }));
  opened.push(store);
  return store;
}

/** As much of a text as fits. */
function shortened(text: string, bytes: number): string {
  let fits = '';
  for (const character of text) {
    if (Buffer.byteLength(fits + character) > bytes) break;
    fits += character;
  }
  return fits;
}

/** Puts a text everywhere that a text may stand, and expects it back from everywhere. */
async function expectKept(store: EventStore, text: string): Promise<void> {
  const others = [`other ${text}`, `${text}${text}`];
  const data = { [text]: text, list: [text, { deep: text }] };
  const metadata = { note: text, [text]: 1 };
  const collection = shortened(text, Limits.recordCollectionBytesMax);
  const record = { collection, key: text, value: { [text]: text } };
  const events = [{ type: text, data, metadata }];
  const before = await store.head();
  const expectedVersion = 'noStream';
  const appends = [text, ...others].map((streamId) => ({ streamId, events, expectedVersion }) as const);
  const records = [record, { ...record, key: `${text}/2` }, { ...record, key: 'other' }];
  await store.appendAll(appends, { records });
  await store.saveSnapshot(text, { version: 1, revision: 1, state: { text } });

  const wanted = { streamId: text, type: text, data, version: 1 };
  const [found, ...more] = await store.getEvents(text);
  expect(more).toEqual([]);
  expect(found).toMatchObject(wanted);
  expect(found?.data).toEqual(data);
  expect(found?.metadata).toMatchObject(metadata);
  for (const filter of [
    { streamId: text },
    { types: [text] },
    { categories: [text.split('-')[0] as string] },
  ]) {
    const seen = [];
    for await (const event of store.readAll({ after: before, ...filter })) seen.push(event.streamId);
    expect(seen).toContain(text);
    if ('streamId' in filter) expect(seen).toEqual([text]);
  }
  expect(await store.records.get(collection, text)).toEqual(record.value);
  const keys = [];
  for await (const { key, value } of store.records.list(collection, text)) {
    expect(value).toEqual(record.value);
    keys.push(key);
  }
  expect(keys).toEqual([text, `${text}/2`]);
  await store.records.write([{ ...record, value: null, expected: record.value }]);
  expect(await store.records.get(collection, text)).toBeNull();
  expect(await store.getLatestSnapshot(text)).toMatchObject({ state: { text } });
  expect(await store.append(text, events, { expectedVersion: 1 })).toMatchObject({ version: 2 });
  await expect(store.append(text, events, { expectedVersion: 1 })).rejects.toMatchObject({
    streamId: text,
    actual: 2,
  });
}

describe.each(cases)('$name', ({ text }) => {
  it.each(['json', 'jsonb'] as const)('comes back equal from everywhere (data: %s)', async (data) => {
    await expectKept(await open(`texts ${data}`, data), text);
  });

  // What it may not be: the tests below.
  it.skipIf(text.includes('$') || text.length > 40)('is a schema like any other', async () => {
    const schema = `s ${text}`;
    const [store, again] = [await open(schema), await open(schema)];
    const seen = new Promise<unknown>((resolve) => {
      const subscription = again.subscribe((event) => resolve(event.data));
      void subscription.ready.then(() => store.append('s-1', [{ type: 'noted', data: { text } }]));
    });
    expect(await seen).toEqual({ text });
    expect(await again.stats()).toMatchObject({ totalEvents: 1, backendSpecific: { schema } });
    expect(await server.query('select from pg_namespace where nspname = $1', [schema])).toHaveLength(1);
    const table = `${pg.escapeIdentifier(schema)}.events`;
    expect(await server.query(`select data->>'text' as text from ${table}`)).toEqual([{ text }]);
  });
});

describe('text put together by chance', () => {
  it(seeded('comes back equal from everywhere'), async () => {
    const random = seededRandom();
    const pieces = [
      ...Object.values(TEXTS),
      "'",
      '"',
      '\\',
      '$$',
      '$1',
      '{',
      '}',
      ',',
      ';',
      '(',
      ')',
      '--',
      '/*',
    ];
    const store = await open('texts of chance');
    for (let i = 0; i < 40; i++) {
      let text = `text ${i}: `;
      while (random() < 0.7 && text.length < 60)
        text += pieces[Math.floor(random() * pieces.length)] as string;
      await expectKept(store, text);
    }
  });
});

describe('a schema', () => {
  const backend = (schema: string): PostgresBackend =>
    new PostgresBackend({ connectionString: server.url, schema });

  it.each(['$', 'a$b', '$append$', '$$; drop table canary; $$'])('may not be called %j', (schema) => {
    expect(() => backend(schema)).toThrow(InvalidArgumentError);
  });

  it.each(['pg_catalog', 'pg_mine', 'information_schema', '', 'a\u0000b', '\ud800'])(
    'may not be called %j, which is not ours or no name',
    (schema) => {
      expect(() => backend(schema)).toThrow(InvalidArgumentError);
    },
  );

  it.each(['x'.repeat(64), 'ä'.repeat(32), '"'.repeat(64)])(
    'may not be called %j, which is too long',
    (schema) => {
      expect(() => backend(schema)).toThrow(LimitExceededError);
    },
  );

  it.each(['x'.repeat(63), `${'ä'.repeat(31)}x`, '"'.repeat(63)])('may be called %j', async (schema) => {
    const store = await open(schema);
    await store.append('s-1', [{ type: 'noted', data: 1 }]);
    expect(await (await open(schema)).head()).toBe(1);
  });

  it('is not another one whose name differs in its last byte only', async () => {
    const stores = await Promise.all(['a', 'b'].map((last) => open(`${'x'.repeat(62)}${last}`)));
    await stores[0]?.append('s-1', [{ type: 'noted', data: 1 }]);
    expect(await stores[1]?.head()).toBe(0);
  });
});
