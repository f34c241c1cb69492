/**
 * Sockets: socket(7), ip(7), ipv6(7), unix(7).
 *
 * ```ts
 * import * as sys from 'fdmux/sys';
 * const fd = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0);
 * sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 });
 * sys.listen(fd, sys.SOMAXCONN);
 * const here = new sys.SockAddr();
 * sys.getsockname(fd, here);
 * console.log(`listening on ${here.address}:${here.port}`);
 * ```
 */
import { types } from 'node:util';
import { filled, int32, integer, invalidType, isObject, outOfRange, unshared } from './check.js';
import { ENAMETOOLONG } from './errno.js';
import { constant, frame, type Memory, native } from './native.js';
import { window } from './window.js';

/** No family, or any. */
export const AF_UNSPEC = constant('AF_UNSPEC');
/** Sockets within this machine, by path or by abstract name. */
export const AF_UNIX = constant('AF_UNIX');
/** IPv4. */
export const AF_INET = constant('AF_INET');
/** IPv6. */
export const AF_INET6 = constant('AF_INET6');
/** A stream of bytes in both directions: TCP. */
export const SOCK_STREAM = constant('SOCK_STREAM');
/** Single messages: UDP. */
export const SOCK_DGRAM = constant('SOCK_DGRAM');
/** A connection that keeps the borders of messages. */
export const SOCK_SEQPACKET = constant('SOCK_SEQPACKET');
/** The socket does not block: a call that cannot go on gives EAGAIN. */
export const SOCK_NONBLOCK = constant('SOCK_NONBLOCK');
/** The socket is closed in the programs that exec starts. */
export const SOCK_CLOEXEC = constant('SOCK_CLOEXEC');
/** How many connections may wait to be accepted, at the most; the kernel cuts it to /proc/sys/net/core/somaxconn. */
export const SOMAXCONN = constant('SOMAXCONN');
/** For shutdown: nothing more is read. */
export const SHUT_RD = constant('SHUT_RD');
/** For shutdown: nothing more is written; the peer reads an end. */
export const SHUT_WR = constant('SHUT_WR');
/** For shutdown: both. */
export const SHUT_RDWR = constant('SHUT_RDWR');
/** This call does not block. */
export const MSG_DONTWAIT = constant('MSG_DONTWAIT');
/** More is about to follow: TCP holds a packet back that is not full. */
export const MSG_MORE = constant('MSG_MORE');
/** No SIGPIPE when the peer has gone. */
export const MSG_NOSIGNAL = constant('MSG_NOSIGNAL');
/** Out-of-band data: one byte of TCP's. */
export const MSG_OOB = constant('MSG_OOB');
/** Leaves in the queue what it reads. */
export const MSG_PEEK = constant('MSG_PEEK');
/** Gives the real length of a message that is longer than the buffer. */
export const MSG_TRUNC = constant('MSG_TRUNC');
/** Blocks until the buffer is full. */
export const MSG_WAITALL = constant('MSG_WAITALL');
/** The level of the options that every socket has, SO_…. */
export const SOL_SOCKET = constant('SOL_SOCKET');
/** Whether the socket listens; to be read only. */
export const SO_ACCEPTCONN = constant('SO_ACCEPTCONN');
/** May send to broadcast addresses. */
export const SO_BROADCAST = constant('SO_BROADCAST');
/** The family of the socket; to be read only. */
export const SO_DOMAIN = constant('SO_DOMAIN');
/** The error that is waiting, as a positive number, and forgets it; to be read only. */
export const SO_ERROR = constant('SO_ERROR');
/** The CPU on which the last packet was processed. */
export const SO_INCOMING_CPU = constant('SO_INCOMING_CPU');
/** Asks a silent peer from time to time whether it is there. */
export const SO_KEEPALIVE = constant('SO_KEEPALIVE');
/** What close does with data not yet sent: C's struct linger, two ints, on or off and seconds. */
export const SO_LINGER = constant('SO_LINGER');
/** Out-of-band data stays in the stream. */
export const SO_OOBINLINE = constant('SO_OOBINLINE');
/** The protocol of the socket; to be read only. */
export const SO_PROTOCOL = constant('SO_PROTOCOL');
/** The size of the receive buffer in bytes; the kernel doubles it. */
export const SO_RCVBUF = constant('SO_RCVBUF');
/** How many bytes make it readable. */
export const SO_RCVLOWAT = constant('SO_RCVLOWAT');
/** How long a blocking receive waits: C's struct timeval. */
export const SO_RCVTIMEO = constant('SO_RCVTIMEO');
/** bind takes an address that connections in TIME_WAIT still have. */
export const SO_REUSEADDR = constant('SO_REUSEADDR');
/** Several sockets may bind one address, and share what comes. */
export const SO_REUSEPORT = constant('SO_REUSEPORT');
/** The size of the send buffer in bytes; the kernel doubles it. */
export const SO_SNDBUF = constant('SO_SNDBUF');
/** How long a blocking send waits: C's struct timeval. */
export const SO_SNDTIMEO = constant('SO_SNDTIMEO');
/** The type of the socket, SOCK_STREAM and so on; to be read only. */
export const SO_TYPE = constant('SO_TYPE');
/** The level of IPv4's options, and the protocol 0. */
export const IPPROTO_IP = constant('IPPROTO_IP');
/** The level of IPv6's options. */
export const IPPROTO_IPV6 = constant('IPPROTO_IPV6');
/** TCP, and the level of its options. */
export const IPPROTO_TCP = constant('IPPROTO_TCP');
/** UDP, and the level of its options. */
export const IPPROTO_UDP = constant('IPPROTO_UDP');
/** An IPv6 socket takes no IPv4 connections. */
export const IPV6_V6ONLY = constant('IPV6_V6ONLY');
/** Holds packets back that are not full, for at most 200 ms. */
export const TCP_CORK = constant('TCP_CORK');
/** A connection is to be accepted only when its first data has come; in seconds. */
export const TCP_DEFER_ACCEPT = constant('TCP_DEFER_ACCEPT');
/** How many unanswered questions end a connection. */
export const TCP_KEEPCNT = constant('TCP_KEEPCNT');
/** After how many seconds of silence the first question is asked. */
export const TCP_KEEPIDLE = constant('TCP_KEEPIDLE');
/** How many seconds lie between the questions. */
export const TCP_KEEPINTVL = constant('TCP_KEEPINTVL');
/** The longest segment, in bytes. */
export const TCP_MAXSEG = constant('TCP_MAXSEG');
/** Sends small packets at once: no Nagle. */
export const TCP_NODELAY = constant('TCP_NODELAY');
/** Acknowledges at once, for now. */
export const TCP_QUICKACK = constant('TCP_QUICKACK');
/** How long data may stay unacknowledged until the connection is given up, in milliseconds. */
export const TCP_USER_TIMEOUT = constant('TCP_USER_TIMEOUT');

/** An address in Node.js's shape. */
export type InetAddress = {
  /** As Node.js names it. */
  family: 'IPv4' | 'IPv6';
  /** Numbers, no name: `127.0.0.1`, `::1`, `fe80::1%lo`. */
  address: string;
  /** 0 to 65535; 0 asks bind(2) for a free one. */
  port: number;
};
/** Where a socket of AF_UNIX is. */
export type UnixAddress = {
  /** AF_UNIX. */
  family: 'unix';
  /**
   * At most 107 bytes, or 108 for a name in the abstract namespace, which begins with `\0`. Empty: asks bind(2) for a
   * name of the kernel's choice.
   */
  path: string;
};
/** Where a socket is, in the shape that Node.js gives it. */
export type Address = InetAddress | UnixAddress;

let memoryOf: (name: string, address: SockAddr) => Memory;
let isSockAddr: (address: object) => address is SockAddr;
let fill: (into: SockAddr, name: string, address: Address) => SockAddr;

/**
 * Room for an address: C's `struct sockaddr_storage` with its length. Where a call takes an address, one of these or a
 * plain object will do; where a call hands one out, it fills one of these, and allocates nothing.
 */
export class SockAddr {
  readonly #memory: Memory;
  readonly #keep: ArrayBuffer;

  /** @param address what it holds from the start; nothing unless given */
  constructor(address?: Address) {
    this.#keep = new ArrayBuffer(constant('SOCKADDR_BYTES'));
    this.#memory = native.pin(this.#keep);
    if (address !== undefined) this.#set('address', address);
  }

  static {
    isSockAddr = (address): address is SockAddr => #memory in address;
    fill = (into, name, address) => into.#set(name, address);
    memoryOf = (name, address) => {
      if (isObject(address) && #memory in address && address.#keep) return address.#memory;
      throw invalidType(name, 'an instance of SockAddr', address);
    };
  }

  /**
   * @throws TypeError for what is no address, or a text that is none of its family; RangeError for a port or a path
   *   out of range
   */
  set(address: Address): this {
    return this.#set('address', address);
  }

  #set(name: string, address: Address): this {
    if (!isObject(address)) throw invalidType(name, 'an address', address);
    const { family } = address;
    if (family === 'unix') this.#setUnix(name, address.path);
    else if (family === 'IPv4' || family === 'IPv6') this.#setInet(name, family, address.address, address.port);
    else throw invalidType(`${name}.family`, "'IPv4', 'IPv6' or 'unix'", family);
    return this;
  }

  #setInet(name: string, family: 'IPv4' | 'IPv6', host: string, port: number): void {
    if (typeof host !== 'string') throw invalidType(`${name}.address`, 'of type string', host);
    frame[0] = this.#memory;
    frame[1] = family === 'IPv4' ? AF_INET : AF_INET6;
    frame[2] = integer(`${name}.port`, port, 0, 65535);
    native.sockaddr_inet(host);
    if (frame[0] !== 0) throw invalidType(`${name}.address`, `an ${family} address in numbers`, host);
  }

  #setUnix(name: string, path: string): void {
    if (typeof path !== 'string') throw invalidType(`${name}.path`, 'of type string', path);
    if (path.lastIndexOf('\0') > 0 && path[0] !== '\0') {
      throw invalidType(`${name}.path`, 'a path without NUL, or a name that begins with one', path);
    }
    frame[0] = this.#memory;
    native.sockaddr_unix(path);
    if (frame[0] === -ENAMETOOLONG) {
      throw outOfRange(`${name}.path`, 'at most 107 bytes long', `${Buffer.byteLength(path)} bytes`);
    }
  }

  /** `'IPv4'`, `'IPv6'` or `'unix'`; `undefined` while it holds no such address. */
  get family(): Address['family'] | undefined {
    frame[0] = this.#memory;
    native.sockaddr_family();
    const family = frame[0];
    return family === AF_INET ? 'IPv4' : family === AF_INET6 ? 'IPv6' : family === AF_UNIX ? 'unix' : undefined;
  }

  /** The numbers of an Internet address, `''` for any other. */
  get address(): string {
    return this.family === 'unix' ? '' : this.#text();
  }

  /** The port of an Internet address, 0 for any other. */
  get port(): number {
    frame[0] = this.#memory;
    native.sockaddr_port();
    return frame[0] as number;
  }

  /** The path of a unix address, `''` for any other and for a socket without a name. */
  get path(): string {
    return this.family === 'unix' ? this.#text() : '';
  }

  #text(): string {
    frame[0] = this.#memory;
    return native.sockaddr_text();
  }

  /** A plain object, or `null` while it holds no address that Node.js has a shape for. */
  toJSON(): Address | null {
    const { family } = this;
    if (family === undefined) return null;
    return family === 'unix' ? { family, path: this.path } : { family, address: this.address, port: this.port };
  }
}

let scratch: SockAddr | undefined;

/** The memory of an address that goes into a call. */
function given(name: string, address: Address | SockAddr): Memory {
  if (!isObject(address)) throw invalidType(name, 'an address', address);
  if (isSockAddr(address)) return memoryOf(name, address);
  scratch ??= new SockAddr();
  return memoryOf(name, fill(scratch, name, address));
}

/** The memory of an address that a call fills. */
function toFill(name: string, address: SockAddr | null): Memory {
  return address === null ? 0 : memoryOf(name, address);
}

/**
 * Makes a socket.
 * @param domain `AF_INET`, `AF_INET6`, `AF_UNIX`…
 * @param type `SOCK_STREAM`, `SOCK_DGRAM`… with `SOCK_NONBLOCK` and `SOCK_CLOEXEC`
 * @param protocol 0, or one of `IPPROTO_…`
 * @returns its descriptor, or `-EACCES`, `-EAFNOSUPPORT`, `-EINVAL`, `-EMFILE`, `-ENFILE`, `-ENOBUFS`, `-EPROTONOSUPPORT`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/socket.2.html socket(2)}
 */
export function socket(domain: number, type: number, protocol: number): number {
  frame[0] = int32('domain', domain);
  frame[1] = int32('type', type);
  frame[2] = int32('protocol', protocol);
  native.socket();
  return (frame[0] as number) | 0;
}

/**
 * Makes two sockets that are connected to each other.
 * @param domain `AF_UNIX`
 * @param type `SOCK_STREAM`, `SOCK_DGRAM`… with `SOCK_NONBLOCK` and `SOCK_CLOEXEC`
 * @param protocol 0
 * @param sv filled with the two descriptors
 * @returns 0, or `-EAFNOSUPPORT`, `-EMFILE`, `-ENFILE`, `-EOPNOTSUPP`, `-EPROTONOSUPPORT`
 * @throws TypeError | RangeError for what is no C value, or an array with room for less than 2
 * @see {@link https://man7.org/linux/man-pages/man2/socketpair.2.html socketpair(2)}
 */
export function socketpair(domain: number, type: number, protocol: number, sv: Int32Array): number {
  filled('sv', sv, 'Int32Array', 2);
  frame[0] = int32('domain', domain);
  frame[1] = int32('type', type);
  frame[2] = int32('protocol', protocol);
  native.socketpair(sv);
  return (frame[0] as number) | 0;
}

/**
 * Gives a socket its local address.
 * @returns 0, or `-EACCES`, `-EADDRINUSE`, `-EADDRNOTAVAIL`, `-EBADF`, `-EINVAL`, `-ENOTSOCK`…
 * @throws TypeError | RangeError for what is no C value or no address
 * @see {@link https://man7.org/linux/man-pages/man2/bind.2.html bind(2)}
 */
export function bind(fd: number, address: Address | SockAddr): number {
  frame[1] = given('address', address);
  frame[0] = int32('fd', fd);
  native.bind();
  return (frame[0] as number) | 0;
}

/**
 * Makes a socket one that connections come to.
 * @param backlog how many may wait to be accepted; the kernel cuts it to net.core.somaxconn
 * @returns 0, or `-EADDRINUSE`, `-EBADF`, `-ENOTSOCK`, `-EOPNOTSUPP`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/listen.2.html listen(2)}
 */
export function listen(fd: number, backlog: number): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('backlog', backlog);
  native.listen();
  return (frame[0] as number) | 0;
}

/**
 * Takes the next connection. Blocks if the listener does.
 * @param flags a mask of `SOCK_NONBLOCK` and `SOCK_CLOEXEC`, for the new socket
 * @param address filled with the peer's address, unless `null`
 * @returns the new descriptor, or `-EAGAIN`, `-EBADF`, `-ECONNABORTED`, `-EINTR`, `-EINVAL`, `-EMFILE`, `-ENFILE`…
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/accept.2.html accept4(2)}, Linux 2.6.28
 */
export function accept4(fd: number, flags = 0, address: SockAddr | null = null): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('flags', flags);
  frame[2] = toFill('address', address);
  native.accept4();
  return (frame[0] as number) | 0;
}

/**
 * Connects a socket. Blocks if the socket does.
 * @returns 0, or `-ECONNREFUSED`, `-EINPROGRESS` (wait until it can be written to, then ask `SO_ERROR`), `-EAGAIN` (a unix
 *   listener's backlog is full), `-EINTR`, `-EISCONN`, `-ETIMEDOUT`…
 * @throws TypeError | RangeError for what is no C value or no address
 * @see {@link https://man7.org/linux/man-pages/man2/connect.2.html connect(2)}
 */
export function connect(fd: number, address: Address | SockAddr): number {
  frame[1] = given('address', address);
  frame[0] = int32('fd', fd);
  native.connect();
  return (frame[0] as number) | 0;
}

/**
 * Receives what there is, up to `length` bytes, into the caller's buffer. Blocks if the socket does.
 * @param buffer any Uint8Array over memory of its own
 * @param offset where in the buffer to begin, 0 to `buffer.length`
 * @param length how many bytes at most; all that follow `offset` unless given
 * @param flags a mask of `MSG_DONTWAIT`, `MSG_PEEK`, `MSG_OOB`…
 * @returns how many bytes came, 0 when the peer sends no more, or `-EAGAIN`, `-EBADF`, `-ECONNRESET`, `-EINTR`, `-ENOTCONN`…
 * @throws TypeError | RangeError for what is no C value, a window outside the buffer, a detached or shared buffer
 * @see {@link https://man7.org/linux/man-pages/man2/recv.2.html recv(2)}
 */
export function recv(fd: number, buffer: Uint8Array, offset = 0, length?: number, flags = 0): number {
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  frame[4] = int32('flags', flags);
  native.recv(buffer);
  return (frame[0] as number) | 0;
}

/**
 * Sends up to `length` bytes of the caller's buffer. Blocks if the socket does. Node.js ignores SIGPIPE: a peer that
 * has gone is `-EPIPE`.
 * @param buffer any Uint8Array over memory of its own
 * @param offset where in the buffer to begin, 0 to `buffer.length`
 * @param length how many bytes; all that follow `offset` unless given
 * @param flags a mask of `MSG_DONTWAIT`, `MSG_OOB`, `MSG_MORE`…
 * @returns how many bytes the kernel took, which may be fewer, or `-EAGAIN`, `-EBADF`, `-ECONNRESET`, `-EINTR`, `-EPIPE`…
 * @throws TypeError | RangeError for what is no C value, a window outside the buffer, a detached or shared buffer
 * @see {@link https://man7.org/linux/man-pages/man2/send.2.html send(2)}
 */
export function send(fd: number, buffer: Uint8Array, offset = 0, length?: number, flags = 0): number {
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  frame[4] = int32('flags', flags);
  native.send(buffer);
  return (frame[0] as number) | 0;
}

/**
 * `recv` that says who sent it.
 * @param from filled with the sender's address, unless `null`
 * @returns as `recv`; a datagram longer than the window is cut (with `MSG_TRUNC`, its full length is returned)
 * @throws as `recv`
 * @see {@link https://man7.org/linux/man-pages/man2/recv.2.html recvfrom(2)}
 */
export function recvfrom(
  fd: number,
  buffer: Uint8Array,
  offset = 0,
  length?: number,
  flags = 0,
  from: SockAddr | null = null,
): number {
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  frame[4] = int32('flags', flags);
  frame[5] = toFill('from', from);
  native.recvfrom(buffer);
  return (frame[0] as number) | 0;
}

/**
 * `send` to an address.
 * @param to where it goes; `null` on a connected socket
 * @returns as `send`, or `-EDESTADDRREQ`, `-EISCONN`, `-EMSGSIZE`
 * @throws as `send`, and for what is no address
 * @see {@link https://man7.org/linux/man-pages/man2/send.2.html sendto(2)}
 */
export function sendto(
  fd: number,
  buffer: Uint8Array,
  offset: number,
  length: number | undefined,
  flags: number,
  to: Address | SockAddr | null,
): number {
  const destination = to === null ? 0 : given('to', to);
  frame[0] = int32('fd', fd);
  window(buffer, offset, length);
  frame[4] = int32('flags', flags);
  frame[5] = destination;
  native.sendto(buffer);
  return (frame[0] as number) | 0;
}

/**
 * Ends one direction of a connection, or both.
 * @param how `SHUT_RD`, `SHUT_WR` or `SHUT_RDWR`
 * @returns 0, or `-EBADF`, `-EINVAL`, `-ENOTCONN`, `-ENOTSOCK`
 * @throws TypeError | RangeError for what is no C int
 * @see {@link https://man7.org/linux/man-pages/man2/shutdown.2.html shutdown(2)}
 */
export function shutdown(fd: number, how: number): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('how', how);
  native.shutdown();
  return (frame[0] as number) | 0;
}

/**
 * Asks for an option of a socket.
 * @param level `SOL_SOCKET`, `IPPROTO_TCP`…
 * @param optname `SO_ERROR`, `TCP_NODELAY`…
 * @param optval filled with the value: an Int32Array of 1 for most, bytes for structs
 * @returns how many bytes the value has (C hands this back through `optlen`), or `-EBADF`, `-EINVAL`, `-ENOPROTOOPT`, `-ENOTSOCK`
 * @throws TypeError | RangeError for what is no C value, a detached or shared buffer, or an option with which the kernel
 *   writes outside it: SO_GET_FILTER, TCP_AO_GET_KEYS, TCP_ZEROCOPY_RECEIVE
 * @see {@link https://man7.org/linux/man-pages/man2/getsockopt.2.html getsockopt(2)}
 */
export function getsockopt(fd: number, level: number, optname: number, optval: Uint8Array | Int32Array): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('level', level);
  frame[2] = int32('optname', optname);
  if (types.isInt32Array(optval)) native.getsockopt_ints(filled('optval', optval, 'Int32Array', 1));
  else native.getsockopt_bytes(unshared('optval', optval, 'Uint8Array'));
  return (frame[0] as number) | 0;
}

/**
 * Sets an option of a socket.
 * @param level `SOL_SOCKET`, `IPPROTO_TCP`…
 * @param optname `SO_REUSEADDR`, `TCP_NODELAY`…
 * @param optval a C int, or the bytes of a struct
 * @returns 0, or `-EBADF`, `-EDOM`, `-EINVAL`, `-ENOPROTOOPT`, `-ENOTSOCK`, `-EPERM`
 * @throws TypeError | RangeError for what is no C value, or a detached or shared buffer
 * @see {@link https://man7.org/linux/man-pages/man2/setsockopt.2.html setsockopt(2)}
 */
export function setsockopt(fd: number, level: number, optname: number, optval: number | Uint8Array): number {
  frame[0] = int32('fd', fd);
  frame[1] = int32('level', level);
  frame[2] = int32('optname', optname);
  if (typeof optval === 'number') {
    frame[3] = int32('optval', optval);
    native.setsockopt_int();
  } else {
    native.setsockopt_bytes(unshared('optval', optval, 'Uint8Array'));
  }
  return (frame[0] as number) | 0;
}

/**
 * The local address of a socket.
 * @param address filled with it
 * @returns 0, or `-EBADF`, `-ENOTSOCK`
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/getsockname.2.html getsockname(2)}
 */
export function getsockname(fd: number, address: SockAddr): number {
  frame[0] = int32('fd', fd);
  frame[1] = memoryOf('address', address);
  native.getsockname();
  return (frame[0] as number) | 0;
}

/**
 * The address that a socket is connected to.
 * @param address filled with it
 * @returns 0, or `-EBADF`, `-ENOTCONN`, `-ENOTSOCK`
 * @throws TypeError | RangeError for what is no C value
 * @see {@link https://man7.org/linux/man-pages/man2/getpeername.2.html getpeername(2)}
 */
export function getpeername(fd: number, address: SockAddr): number {
  frame[0] = int32('fd', fd);
  frame[1] = memoryOf('address', address);
  native.getpeername();
  return (frame[0] as number) | 0;
}
