/**
 * Descriptors that go with their thread: a worker's end runs no JavaScript that could close them. Not a system call and
 * no part of `fdmux/sys`.
 */
import { isMainThread } from 'node:worker_threads';
import { frame, native } from './native.js';

/**
 * Unless `close` has closed it by then, `fd` is closed when this worker ends. The main thread's end is the process's, which
 * closes everything.
 */
export function own(fd: number): void {
  if (isMainThread) return;
  frame[0] = fd;
  native.own();
}
