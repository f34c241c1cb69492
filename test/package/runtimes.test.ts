// Bun and Deno: what docs/runtimes.md says of them, and no crash. Bun's binary for musl is the one musl JavaScript runtime that
// npm and Debian have: it loads the musl addon for real.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { entries, expectAll, lacks, run, runtime } from './support.js';

const noLoop = (name: string) =>
  expect.stringMatching(`^ERR_FEATURE_UNAVAILABLE_ON_PLATFORM: .* wants Node.js's\\. This is ${name} \\d`);

test.for([
  ['Bun', 'bun-glibc/bin/bun'],
  ['Deno', 'deno/deno', 'run', '-A'],
] as const)('%s: all but the event loop', async ([name, program, ...args]) => {
  const ended = await run([runtime(program), ...args, 'with-import.mjs', ...entries]);
  await expectAll(ended, noLoop(name));
});

/** What Bun's musl binary needs beside musl itself, as variables of its environment. */
function libraries(triplet: string, lib: string, compiler: string): { LD_LIBRARY_PATH: string; LD_PRELOAD: string } {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-musl-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const name of ['libstdc++.so.6', 'libgcc_s.so.1']) symlinkSync(`${lib}/${name}`, join(folder, name));
  // Under the name of glibc's loader, which they ask for on x64.
  const loader = triplet === 'x86_64' ? 'ld-linux-x86-64.so.2' : 'ld-linux-aarch64.so.1';
  const source = new URL('runtimes/musl-libstdcxx.c', import.meta.url).pathname;
  const musl = `/usr/include/${triplet}-linux-musl`;
  const args = [
    '-shared',
    '-nostdlib',
    '-nostdinc',
    '-fno-builtin',
    '-fPIC',
    '-isystem',
    musl,
    `-Wl,-soname,${loader}`,
  ];
  execFileSync(compiler, [...args, source, '-o', join(folder, loader)]);
  return { LD_LIBRARY_PATH: folder, LD_PRELOAD: join(folder, loader) };
}

test('musl: the addon under Bun’s musl binary', async (ctx) => {
  if (lacks('/lib/ld-musl-x86_64.so.1', '/usr/include/x86_64-linux-musl')) ctx.skip('needs musl-dev');
  const env = libraries('x86_64', '/usr/lib/x86_64-linux-gnu', 'gcc');
  // Not Alpine: node-gyp-build tries glibc's first, and Bun refuses it.
  const ended = await run([runtime('bun-musl/bin/bun'), 'with-import.mjs', ...entries], env);
  await expectAll(ended, noLoop('Bun'));
});

test('musl on arm64: the addon under Bun’s musl binary and qemu', async (ctx) => {
  const wanted = [
    '/usr/bin/qemu-aarch64-static',
    '/lib/ld-musl-aarch64.so.1',
    '/usr/aarch64-linux-gnu/lib/libstdc++.so.6',
  ];
  if (lacks(...wanted)) ctx.skip('needs qemu-user-static, musl-dev:arm64 and g++-aarch64-linux-gnu');
  const env = libraries('aarch64', '/usr/aarch64-linux-gnu/lib', 'aarch64-linux-gnu-gcc');
  const inside = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const command = ['qemu-aarch64-static', '-E', inside.join(','), runtime('bun-arm64-musl/bin/bun')];
  const ended = await run([...command, 'with-import.mjs', ...entries]);
  await expectAll(ended, noLoop('Bun'));
});
