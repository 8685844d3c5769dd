import { configDefaults, defineConfig } from 'vitest/config';

/** What is shipped, seen from outside: slow, because it builds, packs and installs. `npm run check:package` runs it. */
export default defineConfig({
  test: {
    include: ['test/package/**/*.spec.ts'],
    exclude: [...configDefaults.exclude, 'test/package/fixtures/**'],
    globalSetup: ['test/package/packed.setup.ts', 'test/postgres/servers.setup.ts'],
    testTimeout: 180_000,
    hookTimeout: 300_000,
  },
});
