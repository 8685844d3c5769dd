import { configDefaults, defineConfig, mergeConfig } from 'vitest/config';

import shared from './vitest.shared.config.js';

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      // Only there to end a test that hangs: a busy machine must not fail one that works.
      testTimeout: 30_000,
      hookTimeout: 30_000,
      globalSetup: ['test/postgres/servers.setup.ts'],
      include: ['test/**/*.spec.ts', 'sample/**/*.spec.ts'],
      exclude: [
        ...configDefaults.exclude,
        // These build, pack and install: `npm run check:package`.
        'test/package/**',
        // These run thousands of crashes: `npm run test:faults`.
        'test/faults/**',
      ],
    },
  }),
);
