// Whatever is passed to whatever the package exports: a result or an error, no crash, no hang, no descriptor left or lost.
import { expect, test } from 'vitest';
import { fuzz, LIMIT_MS } from './support.js';

test('every function, class and method takes any value in any place: it answers or throws', {
  timeout: LIMIT_MS,
}, async () => {
  const { wrong, entries, tried, results, errors } = await fuzz('arguments');
  expect(wrong).toEqual([]);
  if (process.env.FDMUX_FUZZ_ONLY) return;
  expect(tried).toBe(entries);
  // Not all of it is refused, and not all is taken.
  expect(results).toBeGreaterThan(500);
  expect(errors).toBeGreaterThan(500);
});
