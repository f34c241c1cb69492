/**
 * poll(2): an array of descriptors, which the kernel goes through from end to end at every call.
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const fds = new sys.PollFds(1);
 * fds.set(0, 0, sys.POLLIN);
 * if (sys.poll(fds, 1, 1000) > 0 && fds.revents(0) & sys.POLLIN) console.log('a line on stdin');
 * ```
 */
import { int32, integer, invalidType, isObject, refuse, size, time } from './check.js';
import { constant, frame, type Memory, native } from './native.js';

/** There is something to read, or somebody to accept. */
export const POLLIN = constant('POLLIN');
/** Something exceptional: out-of-band data on TCP, a changed sysfs file. */
export const POLLPRI = constant('POLLPRI');
/** There is room to write. */
export const POLLOUT = constant('POLLOUT');
/** An error, or a pipe whose reader has gone. Always reported, asked for or not. */
export const POLLERR = constant('POLLERR');
/** Both directions have ended. Always reported, asked for or not. */
export const POLLHUP = constant('POLLHUP');
/** The descriptor is not open. Always reported. */
export const POLLNVAL = constant('POLLNVAL');
/** The same as POLLIN. */
export const POLLRDNORM = constant('POLLRDNORM');
/** Priority data to read; sockets do not report it. */
export const POLLRDBAND = constant('POLLRDBAND');
/** The same as POLLOUT. */
export const POLLWRNORM = constant('POLLWRNORM');
/** Priority data may be written. */
export const POLLWRBAND = constant('POLLWRBAND');
/** Not used by the kernel. */
export const POLLMSG = constant('POLLMSG');
/** The peer has ended its direction: it sends no more. */
export const POLLRDHUP = constant('POLLRDHUP');

const BYTES = constant('POLLFD_BYTES');
const WORDS = BYTES / 4;
const HALVES = BYTES / 2;
const FD = constant('POLLFD_FD') / 4;
const EVENTS = constant('POLLFD_EVENTS') / 2;
const REVENTS = constant('POLLFD_REVENTS') / 2;

let memoryOf: (fds: PollFds) => Memory;

/** The descriptors of a poll and what is asked of each: C's `struct pollfd[capacity]`. Fresh entries are −1: skipped. */
export class PollFds {
  /** How many entries it has room for. */
  readonly capacity: number;
  readonly #words: Int32Array;
  readonly #halves: Uint16Array;
  readonly #memory: Memory;

  /**
   * @param capacity how many entries, 1 to 2³¹ − 1
   * @throws TypeError for what is no number; RangeError for one out of range, or for more memory than there is
   */
  constructor(capacity: number) {
    this.capacity = integer('capacity', capacity, 1, 2147483647);
    const buffer = new ArrayBuffer(capacity * BYTES);
    this.#words = new Int32Array(buffer);
    this.#halves = new Uint16Array(buffer);
    this.#memory = native.pin(buffer);
    for (let i = 0; i < capacity; i++) this.#words[i * WORDS + FD] = -1;
  }

  static {
    memoryOf = (fds) => {
      if (isObject(fds) && #memory in fds) return fds.#memory;
      throw invalidType('fds', 'an instance of PollFds', fds);
    };
  }

  #check(i: number): number {
    if (typeof i === 'number' && i >>> 0 === i && i < this.capacity) return i;
    return refuse('i', `an integer >= 0 && < ${this.capacity} (capacity)`, i);
  }

  /**
   * Fills entry `i`, and clears what the last poll said of it.
   * @param i 0 to `capacity` − 1
   * @param fd the descriptor; a negative one is skipped by the kernel
   * @param events a mask of `POLLIN`, `POLLOUT`…, 0 to 65535
   */
  set(i: number, fd: number, events: number): void {
    this.#check(i);
    this.#words[i * WORDS + FD] = int32('fd', fd);
    this.#halves[i * HALVES + EVENTS] = integer('events', events, 0, 65535);
    this.#halves[i * HALVES + REVENTS] = 0;
  }

  /** The descriptor of entry `i`. */
  fd(i: number): number {
    return this.#words[this.#check(i) * WORDS + FD] as number;
  }

  /** What entry `i` asks for. */
  events(i: number): number {
    return this.#halves[this.#check(i) * HALVES + EVENTS] as number;
  }

  /** What the last poll said of entry `i`: 0 for nothing, else a mask that may hold `POLLERR`, `POLLHUP`, `POLLNVAL` unasked. */
  revents(i: number): number {
    return this.#halves[this.#check(i) * HALVES + REVENTS] as number;
  }
}

/**
 * Waits until one of the descriptors is ready. Blocks the thread.
 * @param fds what to wait for; their `revents` are filled
 * @param nfds how many of its entries count, from the first, 0 to `fds.capacity`
 * @param timeout in milliseconds; 0 looks and returns, a negative one waits for ever
 * @returns how many entries have `revents`, 0 when the time is up, or `-EINTR`, `-EINVAL` (more than RLIMIT_NOFILE), `-ENOMEM`
 * @throws TypeError | RangeError for what is no C value, or `nfds` beyond the capacity
 * @see {@link https://man7.org/linux/man-pages/man2/poll.2.html poll(2)}
 */
export function poll(fds: PollFds, nfds: number, timeout: number): number {
  frame[0] = memoryOf(fds);
  frame[1] = size('nfds', nfds);
  frame[2] = int32('timeout', timeout);
  native.poll();
  return (frame[0] as number) | 0;
}

/**
 * `poll` with a timeout in nanoseconds. The signal mask is left alone.
 * @param fds what to wait for; their `revents` are filled
 * @param nfds how many of its entries count, from the first, 0 to `fds.capacity`
 * @param timeoutNs in nanoseconds, an integer; `null` waits for ever
 * @returns as `poll`; `-EINVAL` also for a negative time
 * @throws TypeError | RangeError for what is no C value, or `nfds` beyond the capacity
 * @see {@link https://man7.org/linux/man-pages/man2/poll.2.html ppoll(2)}, Linux 2.6.16
 */
export function ppoll(fds: PollFds, nfds: number, timeoutNs: number | null): number {
  frame[0] = memoryOf(fds);
  frame[1] = size('nfds', nfds);
  frame[2] = time('timeoutNs', timeoutNs);
  frame[3] = timeoutNs === null ? 1 : 0;
  native.ppoll();
  return (frame[0] as number) | 0;
}
