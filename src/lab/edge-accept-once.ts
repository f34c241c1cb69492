/** Document 000's mistake: an edge-triggered listener, accepted from once. */
import { experiment, type Lab } from './harness.js';

export const edgeAcceptOnce = experiment({
  name: 'edge-accept-once',
  group: 'documents',
  question: 'An edge-triggered listener, one accept each: who is lost?',
  background: 'Document 000 registers its listener with EPOLLIN|EPOLLET and accepts once each time it is told.',
  run,
});

function run({ sys, say, expect, listener, client, epoll, name, settled }: Lab): string {
  const door = listener('listener');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, door.fd, sys.EPOLLIN | sys.EPOLLET);

  say('Three clients connect before the server looks.');
  for (const who of ['anna', 'ben', 'cleo']) client(door.address, who);
  settled(door.fd, sys.POLLIN);
  let accepted = 0;
  const acceptOnce = () => {
    if (sys.epoll_wait(epfd, events, 8, 100) === 0) return;
    const fd = sys.accept4(door.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC);
    if (fd >= 0) accepted++;
    name(fd, `client ${accepted}`);
  };
  acceptOnce();
  acceptOnce();
  expect('one is let in, and the server is told no more', accepted, 1);

  say('A fourth comes. That is a change; but one wake-up is again one accept.');
  client(door.address, 'dora');
  settled(door.fd, sys.POLLIN);
  acceptOnce();
  acceptOnce();
  expect('two of four are in, two wait for as long as nobody else comes', accepted, 2);

  say('The cure: accept until EAGAIN.');
  let last: number;
  for (;;) {
    last = sys.accept4(door.fd, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC);
    if (last < 0) break;
    name(last, `client ${++accepted}`);
  }
  expect('it ends with EAGAIN', last, -sys.EAGAIN);
  expect('all four are in', accepted, 4);

  return (
    'Whoever comes together with another: each wake-up lets in one, and what is left in the queue is told to nobody. ' +
    'Accept until EAGAIN, or watch the listener level-triggered.'
  );
}
