// The house's rules that can be read off its files: arrows only go down, and each system call has its twin, its docstring and
// its test.
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';
import { root } from './support/processes.js';

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8');
}

function files(folder: string, ending: string): string[] {
  return readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith(ending) && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

/** From the ground up. A file is on the floor of the longest of these that it begins with. */
const floors: Record<string, number> = {
  'src/sys/': 0,
  'src/': 1,
  'src/programs/': 2,
  'benchmarks/': 3,
  'src/lab/': 3,
  'src/page/': 3,
  'src/trace/': 3,
  'src/cli/': 4,
};

function floor(path: string): number {
  const [place] = Object.keys(floors)
    .filter((prefix) => path.startsWith(prefix))
    .sort((a, b) => b.length - a.length);
  return floors[place as string] as number;
}

/** The files of the house that a file imports. */
function imports(path: string): string[] {
  const named = read(path).matchAll(/^\s*(?:import|export)\b[^;]*?from '(\.[^']+)'|\bimport\('(\.[^']+)'\)/gm);
  return [...named].map(([, still, later]) => normalize(join(dirname(path), still ?? (later as string))));
}

test('a file imports from its own floor or a lower one, never up', () => {
  const sources = [...files('src', '.ts'), ...files('benchmarks', '.ts')];
  const arrows = sources.flatMap((from) => imports(from).map((to) => ({ from, to })));
  expect(arrows.length).toBeGreaterThan(200);
  const up = arrows.filter(({ from, to }) => floor(to) > floor(from));
  expect(up.map(({ from, to }) => `${from} → ${to}`)).toEqual([]);
});

/** The addon's system calls, and the file that has each. */
const calls = files('src-native', '.cc').flatMap((file) =>
  // The last name is the call's own, where it has several functions.
  [...read(file).matchAll(/family\.SystemCall<\w+>\(([^;]*)\);/g)].map(([, given]) => ({
    file,
    name: [...(given as string).matchAll(/"(\w+)"/g)].at(-1)?.[1] as string,
  })),
);

test('the addon’s calls are found', () => {
  expect(calls.length).toBeGreaterThan(35);
});

test('binding.gyp builds every file of src-native', () => {
  const gyp = read('binding.gyp');
  const own = readdirSync(join(root, 'src-native')).filter((name) => name.endsWith('.cc'));
  expect(own.filter((name) => !gyp.includes(`"src-native/${name}"`))).toEqual([]);
});

const tests = files('test', '.test.ts').map(read).join('\n');

test.for([...new Map(calls.map((call) => [call.name, call])).values()])(
  '$name: a twin in the file of its name in src/sys, with a docstring, and a test',
  async ({ name, file }) => {
    const twin = file.replace('src-native', 'src/sys').replace('.cc', '.ts');
    const source = read(twin);
    const sys: Record<string, unknown> = await import('../src/sys/index.js');
    expect(sys[name], `fdmux/sys exports ${name}`).toBeTypeOf('function');
    const [, doc] = new RegExp(`/\\*\\*((?:(?!\\*/)[^])*)\\*/\\s*export function ${name}\\b`).exec(source) ?? [];
    expect(doc, `${twin} documents ${name}`).toBeDefined();
    expect(doc).toContain('@returns');
    expect(doc).toContain('@see');
    expect(doc).toContain(`(2)`);
    expect(tests, `a test calls ${name}`).toMatch(new RegExp(`\\b${name}\\(`));
  },
);

test('every function of the addon is known to TypeScript', () => {
  const known = read('src/sys/native.ts');
  const all = files('src-native', '.cc').flatMap((file) =>
    [...read(file).matchAll(/family\.(?:SystemCall<\w+>|Function<\w+>|Raw)\(\s*"(\w+)"/g)].map(([, name]) => name),
  );
  expect(all.filter((name) => !new RegExp(`\\b${name}\\(`).test(known))).toEqual([]);
});
