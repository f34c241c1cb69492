/** What a server does while the kernel has no memory for it: it goes on trying, and leaves the CPU to others meanwhile. */
import { type SystemError, succeeded } from '../../error.js';
import * as sys from '../../sys/index.js';

/** How often a call is tried again, a millisecond apart. */
const TRIES = 1000;

const never = new Int32Array(new SharedArrayBuffer(4));

/** @param result of a call @returns whether the kernel had no memory for it: later it may have */
export function isShortage(result: number): boolean {
  return result === -sys.ENOMEM || result === -sys.ENOBUFS;
}

/** Waits a millisecond: what has failed for want of memory is told as ready again at once, and would be tried without end. */
export function breathe(): void {
  Atomics.wait(never, 0, 0, 1);
}

/**
 * Makes an epoll_ctl call about somebody who is in already: for whom there is no other way than to try it again.
 * @throws SystemError when it fails of something else, or for a second
 */
export function insist(call: () => number): void {
  let result = call();
  for (let i = 0; i < TRIES && (result === -sys.ENOMEM || result === -sys.ENOSPC); i++) {
    breathe();
    result = call();
  }
  succeeded('epoll_ctl', result);
}

/** As `insist`, for what throws. */
export function insistOn(work: () => void): void {
  insist(() => {
    try {
      work();
      return 0;
    } catch (error) {
      const { errno } = error as SystemError;
      if (errno === -sys.ENOMEM || errno === -sys.ENOSPC) return errno;
      throw error;
    }
  });
}
