/**
 * How many system calls a process makes. perf counts in the kernel and leaves the process its pace; where it is missing
 * or not allowed, strace counts, and stops the process at each call: more is ready at each wait then, and batches are
 * larger than they would be. Either is for a measurement of its own, whose times say nothing.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Writable } from 'node:stream';
import type { Missing } from './places.js';

export interface CallCounts {
  /** Of all threads. */
  readonly all: number;
  readonly epollCtl: number;
}

export interface CallCounter {
  readonly how: 'perf' | 'strace';
  /**
   * Counts while `work` goes on.
   * @throws Error when the counter cannot look at the process
   */
  count<Result>(pid: number, work: () => Promise<Result>): Promise<{ result: Result; calls: CallCounts }>;
}

const ALL = 'raw_syscalls:sys_enter';
const EPOLL_CTL = 'syscalls:sys_enter_epoll_ctl';
/** How long a counter may take to begin or to end, in milliseconds. */
const PATIENCE = 10_000;

/** The lines that a counter says, and its end: it is ended with the process that it looks at, or by `SIGINT`. */
class Watcher {
  readonly lines: string[] = [];
  readonly #child: ChildProcess;
  readonly #closed: Promise<unknown>;

  constructor(child: ChildProcess) {
    this.#child = child;
    child.once('error', (error) => this.lines.push(error.message));
    this.#closed = once(child, 'close').catch(() => {});
  }

  /** @throws Error with its last words when it ends, or is silent, before something holds */
  async until(what: Promise<unknown>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const failed = new Promise<never>((_, reject) => {
      const fail = () => reject(new Error(`${this.#child.spawnfile}: ${this.lines.at(-1) ?? 'no answer'}`));
      timer = setTimeout(fail, PATIENCE);
      void this.#closed.then(fail);
    });
    try {
      await Promise.race([what, failed]);
    } finally {
      clearTimeout(timer);
    }
  }

  async end(): Promise<string[]> {
    this.#child.kill('SIGINT');
    await this.#closed;
    return this.lines;
  }
}

const perf: CallCounter = {
  how: 'perf',
  async count(pid, work) {
    const args = ['stat', '-x', ',', '-e', `${ALL},${EPOLL_CTL}`, '-p', String(pid), '-D', '-1', '--control', 'fd:3,4'];
    const child = spawn('perf', args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'] });
    const watcher = new Watcher(child);
    const [, , stderr, control, answers] = child.stdio;
    createInterface({ input: stderr as NodeJS.ReadableStream }).on('line', (line) => watcher.lines.push(line));
    (control as Writable).on('error', () => {});
    const tell = async (order: 'enable' | 'disable'): Promise<void> => {
      (control as Writable).write(`${order}\n`);
      await watcher.until(once(answers as NodeJS.ReadableStream, 'data'));
    };
    try {
      await tell('enable');
      const result = await work();
      await tell('disable');
      const lines = await watcher.end();
      const counted = (event: string): number => Number(lines.find((line) => line.includes(event))?.split(',')[0]);
      return { result, calls: { all: counted(ALL), epollCtl: counted(EPOLL_CTL) } };
    } finally {
      await watcher.end();
    }
  },
};

/** Of strace's table: `% time, seconds, usecs/call, calls, errors, syscall`, where errors may be blank. */
function callsOf(lines: readonly string[]): Map<string, number> {
  const rows = lines.map((line) => /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)\s.*?(\w+)$/.exec(line));
  return new Map(rows.flatMap((row) => (row && row[2] !== 'total' ? [[row[2] as string, Number(row[1])]] : [])));
}

export const strace: CallCounter = {
  how: 'strace',
  async count(pid, work) {
    const child = spawn('strace', ['-f', '-c', '-p', String(pid)], { stdio: ['ignore', 'ignore', 'pipe'] });
    const watcher = new Watcher(child);
    const attached = new Promise<void>((resolve) => {
      createInterface({ input: child.stderr }).on('line', (line) => {
        watcher.lines.push(line);
        if (line.includes(' attached')) resolve();
      });
    });
    try {
      await watcher.until(attached);
      const result = await work();
      const calls = callsOf(await watcher.end());
      const all = [...calls.values()].reduce((sum, count) => sum + count, 0);
      return { result, calls: { all, epollCtl: calls.get('epoll_ctl') ?? 0 } };
    } finally {
      await watcher.end();
    }
  },
};

/** Whether it can look at a process that somebody else has started: a kernel may allow a debugger its own children only. */
async function works(counter: CallCounter): Promise<boolean> {
  const somebody = spawn('sleep', ['60'], { stdio: 'ignore' });
  const ended = once(somebody, 'exit');
  try {
    await once(somebody, 'spawn');
    const { calls } = await counter.count(somebody.pid as number, async () => {});
    return Number.isFinite(calls.all);
  } catch {
    return false;
  } finally {
    somebody.kill();
    await ended.catch(() => {});
  }
}

export async function findCallCounter(): Promise<CallCounter | Missing> {
  if (await works(perf)) return perf;
  if (await works(strace)) return strace;
  return { missing: 'neither perf nor strace is there and allowed to look at a process' };
}
