/** A time limit on Node.js's event loop: never early, fractions of a millisecond count, and no longest time. */
import { nanoseconds, type Timeout } from './timeout.js';

/** The longest time that setTimeout counts. */
const LONGEST_MS = 2147483647;

export interface Deadline {
  clear(): void;
  /** Whether it keeps the process alive. */
  ref(ref: boolean): void;
}

const never: Deadline = { clear() {}, ref() {} };

/**
 * Calls back once the time is up; 0 is the loop's next turn, `undefined`, `null` and Infinity are never.
 * @throws TypeError | RangeError for what is no timeout
 */
export function deadline(timeout: Timeout, callback: () => void): Deadline {
  const ns = nanoseconds(timeout);
  if (ns === null) return never;
  if (ns === 0) {
    const immediate = setImmediate(callback);
    return { clear: () => clearImmediate(immediate), ref: (ref) => void (ref ? immediate.ref() : immediate.unref()) };
  }
  const end = performance.now() + ns / 1e6;
  let kept = true;
  let timer: NodeJS.Timeout;
  const start = (left: number) => {
    timer = setTimeout(
      () => {
        const more = end - performance.now();
        if (more > 0) start(more);
        else callback();
      },
      Math.min(Math.ceil(left), LONGEST_MS),
    );
    if (!kept) timer.unref();
  };
  start(ns / 1e6);
  return {
    clear: () => clearTimeout(timer),
    ref: (ref) => {
      kept = ref;
      if (ref) timer.ref();
      else timer.unref();
    },
  };
}
