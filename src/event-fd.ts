/**
 * A counter that can be waited for: readable while it is more than 0.
 *
 * ```ts
 * import { EventFd, select } from 'fdmux';
 * using counter = new EventFd();
 * counter.write(3);
 * select([counter], [], []);
 * console.log(counter.read()); // 3n
 * ```
 */
import { succeeded, uninterrupted } from './error.js';
import { Owner } from './owner.js';
import { outOfRange, refuse } from './sys/check.js';
import * as sys from './sys/index.js';

const LARGEST = 2n ** 64n - 2n;

/** eventfd(2), non-blocking. */
export class EventFd extends Owner {
  readonly #value = new BigUint64Array(1);
  readonly #bytes = new Uint8Array(this.#value.buffer);

  /**
   * @param initial what it begins with, 0 to 2³² − 1
   * @param semaphore whether `read` takes 1 of it instead of all
   * @throws SystemError EMFILE, ENFILE, ENOMEM; TypeError | RangeError for what is no number of that range
   */
  constructor(initial = 0, { semaphore = false }: { semaphore?: boolean } = {}) {
    const flags = sys.EFD_CLOEXEC | sys.EFD_NONBLOCK | (semaphore ? sys.EFD_SEMAPHORE : 0);
    super('EventFd', succeeded('eventfd', sys.eventfd(initial, flags)));
  }

  /**
   * Adds to the counter.
   * @param value 0 to 2⁶⁴ − 2; 1 unless given
   * @throws SystemError EAGAIN when it would go beyond 2⁶⁴ − 2: then the descriptor is not writable; TypeError |
   *   RangeError; ERR_EVENTFD_CLOSED
   */
  write(value: number | bigint = 1): void {
    const fd = this.open();
    if (typeof value !== 'bigint' && !Number.isSafeInteger(value)) refuse('value', 'an integer or a bigint', value);
    if (value < 0 || value > LARGEST) throw outOfRange('value', '>= 0 && <= 2^64 - 2', value);
    this.#value[0] = BigInt(value);
    uninterrupted('write', () => sys.write(fd, this.#bytes));
  }

  /** Takes the counter, all of it or 1; 0n when there is nothing. Never waits. @throws ERR_EVENTFD_CLOSED */
  read(): bigint {
    const fd = this.open();
    const result = sys.read(fd, this.#bytes);
    if (result === -sys.EAGAIN) return 0n;
    succeeded('read', result);
    return this.#value[0] as bigint;
  }
}
