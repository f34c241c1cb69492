import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^fdmux$/, replacement: source('index.ts') },
      { find: /^fdmux\/sys$/, replacement: source('sys/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    // A process for each file: descriptors are counted, signals sent, limits lowered.
    pool: 'forks',
    // Most of them wait for other processes.
    maxWorkers: '100%',
    testTimeout: 30_000,
    hookTimeout: 30_000,
  },
});
