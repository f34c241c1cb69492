// What is in the package: the checks of publint and attw, what has to be there, and that it builds from its own sources.
import { execFile, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, inject, onTestFinished, test } from 'vitest';
import { consumer, entries, expectAll, run } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const installed = join(consumer, 'node_modules/fdmux');

function tool(name: string, ...args: string[]): { status: number | null; output: string } {
  const path = join(root, 'node_modules/.bin', name);
  const { status, stdout, stderr } = spawnSync(path, args, { cwd: root, encoding: 'utf8' });
  return { status, output: stdout + stderr };
}

test('publint has nothing to say', () => {
  const { status, output } = tool('publint', inject('tarball'), '--strict');
  expect(status, output).toBe(0);
  expect(output).toMatch(/All good/i);
});

test('attw finds types for every entry point', () => {
  // node16: TypeScript's older resolution ("node10") knows no "exports", and no Node.js from 20.19 on needs it.
  // cjs-resolves-to-esm: require() of an ES module is what every Node.js from 20.19 on can do, and is tested under each.
  const { status, output } = tool(
    'attw',
    inject('tarball'),
    '--profile',
    'node16',
    '--ignore-rules',
    'cjs-resolves-to-esm',
    '--no-emoji',
  );
  expect(status, output).toBe(0);
  for (const entry of entries) expect(output).toContain(entry);
});

test('binaries, types, sources and the benchmarks’ programs are all there, and no more than npm needs', () => {
  const { exports, gypfile } = JSON.parse(readFileSync(join(installed, 'package.json'), 'utf8'));
  for (const entry of Object.values(exports) as (string | { types: string; default: string })[]) {
    for (const path of typeof entry === 'string' ? [entry] : [entry.types, entry.default]) {
      expect(existsSync(join(installed, path)), path).toBe(true);
    }
  }
  const programs = readFileSync(join(root, 'binding.gyp'), 'utf8').matchAll(/"([\w-]+)", "type": "executable"/g);
  const names = ['fdmux.glibc.node', 'fdmux.musl.node', ...[...programs].map(([, name]) => `bench/${name}`)];
  expect(names.length).toBeGreaterThan(3);
  for (const arch of ['x64', 'arm64']) {
    for (const name of names) {
      const machine = readFileSync(join(installed, `prebuilds/linux-${arch}`, name)).readUInt16LE(18);
      expect(machine, `${arch} ${name}`).toBe(arch === 'x64' ? 62 : 183);
    }
  }
  for (const path of ['binding.gyp', 'src-native/module.cc', 'benchmarks/c', 'LICENSE', 'CHANGELOG.md', 'README.md']) {
    expect(existsSync(join(installed, path)), path).toBe(true);
  }
  expect(existsSync(join(installed, 'build'))).toBe(false);
  expect(gypfile).toBe(false);
});

// A compiler's work, beside other tests.
test('where no binary fits, it builds from its own sources', { timeout: 600_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-sources-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  cpSync(consumer, folder, { recursive: true });
  const copy = join(folder, 'node_modules/fdmux');
  rmSync(join(copy, 'prebuilds'), { recursive: true });
  const without = await run([process.execPath, '-e', `import('${copy}/dist/src/index.js')`]);
  expect(without.stderr).toContain(`no binary for linux-${process.arch} here. With a compiler at hand, \`npx node-gyp`);
  const gyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  await promisify(execFile)(process.execPath, [gyp, 'rebuild', '--silent'], { cwd: copy });
  const ended = await run([process.execPath, join(folder, 'with-import.mjs'), ...entries]);
  await expectAll(ended);
});
