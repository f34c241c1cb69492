/** Reading an edge until a read comes back short. */
import { experiment, type Lab } from './harness.js';

export const shortRead = experiment({
  name: 'short-read',
  group: 'traps',
  question: 'Edge-triggered: may one stop at a short read?',
  background:
    'epoll(7), question 9: of a stream, a read that takes less than it had room for has taken all, as EAGAIN would say one call later. ' +
    'epoll-echo and web trust it.',
  run,
});

function run({ sys, say, expect, quietly, name, pair, tcp, epoll, settled }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLET, EPOLLIN, EPOLLPRI, EPOLLRDHUP } = sys;
  const buffer = Buffer.alloc(64);
  const events = new sys.EpollEvents(8);
  const edge = epoll('edge');
  const watch = (fd: number): number =>
    sys.epoll_ctl(edge, EPOLL_CTL_ADD, fd, EPOLLIN | EPOLLRDHUP | EPOLLPRI | EPOLLET);
  const told = (): number => (sys.epoll_wait(edge, events, 8, 0) === 0 ? 0 : events.events(0));

  say('Five bytes for a read with room for 64. The program stops there, and waits.');
  const [mine, peer] = pair('mine', 'peer');
  watch(mine);
  sys.send(peer, Buffer.from('hello'));
  expect('the edge is told', told(), EPOLLIN);
  expect('a short read', sys.recv(mine, buffer), 5);
  sys.send(peer, Buffer.from('again'));
  expect('what comes later is a change, and told', told(), EPOLLIN);
  expect('a short read', sys.recv(mine, buffer), 5);

  say('Last words, and the end together with them.');
  sys.send(peer, Buffer.from('bye'));
  sys.shutdown(peer, sys.SHUT_WR);
  expect('both are told at once', told(), EPOLLIN | EPOLLRDHUP);
  expect('a short read', sys.recv(mine, buffer), 3);
  expect('whoever stops here is told no more', told(), 0);
  expect('and misses the end', sys.recv(mine, buffer), 0);

  say('On TCP, a read also stops at the mark of an urgent byte.');
  const [server, client] = tcp('server', 'client');
  const arrivals = quietly(() => {
    sys.setsockopt(client, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
    return epoll('arrivals');
  });
  sys.send(client, Buffer.from('before!'), 0, 7, sys.MSG_OOB);
  quietly(() => {
    settled(server, sys.POLLPRI);
    sys.epoll_ctl(arrivals, EPOLL_CTL_ADD, server, EPOLLIN | EPOLLET);
    sys.epoll_wait(arrivals, events, 8, 0);
  });
  sys.send(client, Buffer.from('behind'));
  quietly(() => sys.epoll_wait(arrivals, events, 8, 2000));
  watch(server);
  expect('the edge tells of the mark, too', told(), EPOLLIN | EPOLLPRI);
  expect('a short read, up to the mark', sys.recv(server, buffer), 6);
  expect('whoever stops here is told no more', told(), 0);
  expect('and misses what lies behind it', sys.recv(server, buffer), 6);

  say('Of datagrams, a read takes one: that it is short says nothing of those behind it.');
  const sv = new Int32Array(2);
  sys.socketpair(sys.AF_UNIX, sys.SOCK_DGRAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0, sv);
  const [inbox, outbox] = [name(sv[0] as number, 'inbox'), name(sv[1] as number, 'outbox')];
  watch(inbox);
  sys.send(outbox, Buffer.from('one'));
  sys.send(outbox, Buffer.from('two'));
  expect('the edge is told', told(), EPOLLIN);
  expect('a short read', sys.recv(inbox, buffer), 3);
  expect('whoever stops here is told no more', told(), 0);
  expect('and misses the second', sys.recv(inbox, buffer), 3);

  return (
    'Of a stream, if nothing was told but data: it saves a call a message. Told of an end, an error or urgent data with it, read ' +
    'on until EAGAIN; so ask for EPOLLRDHUP and EPOLLPRI. Of anything but a stream, always read until EAGAIN.'
  );
}
