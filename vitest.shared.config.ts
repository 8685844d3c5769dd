import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

/** How every set of tests compiles the library and finds it by its public names. */
export default defineConfig({
  oxc: { decorator: { legacy: true, emitDecoratorMetadata: true } },
  resolve: {
    alias: [
      { find: /^@allframe\/nestjs\/allsource$/, replacement: at('lib/backends/allsource/index.ts') },
      { find: /^@allframe\/nestjs\/postgres$/, replacement: at('lib/backends/postgres/index.ts') },
      { find: /^@allframe\/nestjs\/testing$/, replacement: at('lib/testing/index.ts') },
      { find: /^@allframe\/nestjs$/, replacement: at('lib/index.ts') },
    ],
  },
});
