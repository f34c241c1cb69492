/**
 * `npm run test:instrumented`: the library's tests with an addon that AddressSanitizer and UndefinedBehaviorSanitizer look
 * after and that counts its lines. Fails for a failed test, for whatever the sanitizers say, for memory that the addon
 * leaked, and for lines of C++ that too few tests reach; those of TypeScript are left for `npm run coverage:report`.
 *
 * Wants gcc's libasan and libubsan (they come with g++) and gcovr.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = `${root}build/instrumented`;
const logs = `${folder}/logs`;
/** Not those that look at programs and in browsers: they are no test of the addon. */
const LIBRARY = [
  ...['test/sys', 'test/objects', 'test/selectors', 'test/loop', 'test/wakeups', 'test/compat', 'test/hostile'],
  ...['format', 'forms', 'lanes', 'trace'].map((name) => `test/trace/${name}.test.ts`),
];
const TESTS = ['run', '--reporter', 'default'];
/** The least part of the C++ lines that must be reached, in per cent. */
const LINES = 90;

const FLAGS = '-fsanitize=address,undefined -fno-omit-frame-pointer --coverage -fprofile-update=atomic -g -O1';

function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (error) throw error;
  return status === 0;
}

function build() {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(logs, { recursive: true });
  for (const part of ['package.json', 'binding.gyp', 'src-native', 'benchmarks/c']) {
    cpSync(`${root}${part}`, `${folder}/${part}`, { recursive: true });
  }
  const env = { ...process.env, CFLAGS: FLAGS, CXXFLAGS: FLAGS, LDFLAGS: FLAGS };
  // The benchmarks' programs, in C, are built with it: the generator finds them in binding.gyp.
  return run(`${root}node_modules/.bin/node-gyp`, ['configure', 'build', '--silent'], { cwd: folder, env });
}

/** The tests' environment. Node.js itself is not instrumented: the sanitizers must be there before it is. */
function watched() {
  const library = (name) => execFileSync('gcc', [`-print-file-name=${name}`], { encoding: 'utf8' }).trim();
  return {
    ...process.env,
    FDMUX_PREBUILD: folder,
    LD_PRELOAD: `${library('libasan.so')} ${library('libubsan.so')}`,
    // What Node.js and V8 leak at their end is not ours to judge: the logs tell, not the exit code.
    ASAN_OPTIONS: `detect_leaks=1:exitcode=0:log_path=${logs}/asan`,
    UBSAN_OPTIONS: `print_stacktrace=1:log_path=${logs}/ubsan`,
  };
}

/** Whether the addon asked for memory that was lost: itself, or through Node-API. What V8 keeps for itself is V8's. */
function ours(leak) {
  const frames = leak.split('\n').filter((line) => /^ +#\d+ /.test(line));
  const asking = frames.find((line) => !/ in (?:operator new|malloc|calloc|realloc|\w*napi_\w+)/.test(line));
  return asking?.includes('/src-native/') || asking?.includes(`${folder}/build/Release/fdmux.node`);
}

/** What the sanitizers said of the addon: errors, and leaks that it is the cause of. */
function findings() {
  return readdirSync(logs).flatMap((file) =>
    readFileSync(`${logs}/${file}`, 'utf8')
      .split(/\n(?=(?:Direct|Indirect) leak|=+\n)/)
      .filter((part) =>
        /^(?:Direct|Indirect) leak/.test(part) ? ours(part) : /ERROR: AddressSanitizer|runtime error:/.test(part),
      ),
  );
}

function covered() {
  console.log('\nC++, lines that the tests reach:');
  return run('gcovr', ['--root', folder, '--filter', 'src-native/', '--fail-under-line', String(LINES)], {
    cwd: folder,
  });
}

function main() {
  if (!build()) return false;
  const vitest = `${root}node_modules/.bin/vitest`;
  const env = watched();
  // Coverage in processes only: in workers, Node.js 20 crashes when one starts another while its coverage looks on.
  const processes = run(vitest, [...TESTS, '--project', 'process', '--coverage', ...LIBRARY], { env });
  const workers = run(vitest, [...TESTS, '--project', 'worker', ...LIBRARY], { env });
  const found = findings();
  for (const finding of found) console.log(`\n${finding}`);
  console.log(`\nsanitizers: ${readdirSync(logs).length} processes left a log, ${found.length} findings in the addon`);
  return [processes, workers, found.length === 0, covered()].every(Boolean);
}

process.exitCode = main() ? 0 : 1;
