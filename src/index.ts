/**
 * fdmux: select(2), poll(2) and epoll(7) for Node.js. The objects, under the names of Python's `select` and `socket`
 * modules, in JavaScript's case, with times in milliseconds.
 *
 * ```ts
 * import { EPOLLIN, Epoll, Socket } from 'fdmux';
 *
 * using listener = new Socket();
 * listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 7788 });
 * listener.listen();
 *
 * using epoll = new Epoll();
 * epoll.register(listener, EPOLLIN);
 * const clients = new Map<number, Socket>();
 * for (;;) {
 *   for (const [fd] of epoll.poll()) {
 *     const client = clients.get(fd);
 *     if (client === undefined) {
 *       const [newcomer] = listener.accept();
 *       clients.set(newcomer.fd, newcomer);
 *       epoll.register(newcomer, EPOLLIN);
 *       continue;
 *     }
 *     const data = client.recv(4096);
 *     if (data.length > 0) client.sendAll(data);
 *     else {
 *       clients.delete(fd);
 *       client.close();
 *     }
 *   }
 * }
 * ```
 *
 * @module fdmux
 */
export type { Descriptor } from './descriptor.js';
export { Epoll } from './epoll.js';
export type { Batch, ReadyOptions, WatchCallback } from './epoll-loop.js';
export type { SystemError } from './error.js';
export { EventFd } from './event-fd.js';
export { Inotify } from './inotify.js';
export type { Owner } from './owner.js';
export { PidFd } from './pid-fd.js';
export { Pipe } from './pipe.js';
export { Poll } from './poll.js';
export { select } from './select.js';
export { SignalPipe } from './signal-pipe.js';
export { Socket, socketpair } from './socket.js';
export type { Address, InetAddress, InotifyEvent, UnixAddress } from './sys/index.js';
export {
  AF_INET,
  AF_INET6,
  AF_UNIX,
  CLOCK_BOOTTIME,
  CLOCK_MONOTONIC,
  CLOCK_REALTIME,
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLMSG,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDBAND,
  EPOLLRDHUP,
  EPOLLRDNORM,
  EPOLLWAKEUP,
  EPOLLWRBAND,
  EPOLLWRNORM,
  EpollEvents,
  FD_SETSIZE,
  IN_ACCESS,
  IN_ALL_EVENTS,
  IN_ATTRIB,
  IN_CLOSE,
  IN_CLOSE_NOWRITE,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_DELETE,
  IN_DELETE_SELF,
  IN_DONT_FOLLOW,
  IN_EXCL_UNLINK,
  IN_IGNORED,
  IN_ISDIR,
  IN_MASK_ADD,
  IN_MASK_CREATE,
  IN_MODIFY,
  IN_MOVE,
  IN_MOVE_SELF,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_ONESHOT,
  IN_ONLYDIR,
  IN_OPEN,
  IN_Q_OVERFLOW,
  IN_UNMOUNT,
  IPPROTO_IPV6,
  IPPROTO_TCP,
  IPV6_V6ONLY,
  MSG_DONTWAIT,
  MSG_MORE,
  MSG_OOB,
  MSG_PEEK,
  MSG_TRUNC,
  MSG_WAITALL,
  O_NONBLOCK,
  PIPE_BUF,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLMSG,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDBAND,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRBAND,
  POLLWRNORM,
  SHUT_RD,
  SHUT_RDWR,
  SHUT_WR,
  SO_BROADCAST,
  SO_ERROR,
  SO_KEEPALIVE,
  SO_LINGER,
  SO_OOBINLINE,
  SO_RCVBUF,
  SO_REUSEADDR,
  SO_REUSEPORT,
  SO_SNDBUF,
  SO_TYPE,
  SOCK_DGRAM,
  SOCK_SEQPACKET,
  SOCK_STREAM,
  SOL_SOCKET,
  SOMAXCONN,
  TCP_NODELAY,
  TCP_USER_TIMEOUT,
} from './sys/index.js';
export type { Timeout } from './timeout.js';
export { TimerFd, type TimerSetting } from './timer-fd.js';
export { Waker } from './waker.js';
export type { ReadyCallback, WaitOptions, Watch, WatchEvents } from './watch.js';
export { readable, watch, writable } from './watch.js';
