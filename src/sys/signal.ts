/**
 * Signals as something to wait for: their numbers, written into a pipe by a handler of the addon's. No system call does
 * this: signalfd(2) wants a signal blocked in every thread, and Node.js's own threads leave it open.
 */
import { constants } from 'node:os';
import { int32, invalidType } from './check.js';
import { frame, native } from './native.js';

/** A signal's number, from its name. */
export function signalNumber(name: NodeJS.Signals): number {
  const known = typeof name === 'string' && Object.hasOwn(constants.signals, name);
  const number = known ? constants.signals[name] : undefined;
  if (number === undefined) throw invalidType('signal', 'the name of a signal, such as SIGINT', name);
  return number;
}

/**
 * From now on each signal `signum` that the process gets writes one byte, its number, into `fd`, in the thread that the
 * signal reaches, also while JavaScript waits. A handler of libuv's (`process.on`) still gets the signal, too.
 * @param signum which signal: one that can be caught, and is not the trace of a crash
 * @param fd the writing end of a pipe, non-blocking; at most 16 for a signal
 * @returns 0, or `-EINVAL` (no such signal), `-ENOSPC`
 * @throws TypeError | RangeError for what is no C int
 */
export function signal_pipe_add(signum: number, fd: number): number {
  frame[0] = int32('signum', signum);
  frame[1] = int32('fd', fd);
  native.signal_pipe_add();
  return (frame[0] as number) | 0;
}

/**
 * Ends what `signal_pipe_add` began; `fd` may be closed afterwards. The last one restores what handled the signal before.
 * @returns 0, or `-EINVAL`, `-ENOENT`
 * @throws TypeError | RangeError for what is no C int
 */
export function signal_pipe_remove(signum: number, fd: number): number {
  frame[0] = int32('signum', signum);
  frame[1] = int32('fd', fd);
  native.signal_pipe_remove();
  return (frame[0] as number) | 0;
}
