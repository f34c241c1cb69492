/** The door of a server: who is let in, who is turned away, and what happens when there are no descriptors left. */
import { isIPv6 } from 'node:net';
import { succeeded, systemError } from '../../error.js';
import { addressText } from '../../socket.js';
import * as sys from '../../sys/index.js';
import type { ServeOptions } from '../program.js';
import { adoptListener } from './inherited.js';
import type { Operator } from './operator.js';
import { breathe, isShortage } from './shortage.js';

/** How long a door stays shut before it is tried again although nobody left, in milliseconds. */
const RETRY = 1000;
/** How often a farewell is tried that the kernel has no memory for. */
const TRIES = 5;
/** How many newcomers are let in before the others are served again. */
const AT_ONCE = 256;

/**
 * Opens a listening, non-blocking socket.
 * @param sharePort whether others may listen on the same port, too
 * @throws SystemError EADDRINUSE, EACCES, EADDRNOTAVAIL…
 */
export function openListener(host: string, port: number, backlog: number, sharePort = false): number {
  const family = isIPv6(host) ? 'IPv6' : 'IPv4';
  const domain = family === 'IPv6' ? sys.AF_INET6 : sys.AF_INET;
  const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC;
  const fd = succeeded('socket', sys.socket(domain, type, 0));
  const address: sys.Address = { family, address: host, port };
  // A server that is started again must not wait for the old one's connections to be forgotten.
  sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1);
  if (sharePort) sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEPORT, 1);
  let syscall = 'bind';
  let result = sys.bind(fd, address);
  if (result === 0) {
    syscall = 'listen';
    result = sys.listen(fd, backlog);
  }
  if (result === 0) return fd;
  sys.close(fd);
  throw systemError(syscall, result, addressText(address));
}

/** Opens the door of a program that accepts by its own means, and says so. @returns a listening, non-blocking socket */
export function listen(name: string, options: ServeOptions, operator: Operator): number {
  const { host, port, backlog, fd: inherited, sharePort = false } = options;
  const fd = inherited === undefined ? openListener(host, port, backlog, sharePort) : adoptListener(inherited);
  const here = new sys.SockAddr();
  succeeded('getsockname', sys.getsockname(fd, here));
  const address = addressText(here.toJSON() as sys.Address);
  if (options.accepting) options.accepting(address, here.port);
  else operator.announce(`${name} listening on ${address}`);
  return fd;
}

export class Listener {
  readonly fd: number;
  /** Nobody can be let in: wait for the others, and try again when one of them leaves or when it is `overdue`. */
  shut = false;
  #retryAt = 0;
  readonly #name: string;
  readonly #operator: Operator;
  /** Descriptors from here up are of no use to the program. */
  readonly #ceiling: number;
  readonly #peer = new sys.SockAddr();
  /** Given up when there are no descriptors left, so that a newcomer can be let in and told so. */
  #reserve: number;

  /**
   * Opens the door and says so.
   * @param ceiling FD_SETSIZE for a program that waits with select: whoever gets a number from there up is refused
   */
  constructor(name: string, options: ServeOptions, operator: Operator, ceiling = Number.POSITIVE_INFINITY) {
    this.#name = name;
    this.#operator = operator;
    this.#ceiling = ceiling;
    this.fd = listen(name, options, operator);
    this.#reserve = this.#takeReserve();
  }

  /**
   * Lets in everybody who waits, in turns of a few hundred.
   * @param welcome is given each newcomer's descriptor (non-blocking) and name
   * @param atMost how many at most: 1 for a program that serves one at a time
   * @returns false when there may be more, to be let in after the others have had their turn
   */
  admit(welcome: (fd: number, peer: string) => void, atMost = AT_ONCE): boolean {
    this.shut = false;
    for (let i = 0; i < atMost; i++) {
      let fd = this.#accept();
      if (fd >= this.#ceiling) {
        this.refuse(fd, `full: select(2) watches no descriptor above ${this.#ceiling - 1}`);
        continue;
      }
      if (fd >= 0) {
        welcome(fd, addressText(this.#peer.toJSON() as sys.Address));
        continue;
      }
      // Linux takes the descriptor before it looks for a newcomer: there may be nobody to turn away.
      if (fd === -sys.EMFILE || fd === -sys.ENFILE) fd = this.#turnAway();
      if (fd === -sys.EAGAIN) return true;
      if (fd === -sys.EMFILE || fd === -sys.ENFILE || fd === -sys.ENOBUFS || fd === -sys.ENOMEM) {
        this.shut = true;
        this.#retryAt = performance.now() + RETRY;
        return true;
      }
      if (fd === -sys.EBADF || fd === -sys.EINVAL || fd === -sys.ENOTSOCK || fd === -sys.EFAULT) {
        throw systemError('accept4', fd);
      }
      // Anything else has happened to the newcomer, who is gone: accept(2), "Error handling".
    }
    return false;
  }

  /** How long to wait for others at most, in milliseconds: for ever (-1) while the door is open. */
  get timeout(): number {
    return this.shut ? Math.max(0, Math.ceil(this.#retryAt - performance.now())) : -1;
  }

  /** Whether a shut door is to be tried again. By the clock: busy clients may keep a wait from ever timing out. */
  get overdue(): boolean {
    return this.shut && performance.now() >= this.#retryAt;
  }

  /** Says why somebody cannot stay, and closes. */
  refuse(fd: number, reason: string): void {
    this.#operator.say(`refused ${addressText(this.#peer.toJSON() as sys.Address)}: ${reason}`);
    const words = Buffer.from(this.farewell(reason));
    const say = (): number => sys.send(fd, words, 0, undefined, sys.MSG_DONTWAIT);
    // Whoever goes away for want of memory shall hear why, if it can be had within a few milliseconds.
    for (let i = 0; i < TRIES && isShortage(say()); i++) breathe();
    sys.shutdown(fd, sys.SHUT_WR);
    // Closing with something unread would reset the connection, and take the words back.
    sys.recv(fd, Buffer.alloc(65536), 0, undefined, sys.MSG_DONTWAIT);
    sys.close(fd);
  }

  /** What somebody who cannot stay is told. */
  protected farewell(reason: string): string {
    return `${this.#name}: ${reason}\n`;
  }

  #takeReserve(): number {
    return sys.fcntl(this.fd, sys.F_DUPFD_CLOEXEC, 0);
  }

  #accept(): number {
    return sys.accept4(this.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, this.#peer);
  }

  /** @returns what accept4 says when the reserve is given up for it, or why there is no reserve */
  #turnAway(): number {
    if (this.#reserve < 0) this.#reserve = this.#takeReserve();
    if (this.#reserve < 0) return this.#reserve;
    sys.close(this.#reserve);
    const fd = this.#accept();
    if (fd >= 0) this.refuse(fd, 'no descriptors left, try again later');
    this.#reserve = this.#takeReserve();
    return fd;
  }

  toString(): string {
    return `listener(${this.fd})`;
  }

  close(): void {
    sys.close(this.fd);
    if (this.#reserve >= 0) sys.close(this.#reserve);
  }
}
