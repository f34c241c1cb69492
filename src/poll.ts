/**
 * poll(2): a list of descriptors that the kernel goes through from end to end at every call.
 *
 * ```ts
 * import { POLLIN, Poll } from 'fdmux';
 * const poll = new Poll();
 * poll.register(process.stdin, POLLIN);
 * for (const [fd, revents] of poll.poll(1000)) console.log(fd, revents);
 * ```
 */
import { type Descriptor, toFd } from './descriptor.js';
import { systemError } from './error.js';
import { integer } from './sys/check.js';
import * as sys from './sys/index.js';
import { type Timeout, wait } from './timeout.js';

const { POLLIN, POLLOUT, POLLPRI, PollFds } = sys;

/** A list of descriptors for poll(2). It holds no descriptor of its own: there is nothing to close. */
export class Poll {
  #fds = new PollFds(16);
  /** Where in the list each descriptor stands. */
  readonly #places = new Map<number, number>();

  /**
   * Adds a descriptor, or changes what is asked of a known one.
   * @param events a mask of POLLIN, POLLPRI, POLLOUT…, 0 to 65535; those three unless given
   * @throws TypeError | RangeError for what is no descriptor or no mask
   */
  register(fd: Descriptor, events: number = POLLIN | POLLPRI | POLLOUT): void {
    const number = toFd(fd);
    integer('events', events, 0, 65535);
    const place = this.#places.get(number) ?? this.#append(number);
    this.#fds.set(place, number, events);
  }

  #append(fd: number): number {
    const place = this.#places.size;
    if (place === this.#fds.capacity) {
      const more = new PollFds(place * 2);
      for (let i = 0; i < place; i++) more.set(i, this.#fds.fd(i), this.#fds.events(i));
      this.#fds = more;
    }
    this.#places.set(fd, place);
    return place;
  }

  #place(syscall: string, fd: number): number {
    const place = this.#places.get(fd);
    if (place === undefined) throw systemError(syscall, -sys.ENOENT, `descriptor ${fd} is not registered`);
    return place;
  }

  /**
   * Changes what is asked of a descriptor.
   * @param events a mask of POLLIN, POLLPRI, POLLOUT…, 0 to 65535
   * @throws SystemError ENOENT for one that is not registered; TypeError | RangeError for what is no mask
   */
  modify(fd: Descriptor, events: number): void {
    const number = toFd(fd);
    this.#fds.set(this.#place('poll.modify', number), number, integer('events', events, 0, 65535));
  }

  /**
   * Takes a descriptor out. The last one of the list comes to its place.
   * @throws SystemError ENOENT for one that is not registered
   */
  unregister(fd: Descriptor): void {
    const number = toFd(fd);
    const place = this.#place('poll.unregister', number);
    const last = this.#places.size - 1;
    if (place !== last) {
      const moved = this.#fds.fd(last);
      this.#fds.set(place, moved, this.#fds.events(last));
      this.#places.set(moved, place);
    }
    this.#fds.set(last, -1, 0);
    this.#places.delete(number);
  }

  /**
   * Waits until one of the descriptors is ready. Blocks the thread; a signal does not end the wait.
   * @param timeout in milliseconds; for ever unless given, 0 looks and returns
   * @returns each descriptor that has something to tell, and what: POLLERR, POLLHUP and POLLNVAL (not open) come unasked
   * @throws RangeError for a negative timeout; SystemError EINVAL for more descriptors than RLIMIT_NOFILE allows
   * @see {@link https://man7.org/linux/man-pages/man2/poll.2.html poll(2)}
   */
  poll(timeout?: Timeout): [fd: number, revents: number][] {
    const fds = this.#fds;
    let left = wait('poll', timeout, (timeoutNs) => sys.ppoll(fds, this.#places.size, timeoutNs));
    const ready: [number, number][] = [];
    for (let i = 0; left > 0; i++) {
      const revents = fds.revents(i);
      if (revents === 0) continue;
      ready.push([fds.fd(i), revents]);
      left--;
    }
    return ready;
  }
}
