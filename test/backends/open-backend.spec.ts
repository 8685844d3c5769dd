/** A backend by its URL: which one, where it keeps its events, and what is refused. */
import { existsSync, mkdtempSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { EventStore, InMemoryBackend, InvalidArgumentError, openBackend } from '@allframe/nestjs';

const loaded = vi.hoisted(() => [] as string[]);
vi.mock(import('../../lib/backends/allsource/allsource-backend.js'), async (importOriginal) => {
  loaded.push('allsource');
  return importOriginal();
});

let directory: string;
beforeEach(() => {
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'allframe-url-')));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

/** Writes an event through a URL, and gives what it made in the directory. */
async function writeThrough(url: string): Promise<readonly string[]> {
  const store = await EventStore.open(await openBackend(url));
  await store.append('note-1', [{ type: 'note.taken', data: {} }]);
  await store.close();
  return readdirSync(directory);
}

async function refusal(url: string): Promise<InvalidArgumentError> {
  const error = await openBackend(url).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(InvalidArgumentError);
  return error as InvalidArgumentError;
}

describe('openBackend', () => {
  it('loads AllSource only when it is asked for', async () => {
    expect(await openBackend('memory:')).toBeInstanceOf(InMemoryBackend);
    await refusal('allsource:');
    expect(loaded).toEqual([]);
    expect((await openBackend('allsource:./never-opened')).backendType).toBe('allsource');
    expect(loaded).toEqual(['allsource']);
    expect(existsSync('never-opened')).toBe(false);
  });

  it.each([
    ['an absolute path', (path: string) => `allsource:${path}/shop`, 'shop'],
    ['an absolute path behind an empty host', (path: string) => `allsource://${path}/shop`, 'shop'],
    [
      'a relative path, from the working directory',
      (path: string) => `allsource:${relative(process.cwd(), path)}/shop`,
      'shop',
    ],
    [
      'a path that begins with a dot',
      (path: string) => `allsource:./${relative(process.cwd(), path)}/shop`,
      'shop',
    ],
    ['encoded characters', (path: string) => `allsource:${path}/50%25%20%23%3F%20%C3%A9`, '50% #? é'],
    ['characters that are not ASCII, as they are', (path: string) => `allsource:${path}/Straße`, 'Straße'],
    ['a scheme in capitals', (path: string) => `ALLSOURCE:${path}/shop`, 'shop'],
  ])('takes %s', async (_what, urlOf, name) => {
    expect(await writeThrough(urlOf(directory))).toEqual([name]);
  });

  it('opens a durable store: what was acknowledged is there again', async () => {
    const url = `allsource:${directory}/shop`;
    await writeThrough(url);
    const store = await EventStore.open(await openBackend(url));
    expect(await store.getEvents('note-1')).toHaveLength(1);
    expect((await store.stats()).backendSpecific).toMatchObject({ durability: 'commit' });
    await store.close();
  });

  it.each([
    ['no path', 'allsource:', 'it names no directory; write allsource:./data for a relative directory'],
    ['no path behind an empty host', 'allsource://', 'it names no directory'],
    [
      'a path that is taken for a host',
      'allsource://data',
      'it names a host, and a directory is wanted; write allsource:./data',
    ],
    ['a parameter', 'allsource:./data?sync=off', 'write "?" as %3F'],
    ['a fragment', 'allsource:./data#1', '"#" as %23'],
    ['half an encoded character', 'allsource:./50%', 'write "%" as %25'],
    ['a NUL', 'allsource:./a%00b', 'it holds a NUL character'],
    ['the URL of a server', 'allsource:postgres://ada:secret@db/events', 'use PostgresBackend'],
  ])('refuses %s', async (_what, url, words) => {
    const { message } = await refusal(url);
    expect(message).toContain(words);
    expect(message).not.toContain('secret');
  });

  it.each([
    ['an unknown scheme', 'sqlite://ada:secret@host/db', 'there is no backend for "sqlite:"'],
    ['what is no URL', './data', 'it is not a URL'],
    ['an empty text', '', 'it is not a URL'],
  ])('names the known schemes to %s', async (_what, url, words) => {
    const { message } = await refusal(url);
    expect(message).toContain(`${words}; begin it with one of memory:, allsource:`);
    expect(message).not.toContain('secret');
  });
});
