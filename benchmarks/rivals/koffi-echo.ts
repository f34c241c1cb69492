/** An echo server over epoll(7) through koffi, level-triggered: c/echo.c's loop, each call a foreign function. */
import { endianness } from 'node:os';
import * as sys from '../../src/sys/index.js';
import { loadKoffi } from './koffi.js';

const MAXEVENTS = 1024;
const SOMAXCONN = 4096;

const libc = loadKoffi().load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const setsockopt = libc.func('int setsockopt(int sockfd, int level, int optname, const void *optval, uint optlen)');
const bind = libc.func('int bind(int sockfd, const void *addr, uint addrlen)');
const listen = libc.func('int listen(int sockfd, int backlog)');
const getsockname = libc.func('int getsockname(int sockfd, void *addr, void *addrlen)');
const accept4 = libc.func('int accept4(int sockfd, void *addr, void *addrlen, int flags)');
const recv = libc.func('long recv(int sockfd, void *buf, size_t len, int flags)');
const send = libc.func('long send(int sockfd, const void *buf, size_t len, int flags)');
const close = libc.func('int close(int fd)');
const epoll_create1 = libc.func('int epoll_create1(int flags)');
const epoll_ctl = libc.func('int epoll_ctl(int epfd, int op, int fd, void *event)');
const epoll_wait = libc.func('int epoll_wait(int epfd, void *events, int maxevents, int timeout)');

// struct epoll_event is packed on x86-64 only.
if (endianness() !== 'LE') throw new Error('the structs are written for little-endian machines');
const EVENT_BYTES = process.arch === 'x64' ? 12 : 16;
const EVENT_DATA = process.arch === 'x64' ? 4 : 8;

const one = new Uint8Array(new Int32Array([1]).buffer);
const event = Buffer.alloc(EVENT_BYTES);
const events = Buffer.alloc(EVENT_BYTES * MAXEVENTS);
const buffer = Buffer.allocUnsafeSlow(65536);
/** What a peer has sent and not yet taken back. */
const owed = new Map<number, Buffer>();

const epfd = epoll_create1(sys.EPOLL_CLOEXEC);

function watch(op: number, fd: number, mask: number): void {
  event.writeUInt32LE(mask, 0);
  event.writeInt32LE(fd, EVENT_DATA);
  if (epoll_ctl(epfd, op, fd, event) !== 0) throw new Error('epoll_ctl failed');
}

function hangUp(fd: number): void {
  owed.delete(fd);
  close(fd);
}

/** Sends what there is; -1 is taken for EAGAIN, and a peer that has gone for good shows at the next look. */
function pay(fd: number, bytes: Buffer, length: number): void {
  const sent = Math.max(0, send(fd, bytes, length, sys.MSG_NOSIGNAL));
  if (sent < length) {
    owed.set(fd, Buffer.from(bytes.subarray(sent, length)));
    watch(sys.EPOLL_CTL_MOD, fd, sys.EPOLLOUT);
  } else if (owed.delete(fd)) {
    watch(sys.EPOLL_CTL_MOD, fd, sys.EPOLLIN);
  }
}

function serve(fd: number, mask: number): void {
  const rest = owed.get(fd);
  if (rest !== undefined) {
    if (mask & (sys.EPOLLERR | sys.EPOLLHUP)) hangUp(fd);
    else pay(fd, rest, rest.length);
    return;
  }
  const count = recv(fd, buffer, buffer.length, 0);
  // Nothing else reads this descriptor: a level that was told is there.
  if (count <= 0) hangUp(fd);
  else pay(fd, buffer, count);
}

const listener = socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
const address = Buffer.alloc(16);
address.writeUInt16LE(sys.AF_INET, 0);
address.writeUInt32BE(0x7f000001, 4);
if (bind(listener, address, address.length) !== 0 || listen(listener, SOMAXCONN) !== 0)
  throw new Error('cannot listen');
getsockname(listener, address, new Uint8Array(new Uint32Array([address.length]).buffer));
watch(sys.EPOLL_CTL_ADD, listener, sys.EPOLLIN);
console.log(`listening on 127.0.0.1:${address.readUInt16BE(2)}`);

function acceptAll(): void {
  for (;;) {
    const fd = accept4(listener, null, null, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC);
    if (fd < 0) return;
    setsockopt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, one, one.length);
    watch(sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
  }
}

for (;;) {
  const count = epoll_wait(epfd, events, MAXEVENTS, -1);
  for (let i = 0; i < count; i++) {
    const at = i * EVENT_BYTES;
    const fd = events.readInt32LE(at + EVENT_DATA);
    if (fd === listener) acceptAll();
    else serve(fd, events.readUInt32LE(at));
  }
}
