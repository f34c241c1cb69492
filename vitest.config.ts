import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (path: string) => fileURLToPath(new URL(`./src/${path}`, import.meta.url));

export default defineConfig({
  resolve: {
    alias: [
      { find: /^fdmux$/, replacement: source('index.ts') },
      { find: /^fdmux\/compat\/epoll$/, replacement: source('compat/epoll.ts') },
      { find: /^fdmux\/selectors$/, replacement: source('selectors/index.ts') },
      { find: /^fdmux\/sys$/, replacement: source('sys/index.ts') },
      { find: /^fdmux\/trace$/, replacement: source('trace/index.ts') },
    ],
  },
  test: {
    // Most of them wait for other processes.
    maxWorkers: '100%',
    // For .ci/run, which lets no test be skipped.
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'coverage/tests.json' }]] : ['default'],
    testTimeout: 30_000,
    hookTimeout: 30_000,
    // A browser under load may draw for longer than the second it has by default.
    expect: { poll: { timeout: 20_000 } },
    coverage: {
      include: ['src/**/*.ts', 'benchmarks/**/*.ts'],
      // What runs in a browser: no coverage of Node.js's sees it.
      exclude: ['**/browser/**'],
      // For scripts/coverage.mjs, which adds what the processes have run that the tests start.
      reporter: ['json'],
      reportsDirectory: 'coverage/own',
      reportOnFailure: true,
    },
    projects: [
      {
        extends: true,
        test: {
          name: 'process',
          include: ['test/**/*.test.ts'],
          // `npm run test:package`.
          exclude: ['test/package/**'],
          // A process for each file: descriptors are counted, signals sent, limits lowered.
          pool: 'forks',
          setupFiles: ['test/support/children-coverage.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'worker',
          // The objects must do the same in worker_threads, where waits are cut into slices.
          include: ['test/{objects,selectors}/*.test.ts'],
          pool: 'threads',
          // One process has one table of descriptors: nobody else may open or close any meanwhile, and vitest does not wait for
          // the end of one file's thread before it starts the next.
          fileParallelism: false,
          isolate: false,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
