/**
 * An echo server over the npm package epoll, level-triggered. The package waits and does no more: the sockets are read
 * and written with fdmux/sys, so that the waiting is all that differs.
 */
import * as sys from '../../src/sys/index.js';
import { loadEpoll } from './epoll.js';

const { Epoll } = loadEpoll();

const buffer = Buffer.allocUnsafeSlow(65536);
/** What a peer has sent and not yet taken back. */
const owed = new Map<number, Buffer>();

function hangUp(fd: number): void {
  owed.delete(fd);
  peers.remove(fd);
  sys.close(fd);
}

function pay(fd: number, bytes: Buffer, length: number): void {
  const sent = sys.send(fd, bytes, 0, length);
  const taken = sent === -sys.EAGAIN ? 0 : sent;
  if (taken < 0) {
    hangUp(fd);
  } else if (taken < length) {
    owed.set(fd, Buffer.from(bytes.subarray(taken, length)));
    peers.modify(fd, Epoll.EPOLLOUT);
  } else if (owed.delete(fd)) {
    peers.modify(fd, Epoll.EPOLLIN);
  }
}

const peers = new Epoll((_error, fd) => {
  const rest = owed.get(fd);
  const count = rest?.length ?? sys.recv(fd, buffer);
  if (count > 0) pay(fd, rest ?? buffer, count);
  else if (count !== -sys.EAGAIN) hangUp(fd);
});

const listener = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
sys.bind(listener, { family: 'IPv4', address: '127.0.0.1', port: 0 });
sys.listen(listener, sys.SOMAXCONN);
const door = new Epoll(() => {
  for (;;) {
    const fd = sys.accept4(listener, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC);
    if (fd < 0) return;
    sys.setsockopt(fd, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
    peers.add(fd, Epoll.EPOLLIN);
  }
});
door.add(listener, Epoll.EPOLLIN);

const here = new sys.SockAddr();
sys.getsockname(listener, here);
console.log(`listening on 127.0.0.1:${(here.toJSON() as { port: number }).port}`);
