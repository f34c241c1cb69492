/**
 * epoll(7): a set of descriptors that lives in the kernel, and the ones that are ready.
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
 * sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, 0, sys.EPOLLIN);
 * const events = new sys.EpollEvents(64);
 * const count = sys.epoll_wait(epfd, events, 64, 1000);
 * for (let i = 0; i < count; i++) console.log(events.fd(i), events.events(i));
 * ```
 */
import { int32, integer, invalidType, isObject, mask32, refuse, time } from './check.js';
import { constant, frame, MEMORY, type Memory, native } from './native.js';

/** For epoll_create1: closed in the programs that exec starts. */
export const EPOLL_CLOEXEC = constant('EPOLL_CLOEXEC');
/** For epoll_ctl: puts a descriptor into the set. */
export const EPOLL_CTL_ADD = constant('EPOLL_CTL_ADD');
/** For epoll_ctl: changes what is asked of a descriptor in the set, and arms it again after EPOLLONESHOT. */
export const EPOLL_CTL_MOD = constant('EPOLL_CTL_MOD');
/** For epoll_ctl: takes a descriptor out of the set. */
export const EPOLL_CTL_DEL = constant('EPOLL_CTL_DEL');
/** There is something to read, or somebody to accept. */
export const EPOLLIN = constant('EPOLLIN');
/** Something exceptional: out-of-band data on TCP, a changed sysfs file. */
export const EPOLLPRI = constant('EPOLLPRI');
/** There is room to write. */
export const EPOLLOUT = constant('EPOLLOUT');
/** The same as EPOLLIN. */
export const EPOLLRDNORM = constant('EPOLLRDNORM');
/** Priority data to read; sockets do not report it. */
export const EPOLLRDBAND = constant('EPOLLRDBAND');
/** The same as EPOLLOUT. */
export const EPOLLWRNORM = constant('EPOLLWRNORM');
/** Priority data may be written. */
export const EPOLLWRBAND = constant('EPOLLWRBAND');
/** Not used by the kernel. */
export const EPOLLMSG = constant('EPOLLMSG');
/** An error, or a pipe whose reader has gone. Always reported, asked for or not. */
export const EPOLLERR = constant('EPOLLERR');
/** Both directions have ended. Always reported, asked for or not. */
export const EPOLLHUP = constant('EPOLLHUP');
/** The peer has ended its direction: it sends no more. */
export const EPOLLRDHUP = constant('EPOLLRDHUP');
/** Of several sets that wait for one file, wakes one or a few instead of all. For EPOLL_CTL_ADD only. */
export const EPOLLEXCLUSIVE = constant('EPOLLEXCLUSIVE');
/** Keeps the system from suspending while the event is being handled. Needs CAP_BLOCK_SUSPEND. */
export const EPOLLWAKEUP = constant('EPOLLWAKEUP');
/** Tells once, and then nothing more until EPOLL_CTL_MOD. */
export const EPOLLONESHOT = constant('EPOLLONESHOT');
/** Edge-triggered: tells each change once, instead of what is ready at every call. */
export const EPOLLET = constant('EPOLLET');

const WORDS = constant('EPOLL_EVENT_WORDS');
const EVENTS = constant('EPOLL_EVENT_EVENTS');
const FD = constant('EPOLL_EVENT_FD');
const TAG = constant('EPOLL_EVENT_TAG');

let memoryOf: (events: EpollEvents) => Memory;

/**
 * Room for the events that a wait hands over: C's `struct epoll_event[capacity]`.
 * One is enough for a whole program; nothing is allocated when it is filled or read.
 */
export class EpollEvents {
  /** How many events it has room for. */
  readonly capacity: number;
  readonly #words: Uint32Array;
  readonly #memory: Memory;

  /**
   * @param capacity how many events, 1 to 2³¹ − 1
   * @throws TypeError for what is no number; RangeError for one out of range, or for more memory than there is
   */
  constructor(capacity: number) {
    this.capacity = integer('capacity', capacity, 1, 2147483647);
    const buffer = new ArrayBuffer(capacity * WORDS * 4);
    this.#words = new Uint32Array(buffer);
    this.#memory = native.pin(buffer);
  }

  static {
    memoryOf = (events) => {
      if (isObject(events) && #memory in events) return events.#memory;
      throw invalidType('events', 'an instance of EpollEvents', events);
    };
  }

  /** @internal */
  get [MEMORY](): Memory {
    return this.#memory;
  }

  #at(i: number): number {
    if (typeof i === 'number' && i >>> 0 === i && i < this.capacity) return i * WORDS;
    return refuse('i', `an integer >= 0 && < ${this.capacity} (capacity)`, i);
  }

  /** The descriptor that event `i` is about: the one given to `epoll_ctl`, whatever that number means now. */
  fd(i: number): number {
    return (this.#words[this.#at(i) + FD] as number) | 0;
  }

  /** What happened, as an unsigned mask of `EPOLLIN`, `EPOLLOUT`, `EPOLLHUP`… */
  events(i: number): number {
    return this.#words[this.#at(i) + EVENTS] as number;
  }

  /** The tag given to `epoll_ctl`, 0 to 2³² − 1. */
  tag(i: number): number {
    return this.#words[this.#at(i) + TAG] as number;
  }
}

/**
 * Makes an epoll set.
 * @param flags 0 or `EPOLL_CLOEXEC`
 * @returns its descriptor, or `-EINVAL`, `-EMFILE`, `-ENFILE`, `-ENOMEM`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/epoll_create1.2.html epoll_create1(2)}, Linux 2.6.27
 */
export function epoll_create1(flags: number): number {
  frame[0] = int32('flags', flags);
  native.epoll_create1();
  return (frame[0] as number) | 0;
}

/**
 * Adds, changes or removes one descriptor of a set.
 * @param epfd the set
 * @param op `EPOLL_CTL_ADD`, `EPOLL_CTL_MOD` or `EPOLL_CTL_DEL`
 * @param fd the descriptor
 * @param events what to wait for, modulo 2³²: `EPOLLIN | EPOLLET` may be given as it is. Ignored by DEL
 * @param tag 0 to 2³² − 1, handed back with every event: `epoll_data` holds `(tag << 32) | fd`
 * @returns 0, or `-EBADF`, `-EEXIST`, `-EINVAL`, `-ELOOP`, `-ENOENT`, `-ENOMEM`, `-ENOSPC`, `-EPERM`
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/epoll_ctl.2.html epoll_ctl(2)}, Linux 2.6
 */
export function epoll_ctl(epfd: number, op: number, fd: number, events = 0, tag = 0): number {
  frame[0] = int32('epfd', epfd);
  frame[1] = int32('op', op);
  frame[2] = int32('fd', fd);
  frame[3] = mask32('events', events);
  frame[4] = integer('tag', tag, 0, 4294967295);
  native.epoll_ctl();
  return (frame[0] as number) | 0;
}

/**
 * Waits until a descriptor of the set is ready. Blocks the thread.
 * @param epfd the set
 * @param events where the events go
 * @param maxevents how many at most, 1 to `events.capacity`
 * @param timeout in milliseconds; 0 looks and returns, −1 waits for ever
 * @returns how many events there are, 0 when the time is up, or `-EBADF`, `-EINTR`, `-EINVAL`
 * @throws TypeError | RangeError for what is no C value, or `maxevents` beyond the capacity
 * @see {@link https://man7.org/linux/man-pages/man2/epoll_wait.2.html epoll_wait(2)}, Linux 2.6
 */
export function epoll_wait(epfd: number, events: EpollEvents, maxevents: number, timeout: number): number {
  frame[0] = int32('epfd', epfd);
  frame[1] = memoryOf(events);
  frame[2] = int32('maxevents', maxevents);
  frame[3] = int32('timeout', timeout);
  native.epoll_wait();
  return (frame[0] as number) | 0;
}

/**
 * `epoll_wait` with a timeout in nanoseconds. The signal mask is left alone.
 * @param epfd the set
 * @param events where the events go
 * @param maxevents how many at most, 1 to `events.capacity`
 * @param timeoutNs in nanoseconds, an integer; `null` waits for ever
 * @returns how many events there are, 0 when the time is up, or `-EBADF`, `-EINTR`, `-EINVAL` (also for a negative time),
 *   `-ENOSYS` before Linux 5.11
 * @throws TypeError | RangeError for what is no C value, or `maxevents` beyond the capacity
 * @see {@link https://man7.org/linux/man-pages/man2/epoll_wait.2.html epoll_pwait2(2)}, Linux 5.11
 */
export function epoll_pwait2(epfd: number, events: EpollEvents, maxevents: number, timeoutNs: number | null): number {
  frame[0] = int32('epfd', epfd);
  frame[1] = memoryOf(events);
  frame[2] = int32('maxevents', maxevents);
  frame[3] = time('timeoutNs', timeoutNs);
  frame[4] = timeoutNs === null ? 1 : 0;
  native.epoll_pwait2();
  return (frame[0] as number) | 0;
}
