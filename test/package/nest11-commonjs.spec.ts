/** A Nest 11 project: CommonJS, TypeScript 5.9, jest, none of the optional peers installed. */
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { ConsumerProject } from './consumer-project.js';
import { whatTheAppSaw, whatTheDurableAppSaw } from './what-the-app-saw.js';

describe('a Nest 11 project of CommonJS', () => {
  let project: ConsumerProject;
  beforeAll(async () => {
    project = await ConsumerProject.install('nest11-commonjs', inject('tarball'));
  });
  afterAll(() => project.remove());

  it('compiles under node10 with every declaration checked, and runs by require', async () => {
    await project.bin('tsc', '-p', 'tsconfig.json');
    expect(JSON.parse(await project.node('dist/main.js'))).toEqual(whatTheAppSaw);
  });

  it('keeps its events on a disk, by require', async () => {
    expect(JSON.parse(await project.node('dist/durable.js'))).toEqual(whatTheDurableAppSaw);
  });

  it('compiles under nodenext, and runs by require', async () => {
    await project.bin('tsc', '-p', 'tsconfig.nodenext.json');
    expect(JSON.parse(await project.node('dist-nodenext/main.js'))).toEqual(whatTheAppSaw);
  });

  it('is tested with jest and ts-jest by the recipe of the README', async () => {
    await project.bin('jest', '--ci');
  });

  it('is tested with jest and ts-jest under the module settings of newer Nest 11 starters', async () => {
    const transform = { '^.+\\.(t|j)s$': ['ts-jest', { tsconfig: 'tsconfig.nodenext.json' }] };
    await project.bin('jest', '--ci', `--transform=${JSON.stringify(transform)}`);
  });
});
