/** A selector over epoll(7). */
import type { Descriptor } from '../descriptor.js';
import { Epoll } from '../epoll.js';
import * as sys from '../sys/index.js';
import type { Timeout } from '../timeout.js';
import { EVENT_READ, EVENT_WRITE, Selector } from './base.js';

const { EPOLLIN, EPOLLOUT, EpollEvents } = sys;

/**
 * Waits with epoll(7), level-triggered. `register` throws SystemError EPERM for a regular file, which is always ready, EBADF
 * for a descriptor that is not open, ENOSPC beyond fs.epoll.max_user_watches. A descriptor that has been closed without
 * being unregistered is reported no more, unless a duplicate (another number, a child) keeps the open file alive.
 */
export class EpollSelector<T = unknown, F extends Descriptor = Descriptor> extends Selector<T, F> {
  #epoll = new Epoll();
  #events = new EpollEvents(64);
  /**
   * Which registration of a number an event belongs to. While a duplicate keeps an earlier owner's open file alive, the
   * set keeps it, too, and reports it under the old number; nothing but that number, gone to another, would take it out.
   */
  readonly #tags = new Map<number, number>();
  #lastTag = 0;

  protected override add(fd: number, events: number): void {
    const tag = (this.#lastTag + 1) >>> 0;
    this.#epoll.register(fd, toEpoll(events), tag);
    this.#lastTag = tag;
    this.#tags.set(fd, tag);
  }

  protected override change(fd: number, events: number): void {
    this.#epoll.modify(fd, toEpoll(events), this.#tags.get(fd));
  }

  protected override remove(fd: number): void {
    this.#tags.delete(fd);
    // −EBADF: closed already. −ENOENT: closed, and the number is another's by now.
    sys.epoll_ctl(this.#epoll.fd, sys.EPOLL_CTL_DEL, fd);
  }

  protected override wait(timeout: Timeout): [fd: number, mask: number][] {
    const start = performance.now();
    for (let left = timeout; ; left = timeout && Math.max(start + timeout - performance.now(), 0)) {
      const ready: [number, number][] = [];
      const count = this.#epoll.pollInto(this.#room(), left);
      for (let i = 0; i < count; i++) {
        const fd = this.#events.fd(i);
        if (this.#tags.get(fd) === this.#events.tag(i)) ready.push([fd, fromEpoll(this.#events.events(i))]);
      }
      if (ready.length < count) this.#renew();
      if (ready.length > 0 || count === 0) return ready;
    }
  }

  /** For all that are registered at once: none waits behind others that are always ready. */
  #room(): sys.EpollEvents {
    if (this.#events.capacity < this.#tags.size) this.#events = new EpollEvents(this.#tags.size * 2);
    return this.#events;
  }

  /**
   * A set without what nobody has registered any more: level-triggered, that would end every wait at once.
   * Only what the old set knows under its number goes along: another's number must not slip in.
   */
  #renew(): void {
    const renewed = new Epoll();
    for (const { fd, events } of this.getMap().values()) {
      const tag = this.#tags.get(fd) as number;
      if (sys.epoll_ctl(this.#epoll.fd, sys.EPOLL_CTL_DEL, fd) === 0) renewed.register(fd, toEpoll(events), tag);
    }
    this.#epoll.close();
    this.#epoll = renewed;
  }

  protected override release(): void {
    this.#epoll.close();
  }
}

function toEpoll(events: number): number {
  return (events & EVENT_READ ? EPOLLIN : 0) | (events & EVENT_WRITE ? EPOLLOUT : 0);
}

/** EPOLLHUP and EPOLLERR are for whoever asked for anything. */
function fromEpoll(events: number): number {
  return (events & ~EPOLLOUT ? EVENT_READ : 0) | (events & ~EPOLLIN ? EVENT_WRITE : 0);
}
