// SECURITY.md promises nothing that no test holds.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { root } from './support/processes.js';

const text = readFileSync(`${root}SECURITY.md`, 'utf8');

/** The rows of its tables: a threat, and the file and name of a test. */
const rows = [...text.matchAll(/^\| (.+) \| (.+) \|$/gm)]
  .map(([, threat, held]) => ({ threat: threat as string, held: held as string }))
  .filter(({ threat }) => threat !== 'threat' && threat !== '---');

test('there are threats to web, to the echo programs and to both', () => {
  expect(rows.length).toBeGreaterThan(40);
  expect(new Set(rows.map(({ threat }) => threat)).size).toBe(rows.length);
});

test.each(rows.map(({ threat, held }) => [threat, held] as const))('%s: there is the test that holds it', (_, held) => {
  const [, file = '', name = ''] = /^`(test\/[\w./-]+\.test\.ts)` “(.+)”$/.exec(held) ?? [];
  const source = readFileSync(`${root}${file}`, 'utf8');
  // As the first argument of a test, whatever kind of test it is.
  const quoted = [`'${name.replaceAll("'", "\\'")}'`, `"${name}"`, `\`${name}\``];
  const tests = quoted.map((quote) => source.split(`${quote},`)).find((parts) => parts.length > 1) ?? [];
  expect(tests.length, `${file} has no test “${name}”`).toBeGreaterThan(1);
  expect(tests[0]).toMatch(/(?:\btest|\bit|\)|\])\(\s*$/);
  expect(tests[0]).not.toMatch(/\b(?:skip|todo)\(\s*$/);
});
