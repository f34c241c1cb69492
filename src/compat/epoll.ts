/**
 * The API of the npm package `epoll` (version 4), on top of fdmux: moving is one changed import.
 *
 * ```ts
 * import { Epoll } from 'fdmux/compat/epoll'; // was: import { Epoll } from 'epoll'
 * const poller = new Epoll((error, fd, events) => {
 *   readSync(fd, buffer, 0, 1, 0); // reading a GPIO's value clears its interrupt
 * });
 * poller.add(fd, Epoll.EPOLLPRI);
 * ```
 *
 * What it does better: no thread, and many events in one wake-up of Node.js's event loop; it works in worker_threads; each
 * instance has a set of its own, so that two may have the same descriptor; an event of a descriptor that was closed and
 * whose number was given to another is not told for the other; errors carry `code`, `errno` and `syscall`; types; it
 * needs no compiler.
 *
 * What is different: events are taken in batches, so that one may be told which an earlier callback of the same turn has
 * already dealt with; a read of a descriptor that blocks may then block. Of a descriptor that was removed, or removed and
 * added again, nothing old is told.
 *
 * @module fdmux/compat/epoll
 */

import { AsyncResource } from 'node:async_hooks';
import { type Descriptor, toFd } from '../descriptor.js';
import { Epoll as EpollSet } from '../epoll.js';
import { systemError } from '../error.js';
import { LoopWatcher } from '../loop.js';
import { invalidType, mask32 } from '../sys/check.js';
import * as sys from '../sys/index.js';

/** Told an error, or `null`, a descriptor and what it is ready for. */
export type EpollCallback = (error: Error | null, fd: number, events: number) => void;

const MAX_EVENTS = 64;

/** What there is while at least one descriptor is. */
interface Active {
  readonly set: EpollSet;
  readonly watcher: LoopWatcher;
}

/** npm `epoll`'s one class. It keeps the process alive while it has a descriptor. */
export class Epoll {
  /** There is something to read, or somebody to accept. */
  static readonly EPOLLIN = sys.EPOLLIN;
  /** There is room to write. */
  static readonly EPOLLOUT = sys.EPOLLOUT;
  /** The peer has ended its direction: it sends no more. */
  static readonly EPOLLRDHUP = sys.EPOLLRDHUP;
  /** Something exceptional: out-of-band data on TCP, a changed sysfs file. */
  static readonly EPOLLPRI = sys.EPOLLPRI;
  /** An error, or a pipe whose reader has gone. Always reported, asked for or not. */
  static readonly EPOLLERR = sys.EPOLLERR;
  /** Both directions have ended. Always reported, asked for or not. */
  static readonly EPOLLHUP = sys.EPOLLHUP;
  /** Edge-triggered: tells each change once, instead of what is ready at every call. */
  static readonly EPOLLET = sys.EPOLLET;
  /** Tells once, and then nothing more until EPOLL_CTL_MOD. */
  static readonly EPOLLONESHOT = sys.EPOLLONESHOT;

  readonly #callback: EpollCallback;
  /** The context of the constructor's moment, as there. */
  readonly #resource = new AsyncResource('Epoll:DispatchEvent');
  /** The tag under which the set knows each descriptor: a new one each time it is added. */
  readonly #tags = new Map<number, number>();
  #tag = 0;
  #active: Active | undefined;
  #closed = false;

  /**
   * @param callback told of each event, once for each descriptor, and each time a callback of Node.js's own: an exception
   *   in it is an uncaught exception, and costs other events nothing
   * @throws TypeError for what is no function
   */
  constructor(callback: EpollCallback) {
    if (typeof callback !== 'function') throw invalidType('callback', 'of type function', callback);
    this.#callback = callback;
  }

  /** Whether `close` has been called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Registers a descriptor.
   * @param fd the descriptor
   * @param events a mask of EPOLLIN, EPOLLPRI…
   * @returns this
   * @throws SystemError EEXIST (already there), EBADF, EPERM (a regular file)…; TypeError | RangeError; ERR_EPOLL_CLOSED
   */
  add(fd: Descriptor, events: number): this {
    const number = toFd(fd);
    const mask = mask32('events', events);
    this.#open('add');
    const { set } = this.#start();
    this.#tag = (this.#tag + 1) >>> 0;
    try {
      set.register(number, mask, this.#tag);
    } catch (error) {
      this.#stopIdle();
      throw error;
    }
    this.#tags.set(number, this.#tag);
    return this;
  }

  /**
   * Changes what a descriptor is registered for, and arms an EPOLLONESHOT one again.
   * @returns this
   * @throws SystemError ENOENT (not there), EBADF…; TypeError | RangeError; ERR_EPOLL_CLOSED
   */
  modify(fd: Descriptor, events: number): this {
    const number = toFd(fd);
    const mask = mask32('events', events);
    this.#open('modify');
    if (this.#active === undefined) throw missing(number);
    this.#active.set.modify(number, mask, this.#tags.get(number));
    return this;
  }

  /**
   * Takes a descriptor out: nothing is told of it any more.
   * @returns this
   * @throws SystemError ENOENT (not there), EBADF (closed already: it is taken out all the same); TypeError | RangeError;
   *   ERR_EPOLL_CLOSED
   */
  remove(fd: Descriptor): this {
    const number = toFd(fd);
    this.#open('remove');
    if (this.#active === undefined) throw missing(number);
    this.#tags.delete(number);
    try {
      this.#active.set.unregister(number);
    } finally {
      this.#stopIdle();
    }
    return this;
  }

  /**
   * Takes all descriptors out, for good.
   * @returns null
   * @throws ERR_EPOLL_CLOSED when it is called twice
   */
  close(): null {
    this.#open('close');
    this.#closed = true;
    this.#tags.clear();
    this.#stopIdle();
    return null;
  }

  #open(method: string): void {
    if (!this.#closed) return;
    const message = method === 'close' ? "can't be called more than once" : "can't be called after calling close";
    throw Object.assign(new Error(`${method} ${message}`), { code: 'ERR_EPOLL_CLOSED' });
  }

  #start(): Active {
    if (this.#active !== undefined) return this.#active;
    const set = new EpollSet();
    try {
      const events = new sys.EpollEvents(MAX_EVENTS);
      const watcher = new LoopWatcher(set.fd, events, 'each', (i) => this.#take(events, i));
      this.#active = { set, watcher };
    } catch (error) {
      set.close();
      throw error;
    }
    return this.#active;
  }

  #stopIdle(): void {
    if (this.#tags.size > 0) return;
    this.#active?.watcher.close();
    this.#active?.set.close();
    this.#active = undefined;
  }

  #take(events: sys.EpollEvents, i: number): void {
    if (i < 0) {
      this.#resource.runInAsyncScope(this.#callback, undefined, systemError('epoll_wait', i), -1, 0);
      return;
    }
    const fd = events.fd(i);
    if (this.#tags.get(fd) !== events.tag(i)) return;
    this.#resource.runInAsyncScope(this.#callback, undefined, null, fd, events.events(i));
  }
}

function missing(fd: number): Error {
  return systemError('epoll_ctl', -sys.ENOENT, `descriptor ${fd}`);
}
