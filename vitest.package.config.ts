import { defineConfig } from 'vitest/config';

// The packed package, as its users get it: `npm run test:package`. It compiles for every platform and fetches other runtimes, so
// that it is no part of `npm test`.
export default defineConfig({
  test: {
    include: ['test/package/*.test.ts'],
    globalSetup: ['test/package/setup.ts'],
    reporters: process.env.CI ? ['default', ['json', { outputFile: 'coverage/package-tests.json' }]] : ['default'],
    testTimeout: 120_000,
    hookTimeout: 300_000,
    maxWorkers: 2,
  },
});
