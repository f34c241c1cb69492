/** A selector over poll(2). */
import type { Descriptor } from '../descriptor.js';
import { Poll } from '../poll.js';
import { POLLIN, POLLOUT } from '../sys/index.js';
import type { Timeout } from '../timeout.js';
import { EVENT_READ, EVENT_WRITE, Selector } from './base.js';

/**
 * Waits with poll(2). A descriptor that has been closed without being unregistered is reported at every call, as ready for
 * what was asked: the next read or write then says what is wrong. `select` throws SystemError EINVAL for more descriptors
 * than RLIMIT_NOFILE allows.
 */
export class PollSelector<T = unknown, F extends Descriptor = Descriptor> extends Selector<T, F> {
  readonly #poll = new Poll();

  protected override add(fd: number, events: number): void {
    this.#poll.register(fd, toPoll(events));
  }

  protected override change(fd: number, events: number): void {
    this.#poll.modify(fd, toPoll(events));
  }

  protected override remove(fd: number): void {
    this.#poll.unregister(fd);
  }

  protected override wait(timeout: Timeout): [fd: number, mask: number][] {
    return this.#poll.poll(timeout).map(([fd, revents]) => [fd, fromPoll(revents)]);
  }

  protected override release(): void {}
}

function toPoll(events: number): number {
  return (events & EVENT_READ ? POLLIN : 0) | (events & EVENT_WRITE ? POLLOUT : 0);
}

/** POLLHUP, POLLERR and POLLNVAL are for whoever asked for anything. */
function fromPoll(revents: number): number {
  return (revents & ~POLLOUT ? EVENT_READ : 0) | (revents & ~POLLIN ? EVENT_WRITE : 0);
}
