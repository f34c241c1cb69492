/**
 * release.mjs [--dry-run] [--no-tests]: from a clean clone to a package that has been tried: builds, checks and tests, packs with
 * every binary, installs and exercises the very tarball under each runtime, and writes a bill of materials beside it. It publishes
 * nothing, tags nothing and pushes nothing: it ends by saying how.
 *
 * --dry-run takes an unclean tree and a version that is not in the changelog yet, and leaves nothing behind; --no-tests leaves out
 * what .ci/run has just done: lint, types and the suite.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const cwd = fileURLToPath(new URL('../', import.meta.url));
const { values: options } = parseArgs({ options: { 'dry-run': { type: 'boolean' }, 'no-tests': { type: 'boolean' } } });
const { name, version } = JSON.parse(readFileSync(join(cwd, 'package.json'), 'utf8'));

class Refusal extends Error {}

/** What a release does not forgive and a dry run only tells. */
function object(message) {
  if (!options['dry-run']) throw new Refusal(message);
  console.log(`(a release would stop here: ${message})`);
}

function step(title, ...command) {
  console.log(`\n--- ${title}`);
  const [file, ...args] = command;
  const { status, signal } = spawnSync(file, args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] });
  if (status !== 0) throw new Refusal(`${title}: ${command.join(' ')} ended with ${signal ?? status}`);
}

function git(...args) {
  return execFileSync('git', args, { cwd, encoding: 'utf8' }).trim();
}

function checkTree() {
  const changed = git('status', '--porcelain');
  if (changed !== '') object(`the tree is not clean:\n${changed}`);
  if (git('tag', '--list', `v${version}`) !== '') object(`there is a v${version} already`);
}

/** The changelog has to know the version, with a date, and nothing may be left over above it. */
function checkChangelog() {
  const changelog = readFileSync(join(cwd, 'CHANGELOG.md'), 'utf8');
  const [latest = '', ...entries] = changelog.split(/^## /m).slice(1)[0]?.split('\n') ?? [];
  if (!new RegExp(`^\\[?${version.replaceAll('.', '\\.')}\\]?( - |, )\\d{4}-\\d\\d-\\d\\d$`).test(latest)) {
    object(`CHANGELOG.md begins with "${latest}" where "${version} - DATE" belongs`);
  }
  if (!entries.some((line) => line.startsWith('- '))) throw new Refusal(`CHANGELOG.md tells nothing of "${latest}"`);
}

function release(folder) {
  checkTree();
  checkChangelog();
  step('build', 'npm', 'run', '--silent', 'build');
  if (!options['no-tests']) {
    step('types', 'npm', 'run', '--silent', 'types');
    step('lint', 'npm', 'run', '--silent', 'lint');
    step('tests', 'npm', 'test');
  }
  step('audit', 'npm', 'run', '--silent', 'audit');
  step('pack, with every binary', 'npm', 'pack', '--silent', '--pack-destination', folder);
  const tarball = join(folder, `${name}-${version}.tgz`);
  process.env.FDMUX_TARBALL = tarball;
  step('the packed package', 'npm', 'run', '--silent', 'test:package');
  step('bill of materials', process.execPath, 'scripts/sbom.mjs', join(folder, `${name}-${version}.cdx.json`));
  console.log();
  for (const file of readdirSync(folder)) {
    const bytes = readFileSync(join(folder, file));
    console.log(`${createHash('sha256').update(bytes).digest('hex')}  ${file} (${bytes.length} bytes)`);
  }
  if (options['dry-run']) console.log('dry run: nothing is kept');
  else console.log(`in ${folder}. To publish it: git tag v${version} && npm publish ${tarball}`);
}

const folder = options['dry-run'] ? mkdtempSync(join(tmpdir(), 'fdmux-release-')) : join(cwd, 'release');
try {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  release(folder);
} catch (error) {
  if (!(error instanceof Refusal)) throw error;
  console.error(`\nno release: ${error.message}`);
  process.exitCode = 1;
} finally {
  if (options['dry-run']) rmSync(folder, { recursive: true, force: true });
}
