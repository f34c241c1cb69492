/**
 * select(2): three sets of bits, one for each question, copied into the kernel and out again at every call.
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const readfds = new sys.FdSet();
 * readfds.add(0);
 * if (sys.select(1, readfds, null, null, 1_000_000) > 0 && readfds.has(0)) console.log('a line on stdin');
 * ```
 */
import { int32, integer, invalidType, isObject, outOfRange, refuse, time } from './check.js';
import { constant, frame, type Memory, native } from './native.js';

/** How many descriptors libc's `fd_set` has room for. The kernel knows no such limit. */
export const FD_SETSIZE = constant('FD_SETSIZE');

const SWAP = constant('FD_SET_SWAP');
/** What the kernel itself allows as fs.nr_open, and so as a descriptor. */
const LARGEST = 2 ** 30;

let memoryOf: (name: string, set: FdSet | null) => Memory;

/** A set of descriptors: C's `fd_set` with its macros, of any size. */
export class FdSet {
  /** It has room for the descriptors 0 to `size` − 1. */
  readonly size: number;
  readonly #words: Uint32Array;
  readonly #memory: Memory;

  /**
   * @param size how many descriptors, 1 to 2³⁰. A larger one than FD_SETSIZE is legal: the kernel takes it
   * @throws TypeError for what is no number; RangeError for one out of range, or for more memory than there is
   */
  constructor(size: number = FD_SETSIZE) {
    this.size = integer('size', size, 1, LARGEST);
    const buffer = new ArrayBuffer(Math.ceil(size / 64) * 8);
    this.#words = new Uint32Array(buffer);
    this.#memory = native.pin(buffer);
  }

  static {
    memoryOf = (name, set) => {
      if (set === null) return 0;
      if (isObject(set) && #memory in set) return set.#memory;
      throw invalidType(name, 'an instance of FdSet or null', set);
    };
  }

  #check(fd: number): number {
    if (typeof fd === 'number' && fd >>> 0 === fd && fd < this.size) return fd;
    return refuse('fd', `an integer >= 0 && < ${this.size} (the size of this FdSet)`, fd);
  }

  /** FD_SET. @throws RangeError for a descriptor that the set has no room for */
  add(fd: number): this {
    const at = (this.#check(fd) >>> 5) ^ SWAP;
    this.#words[at] = (this.#words[at] as number) | (1 << (fd & 31));
    return this;
  }

  /** FD_CLR. @returns whether it was there */
  delete(fd: number): boolean {
    const at = (this.#check(fd) >>> 5) ^ SWAP;
    const had = (this.#words[at] as number) & (1 << (fd & 31));
    this.#words[at] = (this.#words[at] as number) & ~(1 << (fd & 31));
    return had !== 0;
  }

  /** FD_ISSET. */
  has(fd: number): boolean {
    return ((this.#words[(this.#check(fd) >>> 5) ^ SWAP] as number) & (1 << (fd & 31))) !== 0;
  }

  /** FD_ZERO. */
  clear(): void {
    this.#words.fill(0);
  }

  /**
   * Becomes a copy of another set: select leaves in a set only what is ready, so that a server keeps one of its own.
   * @throws TypeError for what is no FdSet; RangeError for one of another size
   */
  copy(from: FdSet): this {
    if (!isObject(from) || !(#words in from)) throw invalidType('from', 'an instance of FdSet', from);
    if (from.size !== this.size) throw outOfRange('from.size', `${this.size} (the size of this FdSet)`, from.size);
    this.#words.set(from.#words);
    return this;
  }

  /** The descriptors in the set, in ascending order. */
  *[Symbol.iterator](): IterableIterator<number> {
    for (let at = 0; at < this.#words.length; at++) {
      for (let left = this.#words[at ^ SWAP] as number; left !== 0; left &= left - 1) {
        yield at * 32 + 31 - Math.clz32(left & -left);
      }
    }
  }
}

function sets(nfds: number, readfds: FdSet | null, writefds: FdSet | null, exceptfds: FdSet | null): void {
  frame[0] = int32('nfds', nfds);
  frame[1] = memoryOf('readfds', readfds);
  frame[2] = memoryOf('writefds', writefds);
  frame[3] = memoryOf('exceptfds', exceptfds);
}

/**
 * Waits until a descriptor of one of the sets is ready. Blocks the thread.
 * @param nfds the highest descriptor in any set, plus 1; at most the size of each set
 * @param readfds which ones to read from, or `null`; afterwards, the ones that are ready
 * @param writefds which ones to write to, or `null`
 * @param exceptfds which ones to watch for exceptional conditions (urgent data), or `null`
 * @param timeoutUs in microseconds, an integer; 0 looks and returns, `null` waits for ever
 * @returns how many bits are left in the three sets, 0 when the time is up, or `-EBADF`, `-EINTR`, `-EINVAL`, `-ENOMEM`;
 *   after an error the sets are as they were
 * @throws TypeError | RangeError for what is no C value, or `nfds` beyond a set's size
 * @see {@link https://man7.org/linux/man-pages/man2/select.2.html select(2)}
 */
export function select(
  nfds: number,
  readfds: FdSet | null,
  writefds: FdSet | null,
  exceptfds: FdSet | null,
  timeoutUs: number | null,
): number {
  sets(nfds, readfds, writefds, exceptfds);
  frame[4] = time('timeoutUs', timeoutUs);
  frame[5] = timeoutUs === null ? 1 : 0;
  native.select();
  return (frame[0] as number) | 0;
}

/**
 * `select` with a timeout in nanoseconds. The signal mask is left alone.
 * @param nfds the highest descriptor in any set, plus 1; at most the size of each set
 * @param readfds which ones to read from, or `null`
 * @param writefds which ones to write to, or `null`
 * @param exceptfds which ones to watch for exceptional conditions, or `null`
 * @param timeoutNs in nanoseconds, an integer; 0 looks and returns, `null` waits for ever
 * @returns as `select`
 * @throws TypeError | RangeError for what is no C value, or `nfds` beyond a set's size
 * @see {@link https://man7.org/linux/man-pages/man2/select.2.html pselect(2)}, Linux 2.6.16
 */
export function pselect(
  nfds: number,
  readfds: FdSet | null,
  writefds: FdSet | null,
  exceptfds: FdSet | null,
  timeoutNs: number | null,
): number {
  sets(nfds, readfds, writefds, exceptfds);
  frame[4] = time('timeoutNs', timeoutNs);
  frame[5] = timeoutNs === null ? 1 : 0;
  native.pselect();
  return (frame[0] as number) | 0;
}
