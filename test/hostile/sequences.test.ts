// Calls in any order on each kind of object, beside a model of it.
import { expect, test } from 'vitest';
import { fuzz, LIMIT_MS } from './support.js';

test('whatever the order of calls, each answers as its model says, and nothing stays open', {
  timeout: LIMIT_MS,
}, async () => {
  const { wrong, sequences } = await fuzz('sequences');
  expect(wrong).toEqual([]);
  if (!process.env.FDMUX_FUZZ_ONLY) expect(sequences).toBeGreaterThan(0);
});
