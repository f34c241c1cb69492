// Packs the package (or takes FDMUX_TARBALL), installs it in an empty folder where there is no compiler and no install script
// runs, and fetches the runtimes to try it under.
import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { TestProject } from 'vitest/node';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../..', import.meta.url));
const QUIET = ['--no-audit', '--no-fund', '--no-package-lock', '--ignore-scripts', '--loglevel=error'];

declare module 'vitest' {
  interface ProvidedContext {
    /** The packed package, a folder it is installed in beside test/package/consumer's files, and where the runtimes lie. */
    tarball: string;
    consumer: string;
    runtimes: string;
    /** The package's entry points, as they are imported. */
    entries: string[];
  }
}

async function pack(folder: string): Promise<string> {
  if (process.env.FDMUX_TARBALL) return process.env.FDMUX_TARBALL;
  // Not JSON: what npm's scripts say comes first.
  await run('npm', ['pack', '--pack-destination', folder], { cwd: root, maxBuffer: 2 ** 26 });
  const [name] = readdirSync(folder).filter((file) => file.endsWith('.tgz'));
  return join(folder, name as string);
}

/** A PATH with npm's needs on it, and nothing else. */
function bare(folder: string): string {
  const path = join(folder, 'bin');
  mkdirSync(path);
  for (const [name, target] of [
    ['node', process.execPath],
    ['sh', '/bin/sh'],
  ] as const) {
    symlinkSync(target, join(path, name));
  }
  return path;
}

async function install(tarball: string, folder: string): Promise<string> {
  const consumer = join(folder, 'consumer');
  mkdirSync(consumer);
  writeFileSync(join(consumer, 'package.json'), '{ "private": true }');
  const { stdout: npm } = await run('npm', ['root', '--global']);
  const cli = join(npm.trim(), 'npm/bin/npm-cli.js');
  const env = { ...process.env, PATH: bare(folder) };
  await run(process.execPath, [cli, 'install', ...QUIET, tarball], { cwd: consumer, env });
  cpSync(join(root, 'test/package/consumer'), consumer, { recursive: true });
  return consumer;
}

async function fetchRuntimes(folder: string): Promise<string> {
  const runtimes = join(folder, 'runtimes');
  cpSync(join(root, 'test/package/runtimes'), runtimes, { recursive: true });
  // By force: some are for another processor or C library, and are run all the same.
  await run('npm', ['install', ...QUIET, '--force'], { cwd: runtimes });
  return join(runtimes, 'node_modules');
}

export default async function setup({ provide }: TestProject): Promise<() => void> {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-package-'));
  const runtimes = fetchRuntimes(folder);
  try {
    const tarball = await pack(folder);
    const consumer = await install(tarball, folder);
    const { exports } = JSON.parse(readFileSync(join(consumer, 'node_modules/fdmux/package.json'), 'utf8'));
    const entries = Object.keys(exports).filter((name) => !name.endsWith('.json'));
    provide('tarball', tarball);
    provide('consumer', consumer);
    provide('runtimes', await runtimes);
    provide(
      'entries',
      entries.map((name) => name.replace(/^\./, 'fdmux')),
    );
  } catch (error) {
    await runtimes.catch(() => {});
    rmSync(folder, { recursive: true });
    throw error;
  }
  return () => rmSync(folder, { recursive: true });
}
