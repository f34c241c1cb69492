/**
 * Builds what the package carries for those who have no compiler, into prebuilds/: the addon for x64 and arm64, glibc and
 * musl, under the names that node-gyp-build looks for, and the benchmarks' C programs. Debian's compilers make all of it.
 * Where it runs, nothing but the C library is needed, glibc 2.28 or any musl 1.2: this is checked.
 */
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism, tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const root = fileURLToPath(new URL('../', import.meta.url));
const headers = resolve(process.execPath, '../../include/node');
const addonApi = createRequire(import.meta.url)('node-addon-api').include_dir;
const OLDEST_GLIBC = [2, 28];
const FSTAT = join(root, 'src-native/prebuilt/fstat.c');
/** What a binary may ask for and no C library has: Node.js's own, and what the linker fills in or leaves out. */
const OWN = /^(napi_|node_api_|uv_|_ITM_|__gmon_start__|__cxa_finalize)/;

const architectures = [
  { arch: 'x64', tools: 'x86_64-linux-gnu-', triplet: 'x86_64-linux', libstdcxx: '/usr/include/c++/', base: '2.2.5' },
  {
    arch: 'arm64',
    tools: 'aarch64-linux-gnu-',
    triplet: 'aarch64-linux',
    libstdcxx: '/usr/aarch64-linux-gnu/include/c++/',
    base: '2.17',
    // Otherwise libgcc asks glibc, before anything else, what the processor can do.
    flags: ['-mno-outline-atomics'],
  },
];

/** What a system without the compilers lacks, said with the command that brings it. */
function checkTools() {
  const wanted = ['/usr/bin/x86_64-linux-gnu-g++', '/usr/bin/aarch64-linux-gnu-g++', join(headers, 'node_api.h')];
  for (const { triplet } of architectures) wanted.push(`/usr/include/${triplet}-musl/features.h`, muslLibrary(triplet));
  const missing = wanted.filter((path) => !existsSync(path));
  if (missing.length === 0) return;
  throw new Error(
    `missing: ${missing.join(', ')}. On Debian: dpkg --add-architecture arm64 && apt-get update && ` +
      'apt-get install g++ g++-aarch64-linux-gnu musl-dev musl-dev:arm64',
  );
}

function muslLibrary(triplet) {
  return `/usr/lib/${triplet}-musl/libc.a`;
}

function sources(folder, extension) {
  return readdirSync(join(root, folder))
    .filter((name) => name.endsWith(extension))
    .map((name) => join(root, folder, name));
}

/** The programs that binding.gyp names. */
function programs() {
  const target = /"target_name": "([\w-]+)", "type": "executable", "sources": \[(.*?)\]/g;
  const gyp = readFileSync(join(root, 'binding.gyp'), 'utf8');
  return [...gyp.matchAll(target)].map(([, name, list]) => ({
    name,
    files: [...list.matchAll(/"(.*?)"/g)].map(([, file]) => join(root, file)),
  }));
}

/** Where g++ keeps its own headers, and which version it is. */
async function compilerOf(tools) {
  const [{ stdout: include }, { stdout: version }] = await Promise.all([
    run(`${tools}g++`, ['-print-file-name=include']),
    run(`${tools}g++`, ['-dumpversion']),
  ]);
  return { include: include.trim(), version: version.trim() };
}

/** musl's C headers under libstdc++'s C++ ones, which Debian has for glibc only. */
async function muslHeaders({ tools, triplet, libstdcxx }) {
  const { include, version } = await compilerOf(tools);
  const configured = [`${libstdcxx}${version}/${triplet}-gnu`, `/usr/include/${triplet}-gnu/c++/${version}`];
  const folders = [
    `${libstdcxx}${version}`,
    ...configured.filter(existsSync),
    `/usr/include/${triplet}-musl`,
    include,
  ].flatMap((folder) => ['-isystem', folder]);
  return ['-nostdinc', ...folders, '-include', join(root, 'src-native/prebuilt/musl.h')];
}

async function compileAddon(target, libc, folder) {
  const { arch, tools, flags = [] } = target;
  const cflags = ['-std=c++17', '-O3', '-fPIC', '-fvisibility=hidden', '-fno-exceptions', '-fno-rtti'];
  cflags.push('-ffunction-sections', '-fdata-sections', '-Wall', '-Wextra', '-Werror', '-DNAPI_VERSION=9', ...flags);
  cflags.push('-DNODE_ADDON_API_DISABLE_CPP_EXCEPTIONS');
  if (libc === 'musl') cflags.push(...(await muslHeaders(target)));
  cflags.push('-isystem', headers, '-isystem', addonApi);
  const files = [...sources('src-native', '.cc'), ...sources('src-native/prebuilt', '.cc')];
  const objects = files.map((file) => join(folder, `${basename(file)}.${arch}.${libc}.o`));
  await Promise.all(files.map((file, i) => limited(`${tools}g++`, [...cflags, '-c', file, '-o', objects[i]])));
  const output = join(root, `prebuilds/linux-${arch}/fdmux.${libc}.node`);
  const link = ['-shared', '-s', '-Wl,--gc-sections', '-Wl,-z,relro', '-o', output];
  link.push(`-Wl,--version-script=${join(root, 'src-native/prebuilt/exports.map')}`, ...objects);
  link.push(
    ...(libc === 'musl'
      ? ['-nostdlib', await muslStub(target, folder)]
      : ['-static-libgcc', '-O2', '-fPIC', '-D_GNU_SOURCE', FSTAT]),
  );
  await limited(`${tools}gcc`, link);
  return output;
}

/** A library with a given name and nothing but names in it: what the linker writes down is all that is wanted. */
async function stub({ arch, tools }, folder, soname, symbols, version) {
  const output = join(folder, `${arch}-${soname}`);
  writeFileSync(`${output}.c`, symbols.map((symbol) => `void ${symbol}(void) {}\n`).join(''));
  writeFileSync(`${output}.map`, version === undefined ? '{ global: *; };' : `GLIBC_${version} { global: *; };`);
  const names = [`-Wl,-soname,${soname}`, `-Wl,--version-script=${output}.map`];
  await limited(`${tools}gcc`, ['-shared', '-nostdlib', '-fno-builtin', '-w', ...names, `${output}.c`, '-o', output]);
  return output;
}

/** By the name libc.so musl's loader knows itself, whatever a distribution calls the file. */
function muslStub(target, folder) {
  return stub(target, folder, 'libc.so', []);
}

/**
 * glibc 2.34 gave these new versions when it took libpthread in. Under their old ones they are still there, and the
 * library's name, too.
 */
function oldNames(target, folder) {
  const symbols = ['__libc_start_main', 'pthread_create', 'pthread_detach', 'pthread_join', 'pthread_sigmask'];
  return stub(target, folder, 'libpthread.so.0', symbols, target.base);
}

async function compilePrograms(target, folder) {
  const { arch, tools } = target;
  const old = await oldNames(target, folder);
  mkdirSync(join(root, `prebuilds/linux-${arch}/bench`), { recursive: true });
  return Promise.all(
    programs().map(async ({ name, files }) => {
      const output = join(root, `prebuilds/linux-${arch}/bench/${name}`);
      const cflags = ['-std=c11', '-O2', '-pthread', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror'];
      const link = ['-s', '-Wl,--no-as-needed', old, '-Wl,--as-needed', '-lm'];
      await limited(`${tools}gcc`, [...cflags, ...files, FSTAT, ...link, '-o', output]);
      return output;
    }),
  );
}

/** Fails for what needs a library or a glibc that an older system does not have. */
async function checkNeeds(file, { tools }, libc, libraries) {
  const { stdout } = await run(`${tools}readelf`, ['-W', '--dynamic', '--dyn-syms', '--version-info', file], {
    maxBuffer: 2 ** 26,
  });
  const needed = [...stdout.matchAll(/\(NEEDED\).*\[(.*)\]/g)].map(([, name]) => name);
  const strange = needed.filter((name) => !libraries.includes(name));
  if (strange.length > 0) throw new Error(`${file} needs ${strange.join(', ')}`);
  const undefinedSymbols = [...stdout.matchAll(/ UND (\S+)/g)].map(([, name]) => name);
  const newer = undefinedSymbols.filter((name) => {
    const [, major, minor] = /@GLIBC_(\d+)\.(\d+)/.exec(name) ?? [];
    return major > OLDEST_GLIBC[0] || (Number(major) === OLDEST_GLIBC[0] && minor > OLDEST_GLIBC[1]);
  });
  if (newer.length > 0) {
    throw new Error(`${file} needs a glibc after ${OLDEST_GLIBC.join('.')}: ${newer.join(', ')}
Call the kernel itself, or give the function in src-native/prebuilt, as fstat.c does`);
  }
  // A name with no version is in no library that was linked.
  const lost = undefinedSymbols.filter((name) => !name.includes('@') && !OWN.test(name));
  if (libc === 'glibc' && lost.length > 0)
    throw new Error(`${file} needs what glibc does not have: ${lost.join(', ')}`);
  if (libc === 'musl') await checkMusl(file, undefinedSymbols, tools);
  const versions = undefinedSymbols.map((name) => /@GLIBC_([\d.]+)/.exec(name)?.[1]).filter((found) => found);
  versions.sort((a, b) => Number(a.split('.')[1]) - Number(b.split('.')[1]));
  return libc === 'musl' ? 'musl' : `glibc ${versions.at(-1)}`;
}

/** musl binds names without versions, and a name it does not have only when it is called. */
async function checkMusl(file, names, tools) {
  const triplet = architectures.find((architecture) => architecture.tools === tools)?.triplet;
  const { stdout } = await run(`${tools}nm`, ['--defined-only', muslLibrary(triplet)], { maxBuffer: 2 ** 26 });
  const has = new Set([...stdout.matchAll(/ [TWVDBR] (\S+)/g)].map(([, name]) => name));
  const lacking = names.filter((name) => !OWN.test(name) && !has.has(name));
  if (lacking.length > 0) throw new Error(`${file} needs what musl does not have: ${lacking.join(', ')}`);
}

/** As execFile, as many at a time as there are processors. */
let free = availableParallelism();
const waiting = [];
async function limited(file, args) {
  if (free === 0) await new Promise((resume) => waiting.push(resume));
  else free--;
  try {
    await run(file, args);
  } finally {
    const next = waiting.shift();
    if (next) next();
    else free++;
  }
}

async function main() {
  checkTools();
  rmSync(join(root, 'prebuilds'), { recursive: true, force: true });
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-prebuilds-'));
  try {
    for (const target of architectures) {
      mkdirSync(join(root, `prebuilds/linux-${target.arch}`), { recursive: true });
      for (const libc of ['glibc', 'musl']) {
        const addon = await compileAddon(target, libc, folder);
        const libraries = libc === 'musl' ? ['libc.so'] : ['libc.so.6', 'ld-linux-aarch64.so.1'];
        console.log(`${addon.slice(root.length)}: ${await checkNeeds(addon, target, libc, libraries)}`);
      }
      for (const program of await compilePrograms(target, folder)) {
        const libraries = ['libc.so.6', 'libm.so.6', 'libpthread.so.0', 'ld-linux-aarch64.so.1'];
        console.log(`${program.slice(root.length)}: ${await checkNeeds(program, target, 'glibc', libraries)}`);
      }
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

await main().catch((error) => {
  console.error(error.stderr || error.message);
  process.exitCode = 1;
});
