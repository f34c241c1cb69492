/**
 * Sockets as objects: Python's `socket`, with errors in Node.js's form.
 *
 * ```ts
 * import { Socket } from 'fdmux';
 * using listener = new Socket();
 * listener.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 });
 * listener.listen();
 * const [client, address] = listener.accept();
 * client.sendAll(client.recv(1024));
 * client.close();
 * ```
 */
import { type Descriptor, toFd } from './descriptor.js';
import { succeeded, systemError, uninterrupted } from './error.js';
import { Owner } from './owner.js';
import { bytes, int32, integer, invalidType, lengthOf } from './sys/check.js';
import type { Address } from './sys/index.js';
import * as sys from './sys/index.js';

const { AF_INET, AF_UNIX, O_NONBLOCK, POLLOUT, SOCK_CLOEXEC, SOCK_STREAM, SOL_SOCKET } = sys;

const ADOPT = Symbol('adopt');
/** The largest read that the kernel takes (read(2)): 2 GiB less a page. */
const LARGEST_RECV = 0x7ffff000;

/** A socket, blocking until `setBlocking(false)`. */
export class Socket extends Owner {
  /**
   * @param family AF_INET, AF_INET6 or AF_UNIX; AF_INET unless given
   * @param type SOCK_STREAM, SOCK_DGRAM…; SOCK_STREAM unless given. Close-on-exec is added
   * @param protocol 0 for the type's own
   * @throws SystemError EAFNOSUPPORT, EPROTONOSUPPORT, EMFILE…; TypeError | RangeError for what is no C int
   */
  constructor(family?: number, type?: number, protocol?: number);
  /** @internal */
  constructor(adopt: typeof ADOPT, fd: number);
  constructor(family: number | typeof ADOPT = AF_INET, type: number = SOCK_STREAM, protocol = 0) {
    super(
      'Socket',
      family === ADOPT ? type : succeeded('socket', sys.socket(family as number, closeOnExec(type), protocol)),
    );
  }

  /**
   * An object for a socket that is already there, such as one inherited from another process. It owns a duplicate of the
   * descriptor.
   * @throws SystemError EBADF, EMFILE, ENOTSOCK
   */
  static fromFd(fd: Descriptor): Socket {
    const number = toFd(fd);
    succeeded('getsockopt', sys.getsockopt(number, SOL_SOCKET, sys.SO_TYPE, new Int32Array(1)), `descriptor ${number}`);
    return new Socket(ADOPT, succeeded('fcntl', sys.fcntl(number, sys.F_DUPFD_CLOEXEC, 0)));
  }

  /** @internal */
  static adopt(fd: number): Socket {
    return new Socket(ADOPT, integer('fd', fd, 0, 2147483647));
  }

  /** Gives the socket its local address. @throws SystemError EADDRINUSE, EADDRNOTAVAIL, EACCES… */
  bind(address: Address): void {
    const result = sys.bind(this.open(), address);
    if (result < 0) throw systemError('bind', result, addressText(address));
  }

  /**
   * Makes it a listener.
   * @param backlog how many connections may wait to be accepted; SOMAXCONN unless given
   * @throws SystemError EADDRINUSE, ENOTSUP
   */
  listen(backlog: number = sys.SOMAXCONN): void {
    succeeded('listen', sys.listen(this.open(), backlog));
  }

  /**
   * Takes the next connection.
   * @returns its socket, blocking as new sockets are, and the peer's address
   * @throws SystemError EAGAIN when the listener is non-blocking and none waits, EMFILE, ENFILE, ECONNABORTED…
   */
  accept(): [socket: Socket, address: Address] {
    const fd = this.open();
    const peer = new sys.SockAddr();
    const accepted = uninterrupted('accept4', () => sys.accept4(fd, SOCK_CLOEXEC, peer));
    return [new Socket(ADOPT, accepted), peer.toJSON() as Address];
  }

  /**
   * Connects to a peer.
   * @throws SystemError ECONNREFUSED, ETIMEDOUT…; EINPROGRESS when the socket is non-blocking: once it can be written to,
   *   `getOption(SOL_SOCKET, SO_ERROR)` tells how it went
   */
  connect(address: Address): void {
    const fd = this.open();
    // On Linux an interrupted connect waits for the same connection when it is called again; a unix one begins anew.
    let result: number;
    do result = sys.connect(fd, address);
    while (result === -sys.EINTR);
    if (result < 0) throw systemError('connect', result, addressText(address));
  }

  /**
   * Receives what there is.
   * @param size how many bytes at most, 0 to 2147479552
   * @param flags MSG_PEEK, MSG_OOB…
   * @returns the bytes; none at the end of the stream
   * @throws SystemError EAGAIN when the socket is non-blocking and there is nothing, ECONNRESET, ENOTCONN…
   */
  recv(size: number, flags = 0): Buffer<ArrayBuffer> {
    const buffer = Buffer.allocUnsafeSlow(integer('size', size, 0, LARGEST_RECV));
    return trimmed(buffer, this.recvInto(buffer, flags));
  }

  /** As `recv`, into memory of the caller's. @returns how many bytes came */
  recvInto(buffer: Uint8Array, flags = 0): number {
    const fd = this.open();
    return uninterrupted('recv', () => sys.recv(fd, buffer, 0, undefined, flags));
  }

  /** As `recv`, and says who sent it: for datagrams. @returns the bytes, and the sender's address (`null`: it has none) */
  recvFrom(size: number, flags = 0): [data: Buffer<ArrayBuffer>, address: Address | null] {
    const fd = this.open();
    const buffer = Buffer.allocUnsafeSlow(integer('size', size, 0, LARGEST_RECV));
    const from = new sys.SockAddr();
    const count = uninterrupted('recvfrom', () => sys.recvfrom(fd, buffer, 0, undefined, flags, from));
    return [trimmed(buffer, count), from.toJSON()];
  }

  /**
   * Sends what the kernel takes now.
   * @returns how many bytes that was; it may be fewer than there are
   * @throws SystemError EAGAIN when the socket is non-blocking and there is no room, EPIPE, ECONNRESET…
   */
  send(data: Uint8Array, flags = 0): number {
    const fd = this.open();
    return uninterrupted('send', () => sys.send(fd, data, 0, undefined, flags));
  }

  /**
   * Sends all of it. On a non-blocking socket it waits for room, too: nothing is ever sent by half.
   * @throws SystemError EPIPE, ECONNRESET…
   */
  sendAll(data: Uint8Array, flags = 0): void {
    const fd = this.open();
    const length = lengthOf(bytes('data', data));
    for (let sent = 0; sent < length; ) {
      const result = sys.send(fd, data, sent, undefined, flags);
      if (result >= 0) sent += result;
      else if (result === -sys.EAGAIN) waitFor(fd, POLLOUT);
      else if (result !== -sys.EINTR) throw systemError('send', result);
    }
  }

  /** Sends a datagram. @returns how many bytes were sent @throws SystemError EMSGSIZE, EDESTADDRREQ, EAGAIN… */
  sendTo(data: Uint8Array, address: Address, flags = 0): number {
    const fd = this.open();
    return uninterrupted('sendto', () => sys.sendto(fd, data, 0, undefined, flags, address));
  }

  /** Ends one direction, or both. @param how SHUT_RD, SHUT_WR or SHUT_RDWR @throws SystemError ENOTCONN */
  shutdown(how: number): void {
    succeeded('shutdown', sys.shutdown(this.open(), how));
  }

  /** Whether calls wait, or throw EAGAIN. It is a property of the open file, which duplicates share. */
  get blocking(): boolean {
    return (succeeded('fcntl', sys.fcntl(this.open(), sys.F_GETFL)) & O_NONBLOCK) === 0;
  }

  /** Chooses whether calls wait (true), or throw EAGAIN (false). @throws TypeError for what is no boolean */
  setBlocking(blocking: boolean): void {
    const fd = this.open();
    if (typeof blocking !== 'boolean') throw invalidType('blocking', 'of type boolean', blocking);
    const flags = succeeded('fcntl', sys.fcntl(fd, sys.F_GETFL));
    succeeded('fcntl', sys.fcntl(fd, sys.F_SETFL, blocking ? flags & ~O_NONBLOCK : flags | O_NONBLOCK));
  }

  /**
   * @param level SOL_SOCKET, IPPROTO_TCP…
   * @param name SO_REUSEADDR, TCP_NODELAY…
   * @param value a C int, or the bytes of a struct
   * @throws SystemError ENOPROTOOPT, EINVAL…
   */
  setOption(level: number, name: number, value: number | Uint8Array): void {
    succeeded('setsockopt', sys.setsockopt(this.open(), level, name, value));
  }

  /** The value of an option that is a C int. */
  getOption(level: number, name: number): number;
  /** The value of an option that is a struct, of at most `length` bytes. */
  getOption(level: number, name: number, length: number): Buffer<ArrayBuffer>;
  /** @throws SystemError ENOPROTOOPT, EINVAL… */
  getOption(level: number, name: number, length?: number): number | Buffer<ArrayBuffer> {
    const fd = this.open();
    if (length === undefined) {
      const value = new Int32Array(1);
      succeeded('getsockopt', sys.getsockopt(fd, level, name, value));
      return value[0] as number;
    }
    const value = Buffer.alloc(integer('length', length, 1, 65536));
    return trimmed(value, succeeded('getsockopt', sys.getsockopt(fd, level, name, value)));
  }

  /** Where it is bound. */
  get localAddress(): Address {
    const address = new sys.SockAddr();
    succeeded('getsockname', sys.getsockname(this.open(), address));
    return address.toJSON() as Address;
  }

  /** Whom it is connected to. @throws SystemError ENOTCONN */
  get remoteAddress(): Address {
    const address = new sys.SockAddr();
    succeeded('getpeername', sys.getpeername(this.open(), address));
    return address.toJSON() as Address;
  }
}

/**
 * Two sockets connected to each other.
 * @param family AF_UNIX unless given
 * @param type SOCK_STREAM unless given. Close-on-exec is added
 * @throws SystemError ENOTSUP, EMFILE…; TypeError | RangeError for what is no C int
 */
export function socketpair(family: number = AF_UNIX, type: number = SOCK_STREAM, protocol = 0): [Socket, Socket] {
  const sv = new Int32Array(2);
  succeeded('socketpair', sys.socketpair(family, closeOnExec(type), protocol, sv));
  return [Socket.adopt(sv[0] as number), Socket.adopt(sv[1] as number)];
}

/** Checked first: `|` makes an int of anything. */
function closeOnExec(type: number): number {
  return int32('type', type) | SOCK_CLOEXEC;
}

/** What a short answer fills of its buffer; a copy where most of it would lie idle. */
function trimmed(buffer: Buffer<ArrayBuffer>, length: number): Buffer<ArrayBuffer> {
  if (length === buffer.length) return buffer;
  return length < buffer.length / 2 ? Buffer.from(buffer.subarray(0, length)) : buffer.subarray(0, length);
}

function waitFor(fd: number, events: number): void {
  const one = new sys.PollFds(1);
  one.set(0, fd, events);
  uninterrupted('poll', () => sys.poll(one, 1, -1));
}

/** `127.0.0.1:80`, `[::1]:80` or a path. */
export function addressText(address: Address): string {
  if (address.family === 'unix') return address.path.replace('\0', '@');
  return address.family === 'IPv6' ? `[${address.address}]:${address.port}` : `${address.address}:${address.port}`;
}
