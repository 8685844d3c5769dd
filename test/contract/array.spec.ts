import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { eventStoreContract } from '@allframe/nestjs/testing';
import { ArrayBackend, ArrayData } from './array-backend.js';

const places = new Map<string, ArrayData>();

eventStoreContract(
  { describe, it },
  {
    name: 'array',
    open(place) {
      const data = places.get(place) ?? new ArrayData();
      places.set(place, data);
      return new ArrayBackend(data);
    },
    remove: (place) => void places.delete(place),
    capabilities: { durable: true, transactional: false, duplicateWindow: Infinity },
  },
);

describe('the backend that docs/backends.md shows', () => {
  const textOf = (path: string): string =>
    readFileSync(fileURLToPath(new URL(path, import.meta.url)), 'utf8');

  it('is the one that is tried here', () => {
    const shown = textOf('../../docs/backends.md')
      .split('```ts\n')
      .map((block) => block.split('```')[0]);
    expect(shown).toContain(textOf('array-backend.ts'));
  });
});
