import { defineConfig, mergeConfig } from 'vitest/config';

import shared from './vitest.shared.config.js';

export default mergeConfig(
  shared,
  defineConfig({
    test: {
      testTimeout: 300_000,
      hookTimeout: 300_000,
      include: ['test/faults/**/*.spec.ts'],
    },
  }),
);
