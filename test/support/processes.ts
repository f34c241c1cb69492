/** Other processes and threads of a test: always ended, by their own id. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Worker } from 'node:worker_threads';
import { onTestFinished, type TestContext } from 'vitest';

export const root = fileURLToPath(new URL('../..', import.meta.url));
/** The compiled entry point: what a child or a worker imports. */
export const compiled = pathToFileURL(`${root}/dist/src/sys/index.js`).href;

/** Skips a test, visibly, where a program is missing. */
export function needs(ctx: TestContext, program: string): void {
  if (spawnSync(program, ['--version'], { stdio: 'ignore' }).error) ctx.skip(`needs ${program}`);
}

export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
}

export interface Child {
  pid: number;
  process: ChildProcessWithoutNullStreams;
  ended: Promise<Ended>;
  /** The next line on its standard output. */
  line(): Promise<string>;
}

/** Starts a program, and kills it when the test is over if it still runs. */
export function start(command: string, args: string[], inherited: number[] = []): Child {
  const stdio = ['pipe', 'pipe', 'pipe', ...inherited] as const;
  const child = spawn(command, args, { cwd: root, stdio: [...stdio] }) as ChildProcessWithoutNullStreams;
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  let stdout = '';
  let stderr = '';
  let taken = 0;
  const wanted: (() => void)[] = [];
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
    for (const look of wanted.splice(0)) look();
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  const ended = new Promise<Ended>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, stdout, stderr }));
  });
  const line = () =>
    new Promise<string>((resolve, reject) => {
      const look = () => {
        const end = stdout.indexOf('\n', taken);
        if (end === -1) return void wanted.push(look);
        resolve(stdout.slice(taken, end));
        taken = end + 1;
      };
      ended.then(() => reject(new Error(`the child ended without a line: ${stderr}`)), reject);
      look();
    });
  return { pid: child.pid as number, process: child, ended, line };
}

/** A Node.js process that runs `body`, a module in which `sys` is there. */
export function startNode(body: string, args: string[] = [], inherited: number[] = []): Child {
  const script = `import * as sys from 'fdmux/sys';\n${body}`;
  return start(process.execPath, ['--input-type=module', '--eval', script, '--', ...args], inherited);
}

/** Until the thread sleeps in the kernel. */
export async function asleep(pid: number, tid: number = pid): Promise<void> {
  for (let seen = 0; seen < 5; ) {
    await new Promise((resolve) => setImmediate(resolve));
    const stat = readFileSync(`/proc/${pid}/task/${tid}/stat`, 'latin1');
    seen = stat.slice(stat.lastIndexOf(')') + 2).startsWith('S') ? seen + 1 : 0;
  }
}

export interface Thread {
  worker: Worker;
  /** What `body` returns. */
  result: Promise<unknown>;
  exited: Promise<number>;
  /** Until it blocks in the call at the end of `body`. */
  blocked(): Promise<void>;
}

/**
 * A worker that runs `body`, the body of a function of `sys`, `data`, `say` (a message to `messages`).
 * It is terminated when the test is over.
 */
export function startWorker(body: string, data: unknown = null): Thread {
  const worker = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const tid = Number(require('node:fs').readlinkSync('/proc/thread-self').split('/').at(-1));
     import(${JSON.stringify(compiled)}).then(async (sys) => {
       const run = new Function('sys', 'data', ${JSON.stringify(body)});
       parentPort.postMessage({ tid });
       await new Promise((resolve) => parentPort.once('message', resolve));
       parentPort.postMessage({ result: run(sys, workerData) });
       parentPort.close();
     });`,
    { eval: true, workerData: data },
  );
  onTestFinished(async () => {
    await worker.terminate();
  });
  const exited = new Promise<number>((resolve) => worker.on('exit', resolve));
  let started: (tid: number) => void;
  const tid = new Promise<number>((resolve) => {
    started = resolve;
  });
  const result = new Promise<unknown>((resolve, reject) => {
    worker.on('error', reject);
    worker.on('message', (message) => {
      if ('tid' in message) {
        started(message.tid);
        worker.postMessage('go');
      } else resolve(message.result);
    });
  });
  result.catch(() => {});
  return { worker, result, exited, blocked: async () => asleep(process.pid, await tid) };
}
