/** Runs a program with its calls traced: what `fdmux trace TARGET` does before anything is shown. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { pathToFileURL } from 'node:url';
import { packageRoot } from '../sys/native.js';
import { decodeRecord, recordSize } from './decode.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { type Order, TRACE } from './order.js';

/** What is to be run, and traced. */
export interface Target {
  /** As it is named in the header. */
  readonly command: readonly string[];
  /** What Node.js is given: a file and its arguments. */
  readonly args: readonly string[];
  /** A file of somebody else's: the fdmux that it imports may be another copy. */
  readonly script: string | undefined;
}

/** Who hears of it. */
export interface Listener {
  began(header: TraceHeader): void;
  /** Calls in the order of their return: all that have come at once. */
  made(calls: readonly TraceCall[]): void;
}

/** The command's copy of fdmux traces itself; a script is traced through the copy that it finds. */
function preloadOf(script: string | undefined): string {
  const own = new URL('dist/src/trace/preload.js', packageRoot);
  if (script === undefined) return own.href;
  try {
    const entry = createRequire(pathToFileURL(script)).resolve('fdmux/trace');
    return new URL('preload.js', pathToFileURL(entry)).href;
  } catch {
    // It imports fdmux by its path, or not at all.
    return own.href;
  }
}

/** The descriptor that the program begins with, and gives up. */
const SINK = 3;

/**
 * Starts the program, which has this process's standard descriptors, and tells of its calls.
 * @param only the calls that are wanted, `undefined` for all
 * @returns how it ended
 * @throws what the listener throws, once the program has been ended
 */
export async function runTraced(target: Target, only: string[] | undefined, listener: Listener): Promise<TraceEnd> {
  const order: Order = { parent: process.pid, fd: SINK, only: only ?? null };
  const epoch = Number(process.hrtime.bigint());
  const started = new Date().toISOString();
  const child = spawn(process.execPath, ['--import', preloadOf(target.script), ...target.args], {
    stdio: ['inherit', 'inherit', 'inherit', 'pipe'],
    env: { ...process.env, [TRACE]: JSON.stringify(order) },
  });
  await once(child, 'spawn');
  listener.began({ fdmux: 'trace', version: 1, command: target.command, pid: child.pid as number, started });
  const stop = forwardSignals(child);
  const exited = once(child, 'exit') as Promise<[number | null, NodeJS.Signals | null]>;
  const records = child.stdio[SINK] as Readable;
  let failed: { error: unknown } | undefined;
  const read = reader(epoch, listener);
  records.on('data', (chunk: Buffer) => {
    if (failed !== undefined) return;
    try {
      read(chunk);
    } catch (error) {
      // Nobody hears of it any more: it would go on for nobody.
      failed = { error };
      child.kill('SIGTERM');
    }
  });
  const [code, signal] = await exited;
  await finished(records).catch(() => {});
  stop();
  if (failed !== undefined) throw failed.error;
  return { dropped: 0, ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) };
}

/** Puts records together that come in pieces. */
function reader(epoch: number, listener: Listener): (chunk: Buffer) => void {
  let rest = Buffer.alloc(0);
  return (chunk) => {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    const calls: TraceCall[] = [];
    let at = 0;
    while (at + 4 <= bytes.length) {
      const size = recordSize(view, at);
      if (at + size > bytes.length) break;
      calls.push(decodeRecord(view, at, epoch));
      at += size;
    }
    rest = Buffer.from(bytes.subarray(at));
    if (calls.length > 0) listener.made(calls);
  };
}

const FORWARDED = ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP', 'SIGUSR2'] as const;

/** Whether the terminal's keys reach this process, and so the program itself: proc_pid_stat(5). */
function inForeground(): boolean {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return group === foreground;
}

/** What this process is told, the program is told. @returns what ends it */
function forwardSignals(child: ChildProcess): () => void {
  const forward = (signal: NodeJS.Signals): void => {
    const byKey = (signal === 'SIGINT' || signal === 'SIGQUIT') && inForeground();
    if (!byKey) child.kill(signal);
  };
  for (const signal of FORWARDED) process.on(signal, forward);
  return () => {
    for (const signal of FORWARDED) process.off(signal, forward);
  };
}

/** The exit code that says how the program ended, as a shell has it. */
export function exitCodeOf({ code, signal }: TraceEnd): number {
  return code ?? 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
