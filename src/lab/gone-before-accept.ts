/** A listener that was ready. */
import { experiment, type Lab } from './harness.js';

export const goneBeforeAccept = experiment({
  name: 'gone-before-accept',
  group: 'traps',
  question: 'EPOLLIN on a listener: is there somebody to accept?',
  background: 'Stevens, UNP §16.6: between select and accept the client may go, and a blocking accept hangs.',
  run,
});

function run({ sys, say, expect, listener, client, epoll, name, settled }: Lab): string {
  const events = new sys.EpollEvents(8);
  const buffer = Buffer.alloc(8);
  const door = listener('listener');
  const [first, second] = [epoll('server 1'), epoll('server 2')];
  sys.epoll_ctl(first, sys.EPOLL_CTL_ADD, door.fd, sys.EPOLLIN);
  sys.epoll_ctl(second, sys.EPOLL_CTL_ADD, door.fd, sys.EPOLLIN);

  say('A client connects and breaks off (SO_LINGER of 0: close sends a reset) before the server has accepted.');
  const hasty = client(door.address, 'client 1');
  settled(door.fd, sys.POLLIN);
  sys.setsockopt(hasty, sys.SOL_SOCKET, sys.SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
  sys.close(hasty);
  expect('the listener is ready', sys.epoll_wait(first, events, 8, 1000), 1);
  const dead = name(sys.accept4(door.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC), 'dead');
  expect('Linux hands over the dead connection', dead >= 0);
  settled(dead, sys.POLLERR);
  expect('who it was is no longer known', sys.getpeername(dead, new sys.SockAddr()), -sys.ENOTCONN);
  expect('the first read tells', sys.recv(dead, buffer), -sys.ECONNRESET);

  say('Two servers share the listener, and both are told of one client. The first takes it.');
  client(door.address, 'client 2');
  settled(door.fd, sys.POLLIN);
  sys.epoll_wait(first, events, 8, 0);
  sys.epoll_wait(second, events, 8, 0);
  const taken = name(sys.accept4(door.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC), 'taken');
  expect('accepted', taken >= 0);
  expect('nobody is there for the second: a blocking accept would hang now', sys.accept4(door.fd), -sys.EAGAIN);

  return (
    'There was. On Linux a client that has gone is still accepted, and the first read says ECONNRESET; but another process may ' +
    'have been faster. A listener that is waited for must not block.'
  );
}
