/** A Nest 12 project: ES modules, TypeScript 6, none of the optional peers installed. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ConsumerProject } from './consumer-project.js';
import { whatTheAppSaw, whatTheDurableAppSaw } from './what-the-app-saw.js';

describe('a Nest 12 project of ES modules', () => {
  let project: ConsumerProject;
  beforeAll(async () => {
    project = await ConsumerProject.install('nest12-esm', inject('tarball'));
  });
  afterAll(() => project.remove());

  it('compiles under nodenext with every declaration checked, and runs by import', async () => {
    await project.bin('tsc', '-p', 'tsconfig.json');
    expect(JSON.parse(await project.node('dist/main.js'))).toEqual(whatTheAppSaw);
  });

  it('keeps its events on a disk, by import', async () => {
    expect(JSON.parse(await project.node('dist/durable.js'))).toEqual(whatTheDurableAppSaw);
  });

  it('type-checks under a bundler', async () => {
    await project.bin('tsc', '-p', 'tsconfig.bundler.json');
  });
});
