/**
 * epoll(7): a set of descriptors that lives in the kernel, which tells the ready ones and no others. Blocking the thread
 * (`poll`), or on Node.js's event loop (`watch`, `ready`, `for await`).
 *
 * ```ts
 * import { EPOLLET, EPOLLIN, Epoll } from 'fdmux';
 * using epoll = new Epoll();
 * epoll.register(process.stdin, EPOLLIN | EPOLLET);
 * for (const [fd, events] of epoll.poll(1000)) console.log(fd, events);
 * ```
 */
import { type Descriptor, toFd } from './descriptor.js';
import { type Batch, EpollLoop, type ReadyOptions, type WatchCallback } from './epoll-loop.js';
import { succeeded } from './error.js';
import { Owner } from './owner.js';
import { integer } from './sys/check.js';
import * as sys from './sys/index.js';
import { type Timeout, wait } from './timeout.js';

const { EPOLL_CLOEXEC, EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLL_CTL_MOD, EPOLLIN, EPOLLOUT, EPOLLPRI, EpollEvents } = sys;

const ADOPT = Symbol('adopt');
const DEFAULT_MAX_EVENTS = 1024;

/** Whether the kernel has epoll_pwait2 (Linux 5.11), and lets us call it: a sandbox may answer EPERM. */
let hasPwait2 = true;

function epollWait(epfd: number, events: sys.EpollEvents, maxEvents: number, timeoutNs: number | null): number {
  if (timeoutNs === null || timeoutNs === 0) return sys.epoll_wait(epfd, events, maxEvents, timeoutNs ?? -1);
  if (hasPwait2) {
    const result = sys.epoll_pwait2(epfd, events, maxEvents, timeoutNs);
    if (result !== -sys.ENOSYS && result !== -sys.EPERM) return result;
    hasPwait2 = false;
  }
  return sys.epoll_wait(epfd, events, maxEvents, Math.min(Math.ceil(timeoutNs / 1e6), 2147483647));
}

/** An epoll set. */
export class Epoll extends Owner {
  #events: sys.EpollEvents | undefined;
  #onLoop: EpollLoop | undefined;

  /** @throws SystemError EMFILE, ENFILE, ENOMEM */
  constructor();
  /** @internal */
  constructor(adopt: typeof ADOPT, fd: number);
  constructor(adopt?: typeof ADOPT, fd?: number) {
    const own = adopt === ADOPT ? (fd as number) : succeeded('epoll_create1', sys.epoll_create1(EPOLL_CLOEXEC));
    super('Epoll', own);
  }

  /**
   * A second object for an epoll set that is already there, such as one handed over by another process. It owns a
   * duplicate of the descriptor: each is closed on its own, both see the same set.
   * @throws SystemError EBADF, EMFILE
   */
  static fromFd(fd: Descriptor): Epoll {
    return new Epoll(ADOPT, succeeded('fcntl', sys.fcntl(toFd(fd), sys.F_DUPFD_CLOEXEC, 0)));
  }

  /**
   * Adds a descriptor.
   * @param events a mask of EPOLLIN, EPOLLPRI, EPOLLOUT (those three unless given) and EPOLLRDHUP; with EPOLLET it is told
   *   once for each change, with EPOLLONESHOT once until `modify`, with EPOLLEXCLUSIVE to one waiter of many
   * @param tag 0 to 2³² − 1, handed back with each event (see `sys.EpollEvents`)
   * @throws SystemError EEXIST (already there), EPERM (a regular file), ELOOP, EINVAL, ENOSPC; TypeError | RangeError for
   *   what is no descriptor, no mask or no tag; ERR_EPOLL_CLOSED
   */
  register(fd: Descriptor, events: number = EPOLLIN | EPOLLOUT | EPOLLPRI, tag = 0): void {
    this.#control(EPOLL_CTL_ADD, toFd(fd), events, tag);
  }

  /**
   * Changes what is waited for, and arms an EPOLLONESHOT descriptor again.
   * @throws SystemError ENOENT (not there), EINVAL; TypeError | RangeError; ERR_EPOLL_CLOSED
   */
  modify(fd: Descriptor, events: number, tag = 0): void {
    this.#control(EPOLL_CTL_MOD, toFd(fd), events, tag);
  }

  /**
   * Takes a descriptor out. Closing the last descriptor of an open file does so, too.
   * @throws SystemError ENOENT (not there), EBADF (closed already); ERR_EPOLL_CLOSED
   */
  unregister(fd: Descriptor): void {
    this.#control(EPOLL_CTL_DEL, toFd(fd), 0, 0);
  }

  #control(op: number, fd: number, events: number, tag: number): void {
    const result = sys.epoll_ctl(this.open(), op, fd, events, tag);
    if (result < 0) succeeded('epoll_ctl', result, `descriptor ${fd}`);
  }

  /**
   * Waits until a descriptor is ready. Blocks the thread; a signal does not end the wait.
   * @param timeout in milliseconds; for ever unless given, 0 looks and returns
   * @param maxEvents how many to take at most, 1 to 2³¹ − 1; 1024 unless given. The others are told by the next call
   * @returns each ready descriptor and what it is ready for: EPOLLERR and EPOLLHUP come unasked
   * @throws RangeError for a negative timeout; SystemError EINVAL when the descriptor is no epoll set; ERR_EPOLL_CLOSED
   * @see {@link https://man7.org/linux/man-pages/man2/epoll_wait.2.html epoll_wait(2)}
   */
  poll(timeout?: Timeout, maxEvents: number = DEFAULT_MAX_EVENTS): [fd: number, events: number][] {
    this.open();
    const events = this.#room(integer('maxEvents', maxEvents, 1, 2147483647));
    const count = this.pollInto(events, timeout, maxEvents);
    const ready: [number, number][] = [];
    for (let i = 0; i < count; i++) ready.push([events.fd(i), events.events(i)]);
    return ready;
  }

  /** As `poll`, into memory of the caller's, where the tags are, too. @internal */
  pollInto(events: sys.EpollEvents, timeout: Timeout, maxEvents: number = events.capacity): number {
    const epfd = this.open();
    return wait('epoll_wait', timeout, (timeoutNs) => epollWait(epfd, events, maxEvents, timeoutNs));
  }

  #loop(): EpollLoop {
    const fd = this.open();
    this.#onLoop ??= new EpollLoop(fd);
    return this.#onLoop;
  }

  /**
   * From now on Node.js's event loop calls back whenever a descriptor is ready, once a turn with all that are, until
   * `unwatch()` or `close()`. What stays ready does not keep timers, promises or other sockets from their turn. An
   * exception in the callback is an uncaught exception, and the watching goes on. It keeps the process alive, see `unref`.
   * @param callback told `events`, the same object every time, and how many of it count, at most 1024; it runs in the async
   *   context of this call, and `this` is the Epoll
   * @throws Error ERR_EPOLL_WATCHED when it is watched already, or a `ready` is pending; TypeError; SystemError EMFILE;
   *   ERR_EPOLL_CLOSED
   */
  watch(callback: WatchCallback): void {
    this.#loop().watch(this, callback);
  }

  /** Ends what `watch` began. */
  unwatch(): void {
    this.#onLoop?.unwatch();
  }

  /**
   * `poll` without blocking the thread. Several at once are served in their order, a batch each.
   * @returns each ready descriptor and what it is ready for; an empty list when the time is up
   * @throws rejects with RangeError for a negative timeout; AbortError; Error ERR_EPOLL_WATCHED while `watch` has the
   *   events; ERR_EPOLL_CLOSED, also when it is closed meanwhile; SystemError EINVAL when the descriptor is no epoll set
   */
  async ready(options: ReadyOptions = {}): Promise<Batch> {
    return this.#loop().ready(this, options);
  }

  /**
   * `for await (const batch of epoll)`: a batch whenever descriptors are ready, until the loop is left or the set closed.
   * @throws ERR_EPOLL_CLOSED; what `ready` rejects with
   */
  [Symbol.asyncIterator](): AsyncIterableIterator<Batch> {
    return this.#loop().batches(this);
  }

  /** Waiting on the event loop keeps the process alive: so it is unless `unref` was called. */
  ref(): this {
    this.#loop().ref(true);
    return this;
  }

  /** Waiting on the event loop does not keep the process alive. */
  unref(): this {
    this.#loop().ref(false);
    return this;
  }

  /** Closes the set. A pending `ready` is rejected with ERR_EPOLL_CLOSED, an iterator ends. */
  override close(): void {
    this.#onLoop?.close();
    this.#onLoop = undefined;
    super.close();
  }

  #room(maxEvents: number): sys.EpollEvents {
    if (this.#events === undefined || this.#events.capacity < maxEvents) this.#events = new EpollEvents(maxEvents);
    return this.#events;
  }
}
