/**
 * Ends another thread's blocking wait.
 *
 * ```ts
 * // main.ts
 * import { Worker } from 'node:worker_threads';
 * import { Waker } from 'fdmux';
 * const waker = new Waker();
 * const worker = new Worker('./worker.js', { workerData: waker.fd });
 * waker.wake();
 *
 * // worker.ts
 * import { workerData } from 'node:worker_threads';
 * import { EPOLLIN, Epoll, Waker } from 'fdmux';
 * const waker = Waker.fromFd(workerData);
 * const epoll = new Epoll();
 * epoll.register(waker, EPOLLIN);
 * for (const [fd] of epoll.poll()) if (fd === waker.fd) waker.clear();
 * ```
 */
import { readlinkSync } from 'node:fs';
import { type Descriptor, toFd } from './descriptor.js';
import { succeeded, systemError } from './error.js';
import { Owner } from './owner.js';
import * as sys from './sys/index.js';

const ADOPT = Symbol('adopt');
const ONE = new Uint8Array(new BigUint64Array([1n]).buffer);

/** An eventfd that only says "wake up": readable from `wake` until `clear`, however often it is told. */
export class Waker extends Owner {
  /** @throws SystemError EMFILE, ENFILE, ENOMEM */
  constructor();
  /** @internal */
  constructor(adopt: typeof ADOPT, fd: number);
  constructor(adopt?: typeof ADOPT, fd?: number) {
    const own =
      adopt === ADOPT ? (fd as number) : succeeded('eventfd', sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK));
    super('Waker', own);
  }

  /**
   * Another thread's waker, from its `fd`, which travels as a plain number. It owns a duplicate: each is closed on its own,
   * and both work until they are. The first must still be open now: afterwards its number may be another's.
   * @throws SystemError EBADF, EMFILE, EINVAL for what is no eventfd; TypeError | RangeError for what is no descriptor
   */
  static fromFd(fd: Descriptor): Waker {
    const own = succeeded('fcntl', sys.fcntl(toFd(fd), sys.F_DUPFD_CLOEXEC, 0));
    const waker = new Waker(ADOPT, own);
    if (readlinkSync(`/proc/self/fd/${own}`) === 'anon_inode:[eventfd]') return waker;
    waker.close();
    throw systemError('Waker.fromFd', -sys.EINVAL, `descriptor ${toFd(fd)} is no eventfd`);
  }

  /** Wakes whoever waits for it, now or next. @throws ERR_WAKER_CLOSED */
  wake(): void {
    const fd = this.open();
    const result = sys.write(fd, ONE);
    // A counter that is full is readable.
    if (result !== -sys.EAGAIN) succeeded('write', result);
  }

  /** From now on it waits for the next `wake`. @returns whether there has been one @throws ERR_WAKER_CLOSED */
  clear(): boolean {
    const fd = this.open();
    const result = sys.read(fd, new Uint8Array(8));
    if (result === -sys.EAGAIN) return false;
    return succeeded('read', result) > 0;
  }
}
