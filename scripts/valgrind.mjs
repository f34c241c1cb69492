/**
 * `npm run test:valgrind`: the benchmarks' programs in C, and each of the addon's calls once, under valgrind's memcheck: memory
 * that nobody has set and that decides or reaches the kernel (which no sanitizer of gcc's sees), memory that is not there,
 * memory that is lost. Of Node.js's own, only what goes through the addon counts.
 *
 * Wants valgrind and cc.
 */
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}build/valgrind`;
const logs = `${folder}/logs`;
const ADDON = 'fdmux.node';
/** The programs in C, without those that stand for another library's, or are wrong on purpose. */
const PROGRAMS = ['calls', 'scaling', 'echo', 'echo-poll', 'echo-select', 'load', 'churn'];

/** All that calls.c has, but epoll_pwait2: Debian's valgrind does not know it, and answers ENOSYS. */
const CALLS = [
  ...['epoll_wait', 'poll', 'ppoll', 'select', 'pselect', 'epoll_ctl(ADD)', 'epoll_ctl(MOD)'],
  ...['epoll_ctl(DEL)', 'read', 'write', 'recv', 'send'],
];

let failures = 0;
function fail(message) {
  failures++;
  console.log(`FAILED: ${message}`);
}

/** Starts a program under valgrind, whose log is named after it. */
function watched(name, command, input = '') {
  const options = ['--leak-check=full', '--show-leak-kinds=definite', '--errors-for-leak-kinds=definite'];
  const child = spawn('valgrind', ['-q', ...options, '--num-callers=30', `--log-file=${logs}/${name}.%p`, ...command], {
    cwd: root,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  child.stdin.end(input);
  const ended = new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve(signal ?? code));
  });
  return { child, ended };
}

/** Runs one to its end, which must be a good one. */
async function run(name, command, input) {
  const { child, ended } = watched(name, command, input);
  let stdout = '';
  child.stdout.on('data', (text) => {
    stdout += text;
  });
  const end = await ended;
  if (end !== 0) fail(`${name}: ended with ${end}`);
  return stdout;
}

/** An echo server, and both loads against it. */
async function serve(name, args) {
  const { child, ended } = watched(name, [`${folder}/${name}`, ...args]);
  const [line] = await new Promise((resolve) => {
    const lines = createInterface({ input: child.stdout });
    lines.once('line', (first) => resolve([first]));
    lines.once('close', () => resolve(['']));
  });
  const port = /:(\d+)$/.exec(line)?.[1];
  if (port === undefined) return fail(`${name}: said ${line}`);
  const load = ['127.0.0.1', port, '--connections', '5', '--bytes', '64', '--seconds', '0.5', '--pid', `${child.pid}`];
  await run('load', [`${folder}/load`, ...load, '--idle', '3']);
  await run('churn', [`${folder}/churn`, ...load]);
  child.kill('SIGTERM');
  const end = await ended;
  if (end !== 0 && end !== 'SIGTERM') fail(`${name}: ended with ${end}`);
}

/** What a log says, complaint by complaint. */
function complaints(file) {
  const text = readFileSync(`${logs}/${file}`, 'utf8')
    .replace(/^==\d+== ?/gm, '')
    .replace(/^--\d+-- .*\n/gm, '');
  return text.split(/\n\s*\n/).filter((part) => part.trim() !== '');
}

rmSync(folder, { recursive: true, force: true });
mkdirSync(logs, { recursive: true });
for (const name of PROGRAMS) {
  const flags = ['-std=c11', '-g', '-O1', '-D_GNU_SOURCE', '-pthread'];
  execFileSync('cc', [...flags, '-o', `${folder}/${name}`, `benchmarks/c/${name}.c`, '-lm'], { cwd: root });
}

const calls = await run('calls', [`${folder}/calls`, '1'], CALLS.map((name) => `${name} 1 1 20\n`).join(''));
if (calls.trim().split('\n').length <= CALLS.length) fail(`calls: not every call was made:\n${calls}`);
const methods = ['select', 'poll', 'level', 'edge', 'oneshot'];
await run('scaling', [`${folder}/scaling`, '1'], methods.map((name) => `${name} 20 2 10 20\n`).join(''));
await serve('echo', ['edge']);
await serve('echo-poll', []);
await serve('echo-select', []);
// Without generated code, memcheck has nothing to translate anew again and again.
const node = [process.execPath, '--jitless', '--no-warnings'];
const each = JSON.parse(await run('node-calls', [...node, 'test/support/hostile.mjs', 'once']));
if (each.wrong.length > 0 || each.calls < 40) fail(`calls of the addon: ${JSON.stringify(each)}`);
const smoke = await run('node-smoke', [...node, 'test/support/smoke.mjs']);
if (smoke !== 'right\n') fail(`smoke: ${smoke}`);

const files = readdirSync(logs);
for (const file of files) {
  const own = complaints(file).filter((part) => !file.startsWith('node-') || part.includes(ADDON));
  for (const part of own) fail(`${file}:\n${part}\n`);
}
console.log(`valgrind: ${files.length} processes left a log, ${failures} failures`);
process.exitCode = failures === 0 ? 0 : 1;
