/**
 * select(2): three lists in, what is ready of each out.
 *
 * ```ts
 * import { select } from 'fdmux';
 * const [readable] = select([process.stdin], [], [], 1000);
 * if (readable.length > 0) console.log('a line on stdin');
 * ```
 */
import { type Descriptor, toFd } from './descriptor.js';
import { invalidType } from './sys/check.js';
import * as sys from './sys/index.js';
import { type Timeout, wait } from './timeout.js';

const { FdSet } = sys;

/** One of the three questions: a list, its descriptors, and the set that the kernel changes. */
class Question<T extends Descriptor> {
  readonly fds: number[];
  readonly asked = new FdSet();
  readonly set = new FdSet();

  constructor(
    name: string,
    readonly list: readonly T[],
  ) {
    if (!Array.isArray(list)) throw invalidType(name, 'an array of descriptors', list);
    this.fds = list.map(toFd);
    for (const fd of this.fds) this.asked.add(fd);
  }

  ready(): T[] {
    return this.list.filter((_, i) => this.set.has(this.fds[i] as number));
  }
}

/**
 * Waits until one of the descriptors is ready. Blocks the thread; a signal does not end the wait.
 * @param rlist which ones to read from
 * @param wlist which ones to write to
 * @param xlist which ones to watch for exceptional conditions: urgent data
 * @param timeout in milliseconds; for ever unless given, 0 looks and returns
 * @returns what is ready of each list: the very objects passed in, in their order; three empty lists when time is up
 * @throws TypeError for what is no list of descriptors; RangeError for a descriptor of FD_SETSIZE (1024) or more: there
 *   select ends, `Poll` and `Epoll` do not; SystemError EBADF for one that is not open
 * @see {@link https://man7.org/linux/man-pages/man2/select.2.html select(2)}
 */
export function select<R extends Descriptor, W extends Descriptor, X extends Descriptor>(
  rlist: readonly R[],
  wlist: readonly W[],
  xlist: readonly X[],
  timeout?: Timeout,
): [R[], W[], X[]] {
  const r = new Question('rlist', rlist);
  const w = new Question('wlist', wlist);
  const x = new Question('xlist', xlist);
  let nfds = 0;
  for (const { fds } of [r, w, x]) for (const fd of fds) nfds = Math.max(nfds, fd + 1);
  const count = wait('select', timeout, (timeoutNs) =>
    sys.pselect(nfds, r.set.copy(r.asked), w.set.copy(w.asked), x.set.copy(x.asked), timeoutNs),
  );
  return count === 0 ? [[], [], []] : [r.ready(), w.ready(), x.ready()];
}
