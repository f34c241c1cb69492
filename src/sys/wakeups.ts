/**
 * What else can be waited for: counters (eventfd), timers (timerfd), processes (pidfd), files (inotify).
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const timer = sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC);
 * sys.timerfd_settime(timer, 0, Float64Array.of(0, 0, 1, 500_000_000)); // once, in 1.5 s
 * const expirations = new BigUint64Array(1);
 * sys.read(timer, new Uint8Array(expirations.buffer)); // 8
 * ```
 */
import { endianness } from 'node:os';
import { filled, firstBytes, int32, integer, invalidType, mask32 } from './check.js';
import { constant, frame, native } from './native.js';

/** The eventfd is closed in the programs that exec starts. */
export const EFD_CLOEXEC = constant('EFD_CLOEXEC');
/** The eventfd does not block. */
export const EFD_NONBLOCK = constant('EFD_NONBLOCK');
/** A read takes 1 from the counter instead of all. */
export const EFD_SEMAPHORE = constant('EFD_SEMAPHORE');
/** The timer is closed in the programs that exec starts. */
export const TFD_CLOEXEC = constant('TFD_CLOEXEC');
/** The timer does not block. */
export const TFD_NONBLOCK = constant('TFD_NONBLOCK');
/** The time is a point on the clock instead of a distance. */
export const TFD_TIMER_ABSTIME = constant('TFD_TIMER_ABSTIME');
/** A read gives ECANCELED when somebody sets the clock. With TFD_TIMER_ABSTIME and CLOCK_REALTIME. */
export const TFD_TIMER_CANCEL_ON_SET = constant('TFD_TIMER_CANCEL_ON_SET');
/** The time of day, which may jump. */
export const CLOCK_REALTIME = constant('CLOCK_REALTIME');
/** Runs steadily, but not while the system is suspended. */
export const CLOCK_MONOTONIC = constant('CLOCK_MONOTONIC');
/** Runs steadily, also while the system is suspended. */
export const CLOCK_BOOTTIME = constant('CLOCK_BOOTTIME');
/** CLOCK_REALTIME, and wakes a suspended system. Needs CAP_WAKE_ALARM. */
export const CLOCK_REALTIME_ALARM = constant('CLOCK_REALTIME_ALARM');
/** CLOCK_BOOTTIME, and wakes a suspended system. Needs CAP_WAKE_ALARM. */
export const CLOCK_BOOTTIME_ALARM = constant('CLOCK_BOOTTIME_ALARM');
/** A wait for the process does not block. */
export const PIDFD_NONBLOCK = constant('PIDFD_NONBLOCK');
/** The inotify descriptor is closed in the programs that exec starts. */
export const IN_CLOEXEC = constant('IN_CLOEXEC');
/** The inotify descriptor does not block. */
export const IN_NONBLOCK = constant('IN_NONBLOCK');
/** A file was read. */
export const IN_ACCESS = constant('IN_ACCESS');
/** Rights, times, owner or links were changed. */
export const IN_ATTRIB = constant('IN_ATTRIB');
/** A file that was open for writing was closed. */
export const IN_CLOSE_WRITE = constant('IN_CLOSE_WRITE');
/** A file or folder that was not open for writing was closed. */
export const IN_CLOSE_NOWRITE = constant('IN_CLOSE_NOWRITE');
/** Something was made in the folder. */
export const IN_CREATE = constant('IN_CREATE');
/** Something was removed from the folder. */
export const IN_DELETE = constant('IN_DELETE');
/** What is watched was removed. */
export const IN_DELETE_SELF = constant('IN_DELETE_SELF');
/** A file was written or cut. */
export const IN_MODIFY = constant('IN_MODIFY');
/** What is watched was moved. */
export const IN_MOVE_SELF = constant('IN_MOVE_SELF');
/** Something was moved out of the folder, or got another name: the old one. */
export const IN_MOVED_FROM = constant('IN_MOVED_FROM');
/** Something was moved into the folder, or got another name: the new one. */
export const IN_MOVED_TO = constant('IN_MOVED_TO');
/** A file or folder was opened. */
export const IN_OPEN = constant('IN_OPEN');
/** IN_CLOSE_WRITE and IN_CLOSE_NOWRITE. */
export const IN_CLOSE = constant('IN_CLOSE');
/** IN_MOVED_FROM and IN_MOVED_TO. */
export const IN_MOVE = constant('IN_MOVE');
/** All events that can be asked for. */
export const IN_ALL_EVENTS = constant('IN_ALL_EVENTS');
/** Watches a symbolic link itself. */
export const IN_DONT_FOLLOW = constant('IN_DONT_FOLLOW');
/** No events of what has been removed from the folder and is still open. */
export const IN_EXCL_UNLINK = constant('IN_EXCL_UNLINK');
/** Adds to the mask of a path that is watched already, instead of replacing it. */
export const IN_MASK_ADD = constant('IN_MASK_ADD');
/** Fails with EEXIST for a path that is watched already. */
export const IN_MASK_CREATE = constant('IN_MASK_CREATE');
/** Tells one event, and then takes the watch away. */
export const IN_ONESHOT = constant('IN_ONESHOT');
/** Fails with ENOTDIR for what is no folder. */
export const IN_ONLYDIR = constant('IN_ONLYDIR');
/** In an event: the watch has ended. */
export const IN_IGNORED = constant('IN_IGNORED');
/** In an event: it is about a folder. */
export const IN_ISDIR = constant('IN_ISDIR');
/** In an event: events have been lost. */
export const IN_Q_OVERFLOW = constant('IN_Q_OVERFLOW');
/** In an event: the file system was unmounted. */
export const IN_UNMOUNT = constant('IN_UNMOUNT');

const EVENT_BYTES = constant('INOTIFY_EVENT_BYTES');
const EVENT_WD = constant('INOTIFY_EVENT_WD');
const EVENT_MASK = constant('INOTIFY_EVENT_MASK');
const EVENT_COOKIE = constant('INOTIFY_EVENT_COOKIE');
const EVENT_LEN = constant('INOTIFY_EVENT_LEN');
const EVENT_NAME = constant('INOTIFY_EVENT_NAME');
const LITTLE = endianness() === 'LE';
const decoder = new TextDecoder();

/**
 * A counter: `write` adds eight bytes' worth to it, `read` takes it all, or 1 with EFD_SEMAPHORE.
 * @param initval what it begins with, 0 to 2³² − 1
 * @param flags a mask of `EFD_CLOEXEC`, `EFD_NONBLOCK`, `EFD_SEMAPHORE`
 * @returns its descriptor, or `-EINVAL`, `-EMFILE`, `-ENFILE`, `-ENODEV`, `-ENOMEM`
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/eventfd.2.html eventfd(2)}, Linux 2.6.27
 */
export function eventfd(initval: number, flags: number): number {
  frame[0] = integer('initval', initval, 0, 4294967295);
  frame[1] = int32('flags', flags);
  native.eventfd();
  return (frame[0] as number) | 0;
}

/**
 * A timer, disarmed: `read` takes how often it has expired, eight bytes.
 * @param clockid `CLOCK_REALTIME`, `CLOCK_MONOTONIC`, `CLOCK_BOOTTIME`, `CLOCK_REALTIME_ALARM` or `CLOCK_BOOTTIME_ALARM`
 * @param flags a mask of `TFD_CLOEXEC`, `TFD_NONBLOCK`
 * @returns its descriptor, or `-EINVAL`, `-EMFILE`, `-ENFILE`, `-ENODEV`, `-ENOMEM`, `-EPERM` (an alarm clock)
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/timerfd_create.2.html timerfd_create(2)}, Linux 2.6.25
 */
export function timerfd_create(clockid: number, flags: number): number {
  frame[0] = int32('clockid', clockid);
  frame[1] = int32('flags', flags);
  native.timerfd_create();
  return (frame[0] as number) | 0;
}

const ignored = new Float64Array(4);

/**
 * Arms or disarms a timer.
 * @param flags a mask of `TFD_TIMER_ABSTIME` (the first expiration is a time of the timer's clock, not from now),
 *   `TFD_TIMER_CANCEL_ON_SET`
 * @param newValue a `struct itimerspec`: the interval's seconds and nanoseconds, then the first expiration's. Seconds are
 *   integers within ±(2⁵³ − 1), nanoseconds 0 to 999,999,999 (the kernel refuses others). An expiration of 0, 0 disarms; an
 *   interval of 0, 0 is once
 * @param oldValue filled, in the same order, with what the timer was set to: its interval, and the time left; or `null`
 * @returns 0, or `-EBADF`, `-ECANCELED`, `-EINVAL`
 * @throws TypeError | RangeError for what is no C value, or an array of less than 4
 * @see {@link https://man7.org/linux/man-pages/man2/timerfd_settime.2.html timerfd_settime(2)}, Linux 2.6.25
 */
export function timerfd_settime(
  fd: number,
  flags: number,
  newValue: Float64Array,
  oldValue: Float64Array | null = null,
): number {
  filled('newValue', newValue, 'Float64Array', 4);
  if (oldValue !== null) filled('oldValue', oldValue, 'Float64Array', 4);
  frame[0] = int32('fd', fd);
  frame[1] = int32('flags', flags);
  for (let i = 0; i < 4; i++) {
    frame[2 + i] = integer(
      `newValue[${i}]`,
      newValue[i] as number,
      i % 2 ? -2147483648 : Number.MIN_SAFE_INTEGER,
      i % 2 ? 2147483647 : Number.MAX_SAFE_INTEGER,
    );
  }
  frame[7] = oldValue === null ? 0 : 1;
  native.timerfd_settime(oldValue ?? ignored);
  return (frame[0] as number) | 0;
}

/**
 * A process, as something to wait for: readable once it has ended.
 * @param pid its id; a child's is its own until somebody has waited for it, another's may have changed hands
 * @param flags 0 or `PIDFD_NONBLOCK` (Linux 5.10)
 * @returns its descriptor, always close-on-exec, or `-EINVAL`, `-EMFILE`, `-ENFILE`, `-ENODEV`, `-ENOMEM`, `-ESRCH` (no such
 *   process), `-ENOSYS` before Linux 5.3
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/pidfd_open.2.html pidfd_open(2)}, Linux 5.3
 */
export function pidfd_open(pid: number, flags: number): number {
  frame[0] = int32('pid', pid);
  frame[1] = integer('flags', flags, 0, 4294967295);
  native.pidfd_open();
  return (frame[0] as number) | 0;
}

/**
 * Makes a watcher of files, which watches none yet: `read` takes what happened, see `inotify_events`.
 * @param flags a mask of `IN_CLOEXEC`, `IN_NONBLOCK`
 * @returns its descriptor, or `-EINVAL`, `-EMFILE` (also for too many watchers of this user), `-ENFILE`, `-ENOMEM`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/inotify_init.2.html inotify_init1(2)}, Linux 2.6.27
 */
export function inotify_init1(flags: number): number {
  frame[0] = int32('flags', flags);
  native.inotify_init1();
  return (frame[0] as number) | 0;
}

/**
 * Watches a file or a directory, or changes what is watched for.
 * @param pathname its path, without NUL
 * @param mask what for: `IN_MODIFY`, `IN_CREATE`…, with `IN_ONLYDIR`, `IN_MASK_ADD`…; modulo 2³²
 * @returns a number for it, 1 or more, or `-EACCES`, `-EBADF`, `-EEXIST`, `-EINVAL`, `-ENAMETOOLONG`, `-ENOENT`, `-ENOMEM`,
 *   `-ENOSPC` (too many of this user), `-ENOTDIR`
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/inotify_add_watch.2.html inotify_add_watch(2)}, Linux 2.6.13
 */
export function inotify_add_watch(fd: number, pathname: string, mask: number): number {
  if (typeof pathname !== 'string' || pathname.includes('\0')) {
    throw invalidType('pathname', 'a path without NUL', pathname);
  }
  frame[0] = int32('fd', fd);
  frame[1] = mask32('mask', mask);
  native.inotify_add_watch(pathname);
  return (frame[0] as number) | 0;
}

/**
 * Ends a watch; what has happened can still be read, then an IN_IGNORED.
 * @param wd what `inotify_add_watch` returned
 * @returns 0, or `-EBADF`, `-EINVAL`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/inotify_rm_watch.2.html inotify_rm_watch(2)}, Linux 2.6.13
 */
export function inotify_rm_watch(fd: number, wd: number): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('wd', wd);
  native.inotify_rm_watch();
  return (frame[0] as number) | 0;
}

/** A `struct inotify_event`. */
export interface InotifyEvent {
  /** Which watch: what `inotify_add_watch` returned, −1 for IN_Q_OVERFLOW. */
  wd: number;
  /** What happened: a mask of IN_CREATE, IN_ISDIR… */
  mask: number;
  /** The same for the IN_MOVED_FROM and the IN_MOVED_TO of one rename, otherwise 0. */
  cookie: number;
  /** Which file of a watched directory, otherwise empty. */
  name: string;
}

/**
 * What a `read` of an inotify descriptor has put into a buffer.
 * @param length how many bytes it returned, 0 to `buffer.length`; a cut-off event is left out
 * @throws TypeError | RangeError for what is no buffer or no length of it
 * @see {@link https://man7.org/linux/man-pages/man7/inotify.7.html inotify(7)}
 */
export function inotify_events(buffer: Uint8Array, length: number): InotifyEvent[] {
  const bytes = firstBytes('buffer', buffer, length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, length);
  const events: InotifyEvent[] = [];
  for (let at = 0; at + EVENT_BYTES <= length; ) {
    const name = at + EVENT_NAME;
    const next = name + view.getUint32(at + EVENT_LEN, LITTLE);
    if (next > length) break;
    // The kernel pads a name with NULs.
    const nul = bytes.indexOf(0, name);
    events.push({
      wd: view.getInt32(at + EVENT_WD, LITTLE),
      mask: view.getUint32(at + EVENT_MASK, LITTLE),
      cookie: view.getUint32(at + EVENT_COOKIE, LITTLE),
      name: decoder.decode(bytes.subarray(name, nul === -1 ? next : Math.min(nul, next))),
    });
    at = next;
  }
  return events;
}
