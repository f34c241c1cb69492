/**
 * Python's `selectors`: who is registered, for what, with which data; and one `select` for whichever call the system does
 * best.
 *
 * ```ts
 * import { Socket } from 'fdmux';
 * import { DefaultSelector, EVENT_READ } from 'fdmux/selectors';
 *
 * using selector = new DefaultSelector<(socket: Socket) => void, Socket>();
 * using listener = new Socket();
 * listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 1234 });
 * listener.listen();
 *
 * function accept(): void {
 *   const [client] = listener.accept();
 *   selector.register(client, EVENT_READ, echo);
 * }
 *
 * function echo(client: Socket): void {
 *   const data = client.recv(1024);
 *   if (data.length > 0) return client.sendAll(data);
 *   selector.unregister(client);
 *   client.close();
 * }
 *
 * selector.register(listener, EVENT_READ, accept);
 * for (;;) for (const [key] of selector.select()) key.data(key.fileobj);
 * ```
 * @see {@link https://docs.python.org/3/library/selectors.html selectors}
 * @module fdmux/selectors
 */
import type { Descriptor } from '../descriptor.js';
import * as sys from '../sys/index.js';
import type { Selector } from './base.js';
import { EpollSelector } from './epoll.js';
import { PollSelector } from './poll.js';
import { SelectSelector } from './select.js';

export { EVENT_READ, EVENT_WRITE, Selector, type SelectorKey, type SelectorMap } from './base.js';
export { EpollSelector } from './epoll.js';
export { PollSelector } from './poll.js';
export { SelectSelector } from './select.js';

/** Whether the kernel has a call, and lets us make it: a sandbox answers ENOSYS or EPERM. */
function has(call: () => number): boolean {
  return ![-sys.ENOSYS, -sys.EPERM].includes(call());
}

/** Elsewhere than on Linux it is the first, whose constructor says what is missing. */
function best() {
  if (process.platform !== 'linux' || has(() => sys.epoll_create1(-1))) return EpollSelector;
  return has(() => sys.poll(new sys.PollFds(1), 0, 0)) ? PollSelector : SelectSelector;
}

/** The best selector that the system has: epoll, else poll, else select. */
export const DefaultSelector: {
  /** Holds nothing at first. */
  new <T = unknown, F extends Descriptor = Descriptor>(): Selector<T, F>;
} = best();
/** The best selector that the system has: epoll, else poll, else select. */
export type DefaultSelector<T = unknown, F extends Descriptor = Descriptor> = Selector<T, F>;
