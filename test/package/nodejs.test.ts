// The installed package under every Node.js it is for, on this processor and on arm64.
import { expect, inject, test } from 'vitest';
import { arm64, consumer, entries, expectAll, lacks, run, runtime } from './support.js';

const versions = { 'node-20': 'v20.19.0', 'node-22': 'v22.', 'node-24': 'v24.', 'node-26': 'v26.' };

test('installs with nothing built: the binary in use is one of the package’s', async () => {
  const script =
    "import('fdmux').then(() => console.log(JSON.stringify(['binary', process.report.getReport().sharedObjects.find((path) => path.includes('fdmux'))])))";
  const { outcomes } = await run([runtime('node-20/bin/node'), '-e', script]);
  expect(outcomes.binary).toBe(`${consumer}/node_modules/fdmux/prebuilds/linux-${process.arch}/fdmux.glibc.node`);
});

for (const [name, version] of Object.entries(versions)) {
  for (const how of ['import', 'require']) {
    test(`Node.js ${version}: ${how} of every entry point, and what they do`, async () => {
      const node = runtime(`${name}/bin/node`);
      const program = how === 'import' ? 'with-import.mjs' : 'with-require.cjs';
      const ended = await run([node, program, ...entries]);
      await expectAll(ended);
      expect((await run([node, '-p', 'JSON.stringify(["version", process.version])'])).outcomes.version).toMatch(
        version,
      );
    });
  }
}

test('arm64, where structs are laid out otherwise: the real Node.js under qemu', async (ctx) => {
  if (lacks('/usr/bin/qemu-aarch64-static', '/usr/aarch64-linux-gnu/lib/libstdc++.so.6')) {
    ctx.skip('needs qemu-user-static and g++-aarch64-linux-gnu');
  }
  const node = [...arm64, runtime('node-arm64/bin/node')];
  const size = "require('fdmux/sys'); console.log(JSON.stringify(['arch', process.arch]))";
  expect((await run([...node, '-e', size])).outcomes.arch).toBe('arm64');
  const ended = await run([...node, 'with-import.mjs', ...entries]);
  await expectAll(ended);
});

test('every entry point is there', () => {
  expect(inject('entries')).toEqual(
    expect.arrayContaining(['fdmux', 'fdmux/sys', 'fdmux/selectors', 'fdmux/compat/epoll']),
  );
});
