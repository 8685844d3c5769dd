/** Any data and any name comes back as it was given. */
import { strict as assert } from 'node:assert';
import { compareNames } from '../../../core/text.js';
import type { ContractTopic } from '../contract-line.js';
import { all } from '../sample-events.js';
import type { Trial } from '../trial.js';
import type { Arbitrary, PropertyLibrary } from './property-library.js';
import { propertyLine } from './property.js';

/**
 * Texts of any code points, halves of pairs among them. fast-check's own unit for this, `binary`, takes seconds to
 * make ready.
 */
function texts(fc: PropertyLibrary, maxLength: number): Arbitrary<string> {
  const point = fc.oneof<number>(
    { weight: 4, arbitrary: fc.integer({ min: 0, max: 0x7f }) },
    { weight: 2, arbitrary: fc.integer({ min: 0x80, max: 0xd7ff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xd800, max: 0xdfff }) },
    { weight: 1, arbitrary: fc.integer({ min: 0xe000, max: 0xffff }) },
    { weight: 2, arbitrary: fc.integer({ min: 0x10000, max: 0x10ffff }) },
  );
  return fc.array(point, { maxLength }).map((points) => String.fromCodePoint(...points));
}

/** Any JSON values; their strings and keys hold every code point. */
function jsonValues(fc: PropertyLibrary): Arbitrary<readonly unknown[]> {
  const text = texts(fc, 6);
  const key = fc.oneof<string>(
    { weight: 5, arbitrary: text },
    { weight: 1, arbitrary: fc.constantFrom('__proto__', 'constructor', 'toString', '0', '') },
  );
  const member = fc.record<{ key: string; value: unknown }>({
    key,
    value: fc.oneof<unknown>(
      { weight: 1, arbitrary: text },
      { weight: 2, arbitrary: fc.jsonValue({ maxDepth: 2 }) },
    ),
  });
  const value = fc
    .array(member, { maxLength: 4 })
    .map((members) => Object.fromEntries(members.map(({ key: name, value: content }) => [name, content])));
  return fc.array(value, { minLength: 1, maxLength: 4 });
}

async function comesBackEqual(trial: Trial, values: readonly unknown[]): Promise<void> {
  const store = await trial.open();
  await store.append(
    's-1',
    values.map((data) => ({ type: 'any', data, metadata: { data } })),
  );
  for (const [i, event] of (await store.getEvents('s-1')).entries()) {
    const wanted: unknown = JSON.parse(JSON.stringify(values[i]));
    assert.deepEqual(event.data, wanted);
    assert.deepEqual(event.metadata, { data: wanted });
  }
}

/** Any well-formed names without NUL. */
function names(fc: PropertyLibrary): Arbitrary<readonly string[]> {
  const name = texts(fc, 12).map((text) => text.toWellFormed().replaceAll('\0', '0') || 'empty');
  return fc.array(name, { minLength: 1, maxLength: 12 }).map((found) => [...new Set(found)]);
}

async function keepsNames(trial: Trial, found: readonly string[]): Promise<void> {
  const store = await trial.open();
  await store.appendAll(
    found.map((name) => ({ streamId: name, events: [{ type: name, data: name }] })),
    { records: found.map((name) => ({ collection: 'names', key: name, value: name })) },
  );
  for (const name of found) {
    const events = await store.getEvents(name);
    assert.deepEqual(
      events.map(({ streamId, type, data }) => [streamId, type, data]),
      [[name, name, name]],
    );
    assert.equal((await all(store.readAll({ types: [name] }))).length, 1, 'events of a type');
    assert.equal(await store.records.get('names', name), name);
    const prefix = [...name].slice(0, 1).join('');
    assert.deepEqual(
      (await all(store.records.list('names', prefix))).map(({ key }) => key),
      found.filter((other) => other.startsWith(prefix)).toSorted(compareNames),
      `keys that begin with ${JSON.stringify(prefix)}`,
    );
  }
}

export const dataProperties: ContractTopic = {
  subject: 'any data',
  lines: [
    propertyLine('any JSON value comes back equal, as data and as metadata', jsonValues, comesBackEqual),
    propertyLine(
      'any names of streams, types and records are kept apart, found, and listed in order',
      names,
      keepsNames,
    ),
  ],
};
