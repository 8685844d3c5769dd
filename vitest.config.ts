import { fileURLToPath } from 'node:url';
import { configDefaults, defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^@allframe\/nestjs\/allsource$/, replacement: at('lib/backends/allsource/index.ts') },
      { find: /^@allframe\/nestjs\/testing$/, replacement: at('lib/testing/index.ts') },
      { find: /^@allframe\/nestjs$/, replacement: at('lib/index.ts') },
    ],
  },
  test: {
    // Only there to end a test that hangs: a busy machine must not fail one that works.
    testTimeout: 30_000,
    include: ['test/**/*.spec.ts', 'sample/**/*.spec.ts'],
    // These build, pack and install: `npm run check:package`.
    exclude: [...configDefaults.exclude, 'test/package/**'],
  },
});
