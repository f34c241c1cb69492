/** A selector over select(2). */
import type { Descriptor } from '../descriptor.js';
import { systemError } from '../error.js';
import { outOfRange } from '../sys/check.js';
import * as sys from '../sys/index.js';
import { type Timeout, wait } from '../timeout.js';
import { EVENT_READ, EVENT_WRITE, Selector } from './base.js';

const { FD_SETSIZE, FdSet } = sys;

/**
 * Waits with select(2): for descriptors below FD_SETSIZE (1024) only. `register` throws a RangeError for others; `select`
 * throws SystemError EBADF, and names the descriptor, when one has been closed without being unregistered.
 */
export class SelectSelector<T = unknown, F extends Descriptor = Descriptor> extends Selector<T, F> {
  readonly #readers = new FdSet();
  readonly #writers = new FdSet();
  /** What the kernel changes. */
  readonly #readable = new FdSet();
  readonly #writable = new FdSet();

  protected override add(fd: number, events: number): void {
    if (fd >= FD_SETSIZE) {
      throw outOfRange(
        'fd',
        `< ${FD_SETSIZE} (FD_SETSIZE): select ends there, PollSelector and EpollSelector do not`,
        fd,
      );
    }
    this.change(fd, events);
  }

  protected override change(fd: number, events: number): void {
    if (events & EVENT_READ) this.#readers.add(fd);
    else this.#readers.delete(fd);
    if (events & EVENT_WRITE) this.#writers.add(fd);
    else this.#writers.delete(fd);
  }

  protected override remove(fd: number): void {
    this.change(fd, 0);
  }

  protected override wait(timeout: Timeout): [fd: number, mask: number][] {
    const fds = [...this.getMap().keys()];
    const nfds = fds.reduce((most, fd) => Math.max(most, fd + 1), 0);
    const count = wait('select', timeout, (timeoutNs) => {
      this.#readable.copy(this.#readers);
      this.#writable.copy(this.#writers);
      const result = sys.pselect(nfds, this.#readable, this.#writable, null, timeoutNs);
      if (result === -sys.EBADF) throw notOpen(fds);
      return result;
    });
    return count === 0 ? [] : fds.map((fd) => [fd, this.#mask(fd)]);
  }

  #mask(fd: number): number {
    return (this.#readable.has(fd) ? EVENT_READ : 0) | (this.#writable.has(fd) ? EVENT_WRITE : 0);
  }

  protected override release(): void {}
}

/** The kernel does not say which one. */
function notOpen(fds: number[]): Error {
  const gone = fds.filter((fd) => sys.fcntl(fd, sys.F_GETFD) === -sys.EBADF);
  return systemError('select', -sys.EBADF, `closed without being unregistered: ${gone.join(', ')}`);
}
