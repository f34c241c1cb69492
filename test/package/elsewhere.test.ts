// The installed package on other operating systems: imported without a word, and each call says what is wrong.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { consumer, entries, run } from './support.js';

test.for(['darwin', 'win32'])('%s: imports, and every call says that it is Linux’s', async (platform) => {
  const ended = await run([process.execPath, 'elsewhere.mjs', platform, ...entries]);
  expect(ended, ended.stderr).toMatchObject({ code: 0, signal: null });
  expect(Object.keys(ended.outcomes).length).toBeGreaterThan(40);
  for (const [call, outcome] of Object.entries(ended.outcomes)) {
    expect(outcome, call).toMatch(
      new RegExp(`^ERR_FEATURE_UNAVAILABLE_ON_PLATFORM: .* Linux(’s|'s)?\\. This is ${platform}$`),
    );
  }
});

test('nothing keeps npm from installing it there', () => {
  const { os, cpu, libc, scripts } = JSON.parse(readFileSync(`${consumer}/node_modules/fdmux/package.json`, 'utf8'));
  expect({ os, cpu, libc }).toEqual({});
  expect(Object.keys(scripts).filter((name) => /^(pre|post)?install$/.test(name))).toEqual([]);
});
