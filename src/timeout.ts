/** Waits with a time limit: in milliseconds with a fraction, never early, and going on after a signal. */
import { systemError } from './error.js';
import { invalidType, outOfRange } from './sys/check.js';
import * as sys from './sys/index.js';

/**
 * How long to wait, in milliseconds; fractions count. 0 looks and returns; `undefined`, `null` and `Infinity` wait for
 * ever. There is no upper bound: what no kernel counts in one go is waited for in several.
 */
export type Timeout = number | null | undefined;

/** The longest time that goes into one call: a double counts no further without gaps. 104 days. */
const LONGEST_NS = Number.MAX_SAFE_INTEGER;

/** In nanoseconds, rounded up; `null` for ever. @throws TypeError | RangeError for NaN, other types, and less than 0 */
export function nanoseconds(timeout: Timeout): number | null {
  if (timeout === undefined || timeout === null || timeout === Number.POSITIVE_INFINITY) return null;
  if (typeof timeout !== 'number') throw invalidType('timeout', 'of type number, null or undefined', timeout);
  if (!(timeout >= 0)) throw outOfRange('timeout', '>= 0 (milliseconds)', timeout);
  return Math.ceil(timeout * 1e6);
}

/**
 * Makes a system call that waits until it has something to tell, or the time is up.
 * @param syscall its name, for the error
 * @param timeout in milliseconds
 * @param call the call, told how many nanoseconds are left; it may return 0 early, never late
 * @returns what the call returned; 0 when the time is up
 * @throws SystemError when the call fails, other than by EINTR
 */
export function wait(syscall: string, timeout: Timeout, call: (timeoutNs: number | null) => number): number {
  const ns = nanoseconds(timeout);
  const end = ns === null || ns === 0 ? 0 : performance.now() * 1e6 + ns;
  let left = ns;
  for (;;) {
    const result = call(left === null ? null : Math.min(left, LONGEST_NS));
    if (result > 0) return result;
    if (result < 0 && result !== -sys.EINTR) throw systemError(syscall, result);
    if (result === 0 && ns === 0) return 0;
    if (ns === null || ns === 0) continue;
    left = Math.ceil(end - performance.now() * 1e6);
    if (left <= 0) return 0;
  }
}
