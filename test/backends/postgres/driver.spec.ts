/** The driver is optional: without it everything else works, and the error names the remedy. */
import { beforeEach, describe, expect, it, vi } from 'vitest';

const driver = vi.hoisted(() => ({ isLookedFor: false }));

// Vitest puts what a mock throws or rejects with into an error of its own, without the code: a promise that hands its
// failure to nobody comes through as it is.
vi.mock('pg', () => {
  driver.isLookedFor = true;
  const missing = Object.assign(new Error("Cannot find package 'pg'"), { code: 'ERR_MODULE_NOT_FOUND' });
  const loading = Promise.resolve();
  vi.spyOn(loading, 'then').mockImplementation(() => Promise.reject(missing));
  return loading;
});

const connectionString = 'postgres://me:hunter2@localhost/shop';

beforeEach(() => {
  driver.isLookedFor = false;
  vi.resetModules();
});

describe('the driver', () => {
  it('is not looked for by the library itself', async () => {
    const { EventStore, InMemoryBackend } = await import('@allframe/nestjs');
    const store = await EventStore.open(new InMemoryBackend());
    await store.append('s', [{ type: 'n', data: 1 }]);
    await store.close();
    expect(driver.isLookedFor).toBe(false);
  });

  it('is looked for when a backend opens, and not before', async () => {
    const { PostgresBackend, PostgresDriverMissingError } = await import('@allframe/nestjs/postgres');
    const backend = new PostgresBackend({ connectionString });
    expect(driver.isLookedFor).toBe(false);
    await expect(backend.open()).rejects.toThrow(PostgresDriverMissingError);
    expect(driver.isLookedFor).toBe(true);
  });

  it('that is missing is told with what to install', async () => {
    const { PostgresBackend } = await import('@allframe/nestjs/postgres');
    const backend = new PostgresBackend({ connectionString });
    await expect(backend.open()).rejects.toThrow('npm install pg');
    await expect(backend.open()).rejects.toMatchObject({ code: 'PostgresDriverMissingError' });
    await expect(PostgresBackend.migrate({ connectionString })).rejects.toThrow('npm install pg');
    expect(backend.isOpen).toBe(false);
  });

  it('is not looked for where the user has given a pool', async () => {
    const { PostgresBackend } = await import('@allframe/nestjs/postgres');
    const nothing = (): void => undefined;
    const refused = Object.assign(new Error('no'), { code: '28P01' });
    const pool = {
      connect: () => Promise.reject(refused),
      on: nothing,
      off: nothing,
      end: async () => undefined,
    };
    await expect(new PostgresBackend({ pool }).open()).rejects.toMatchObject({
      code: 'PostgresUnavailableError',
      cause: refused,
    });
    expect(driver.isLookedFor).toBe(false);
  });
});
