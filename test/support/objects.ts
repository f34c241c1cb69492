/** What the tests of objects and selectors share: descriptors that are closed again, children, threads, hostile values. */
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';
import { Socket, socketpair } from 'fdmux';
import * as sys from 'fdmux/sys';
import { onTestFinished } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** What children and threads import: they run no TypeScript. */
const compiled = ['index.js', 'sys/index.js'].map((path) => new URL(`../../dist/src/${path}`, import.meta.url).href);

/** A pipe, closed when the test ends unless `close` did before. */
export function pipe(flags: number = sys.O_CLOEXEC): [r: number, w: number] {
  const pipefd = new Int32Array(2);
  if (sys.pipe2(pipefd, flags) !== 0) throw new Error('pipe2 failed');
  const [r, w] = pipefd as unknown as [number, number];
  return [mine(r), mine(w)];
}

const owned = new Set<number>();

/** The test closes it at its end, unless `close` did before. */
export function mine(fd: number): number {
  if (fd < 0) throw new Error(`no descriptor: ${fd}`);
  owned.add(fd);
  onTestFinished(() => {
    if (owned.delete(fd)) sys.close(fd);
  });
  return fd;
}

/** A regular file, open for reading. Node.js closes at a worker's end what openSync opened and closeSync has not closed. */
export function regularFile(): number {
  const fd = openSync(fileURLToPath(import.meta.url), 'r');
  onTestFinished(() => closeSync(fd));
  return fd;
}

/** Closes what `pipe` or `mine` gave. */
export function close(fd: number): void {
  if (!owned.delete(fd)) throw new Error(`not owned: ${fd}`);
  sys.close(fd);
}

/** A second number for an open file: what keeps it alive when the first one is closed. */
export function duplicate(fd: number): number {
  return mine(sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 0));
}

/** Makes `fd` the number of a new pipe's reading end; answers its writing end. */
export function reuse(fd: number): number {
  const spare: number[] = [];
  for (;;) {
    const [r, w] = pipe();
    if (r === fd) {
      for (const other of spare) close(other);
      return w;
    }
    if (r > fd) throw new Error(`${fd} is taken`);
    spare.push(r);
    if (w === fd) close(w);
    else spare.push(w);
  }
}

/** Closes an object at the end of the test. */
export function closing<T extends Disposable>(object: T): T {
  onTestFinished(() => object[Symbol.dispose]());
  return object;
}

/** Two sockets connected to each other, closed at the end of the test. */
export function pair(family?: number, type?: number): [Socket, Socket] {
  const [a, b] = socketpair(family, type);
  return [closing(a), closing(b)];
}

/** A listener on a free port of the loopback, and its address. */
export function listening(): [Socket, sys.InetAddress] {
  const listener = closing(new Socket());
  listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 });
  listener.listen();
  return [listener, listener.localAddress as sys.InetAddress];
}

/** What this process has open: number and what it stands for. */
export function openFiles(): Map<number, string> {
  const fds = new Map<number, string>();
  for (let fd = 0; fd < 4096; fd++) {
    // Asked one by one: listing /proc/self/fd would open one more.
    if (sys.fcntl(fd, sys.F_GETFD) < 0) continue;
    const target = targetOf(fd);
    if (target !== undefined && target !== vitests.get(fd)) fds.set(fd, target);
  }
  return fds;
}

/** `undefined` when another thread has closed it meanwhile. */
function targetOf(fd: number): string | undefined {
  try {
    return readlinkSync(`/proc/self/fd/${fd}`);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return undefined;
  }
}

/** In a thread vitest closes some of its own, of processes that have ended, while tests run: they do not count there. */
let vitests: ReadonlyMap<number, string> = new Map();
if (!isMainThread) vitests = openFiles();

export function byte(fd: number): void {
  if (sys.write(fd, Buffer.from('x')) !== 1) throw new Error(`cannot write to ${fd}`);
}

export interface Ended {
  status: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

/** The arguments that make a child run a module's text, which may import fdmux (the built one). */
export function moduleArguments(text: string, ...flags: string[]): string[] {
  return [...flags, '--input-type=module', '-e', text];
}

/** Runs a module's text in a process of its own, to its end. */
export function run(text: string, ...flags: string[]): Ended {
  const child = spawnSync(process.execPath, moduleArguments(text, ...flags), { cwd: root, encoding: 'utf8' });
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr };
}

/** Runs a module's text; while it runs, and has written its first line, it gets `signal` again and again. */
export function runUnderFire(text: string, signal: NodeJS.Signals): Promise<Ended> {
  const child = spawn(process.execPath, moduleArguments(text), { cwd: root });
  const ended: Ended = { status: null, signal: null, stdout: '', stderr: '' };
  let fire: NodeJS.Timeout | undefined;
  child.stdout.setEncoding('utf8').on('data', (data: string) => {
    ended.stdout += data;
    fire ??= setInterval(() => child.kill(signal), 5);
  });
  child.stderr.setEncoding('utf8').on('data', (data: string) => {
    ended.stderr += data;
  });
  return new Promise((resolve) => {
    child.on('exit', () => clearInterval(fire));
    child.on('close', (status, killed) => resolve({ ...ended, status, signal: killed }));
  });
}

/** Runs a module's text under strace. @returns what strace wrote, and the child; `undefined` without a strace that works */
export function strace(options: string[], text: string): (Ended & { trace: string[] }) | undefined {
  if (!hasStrace()) return undefined;
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-'));
  const output = join(folder, 'trace');
  const command = ['-f', '-qq', '-o', output, ...options, process.execPath, ...moduleArguments(text)];
  const child = spawnSync('strace', command, { cwd: root, encoding: 'utf8' });
  const trace = existsSync(output) ? readFileSync(output, 'utf8').split('\n') : [];
  rmSync(folder, { recursive: true });
  return { status: child.status, signal: child.signal, stdout: child.stdout, stderr: child.stderr, trace };
}

let works: boolean | undefined;

/** strace may be missing, or not be allowed to trace. */
export function hasStrace(): boolean {
  works ??= spawnSync('strace', ['-f', '-o', '/dev/null', 'true']).status === 0;
  return works;
}

export function hasIPv6(): boolean {
  return existsSync('/proc/net/if_inet6') && /^0{31}1 /m.test(readFileSync('/proc/net/if_inet6', 'utf8'));
}

/** Runs the body of an async function of `data`, `fdmux` and `sys` in a thread. @returns its result */
export function thread<T = void>(body: string, data: unknown): Promise<T> {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     Promise.all(${JSON.stringify(compiled)}.map((url) => import(url))).then(async ([fdmux, sys]) => {
       const body = async (data, fdmux, sys) => { ${body} };
       parentPort.postMessage(await body(workerData, fdmux, sys));
     });`,
    { eval: true, workerData: data, execArgv: [] },
  );
  return new Promise((resolve, reject) => {
    let result: T;
    worker.on('message', (message) => {
      result = message;
    });
    worker.on('error', reject);
    worker.on('exit', () => resolve(result));
  });
}

/** Writes a byte to `fd` from another thread, `ms` after it has started: nothing in this thread need run for it. */
export function writeLater(fd: number, ms: number): Promise<void> {
  return thread(
    `Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, data.ms);
     require('node:fs').writeSync(data.fd, 'x');`,
    { fd, ms },
  );
}

/** How long a call took, in milliseconds. */
export function timed<T>(call: () => T): [result: T, ms: number] {
  const start = performance.now();
  const result = call();
  return [result, performance.now() - start];
}

/** The code of what a call throws; `undefined` when it throws nothing. */
export function codeOf(call: () => unknown): string | undefined {
  try {
    call();
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? `${error}`;
  }
  return undefined;
}

/** What is no descriptor. */
export const noDescriptors: unknown[] = [
  undefined,
  null,
  '0',
  true,
  0n,
  Symbol('fd'),
  -1,
  0.5,
  Number.NaN,
  Number.POSITIVE_INFINITY,
  2 ** 31,
  2 ** 53,
  {},
  [],
  () => 0,
  { fd: '0' },
  { fd: -1 },
  { fd: null },
  { fd: 0.5 },
  { fd: 2 ** 32 },
  new Proxy({}, {}),
];

/** What is no timeout, for any object. */
export const noTimeouts: unknown[] = [Number.NaN, '1', '', true, 1n, {}, [], () => 1, Symbol('t'), new Date()];
