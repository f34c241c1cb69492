/**
 * Every system call that fdmux has, under the name and in the argument order of its manual page. A call returns what
 * the kernel returns, and `-errno` when it fails: it never throws for that. What cannot be turned into the C type throws
 * before the call is made.
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
 * if (sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, 0, sys.EPOLLIN | sys.EPOLLET) === -sys.EPERM) {
 *   console.error('stdin is a regular file: epoll does not take it');
 * }
 * ```
 *
 * @module fdmux/sys
 */
export * from './epoll.js';
export * from './errno.js';
export * from './fd.js';
export * from './poll.js';
export * from './select.js';
export * from './signal.js';
export * from './socket.js';
export * from './wakeups.js';
