/** The door of a server: who is let in, who is turned away, and what happens when there are no descriptors left. */
import { isIPv6 } from 'node:net';
import { succeeded, systemError } from '../../error.js';
import { addressText } from '../../socket.js';
import * as sys from '../../sys/index.js';
import type { ServeOptions } from '../program.js';
import type { Operator } from './operator.js';

/** How long a door stays shut before it is tried again although nobody left, in milliseconds. */
export const RETRY = 1000;
/** How many newcomers are let in before the others are served again. */
const AT_ONCE = 256;

/** Opens a listening, non-blocking socket. @throws SystemError EADDRINUSE, EACCES, EADDRNOTAVAIL… */
export function openListener(host: string, port: number, backlog: number): number {
  const family = isIPv6(host) ? 'IPv6' : 'IPv4';
  const domain = family === 'IPv6' ? sys.AF_INET6 : sys.AF_INET;
  const type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC;
  const fd = succeeded('socket', sys.socket(domain, type, 0));
  const address: sys.Address = { family, address: host, port };
  // A server that is started again must not wait for the old one's connections to be forgotten.
  sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1);
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

export class Listener {
  readonly fd: number;
  /** Nobody can be let in: wait for others, and try again when one of them leaves or after `RETRY` ms. */
  shut = false;
  readonly #name: string;
  readonly #operator: Operator;
  readonly #peer = new sys.SockAddr();
  /** Given up when there are no descriptors left, so that a newcomer can be let in and told so. */
  #reserve: number;

  /** Opens the door and says so. */
  constructor(name: string, options: ServeOptions, operator: Operator) {
    this.#name = name;
    this.#operator = operator;
    this.fd = openListener(options.host, options.port, options.backlog);
    this.#reserve = this.#takeReserve();
    const here = new sys.SockAddr();
    succeeded('getsockname', sys.getsockname(this.fd, here));
    operator.announce(`${name} listening on ${addressText(here.toJSON() as sys.Address)}`);
  }

  /**
   * Lets in everybody who waits, in turns of a few hundred.
   * @param welcome is given each newcomer's descriptor (non-blocking) and name
   * @returns false when there may be more, to be let in after the others have had their turn
   */
  admit(welcome: (fd: number, peer: string) => void): boolean {
    this.shut = false;
    for (let i = 0; i < AT_ONCE; i++) {
      const fd = sys.accept4(this.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, this.#peer);
      if (fd >= 0) {
        welcome(fd, this.#operator.quiet ? '' : addressText(this.#peer.toJSON() as sys.Address));
      } else if (fd === -sys.EAGAIN) {
        return true;
      } else if (fd === -sys.EMFILE || fd === -sys.ENFILE) {
        if (this.#turnAway()) continue;
        this.shut = true;
        return true;
      } else if (fd === -sys.ENOBUFS || fd === -sys.ENOMEM) {
        this.shut = true;
        return true;
      } else if (fd === -sys.EBADF || fd === -sys.EINVAL || fd === -sys.ENOTSOCK || fd === -sys.EFAULT) {
        throw systemError('accept4', fd);
      }
      // Anything else has happened to the newcomer, who is gone: accept(2), "Error handling".
    }
    return false;
  }

  /** Says why somebody cannot stay, and closes. */
  refuse(fd: number, reason: string): void {
    this.#operator.say(`refused ${addressText(this.#peer.toJSON() as sys.Address)}: ${reason}`);
    sys.send(fd, Buffer.from(this.farewell(reason)), 0, undefined, sys.MSG_DONTWAIT);
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

  #turnAway(): boolean {
    if (this.#reserve < 0) this.#reserve = this.#takeReserve();
    if (this.#reserve < 0) return false;
    sys.close(this.#reserve);
    const fd = sys.accept4(this.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, this.#peer);
    if (fd >= 0) this.refuse(fd, 'no descriptors left, try again later');
    this.#reserve = this.#takeReserve();
    return fd >= 0;
  }

  close(): void {
    sys.close(this.fd);
    if (this.#reserve >= 0) sys.close(this.#reserve);
  }
}
