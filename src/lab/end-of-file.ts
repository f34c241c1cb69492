/** How the end of a stream is told. */
import { experiment, type Lab } from './harness.js';

export const endOfFile = experiment({
  name: 'end-of-file',
  group: 'documents',
  question: 'How do the three calls tell that the peer has gone?',
  background: 'The documents: a readable socket that gives zero bytes is one whose peer has closed.',
  run,
});

function run({ sys, say, expect, tcp, epoll, settled }: Lab): string {
  const [server, client] = tcp('server', 'client');
  const buffer = Buffer.alloc(64);
  const events = new sys.EpollEvents(8);
  const epfd = epoll('epoll');
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, server, sys.EPOLLIN);

  say('The client says goodbye and closes.');
  sys.send(client, Buffer.from('bye'));
  sys.close(client);
  settled(server, sys.POLLRDHUP);

  const set = new sys.FdSet();
  set.add(server);
  expect('select: readable', sys.select(server + 1, set, null, null, 0), 1);
  const fds = new sys.PollFds(1);
  fds.set(0, server, sys.POLLIN);
  expect('poll: readable', sys.poll(fds, 1, 0), 1);
  expect('epoll: readable', sys.epoll_wait(epfd, events, 8, 0), 1);

  say('Reading gives what was sent first, and then the end: zero bytes, as often as one asks.');
  expect('three bytes', sys.recv(server, buffer), 3);
  expect('zero bytes', sys.recv(server, buffer), 0);
  expect('zero bytes', sys.recv(server, buffer), 0);
  expect('and it stays readable, so that a loop that ignores it spins', sys.epoll_wait(epfd, events, 8, 0), 1);

  say('An open connection without data is not readable, and says something else.');
  const [quiet] = tcp('quiet server', 'quiet client');
  expect('EAGAIN, not zero', sys.recv(quiet, buffer), -sys.EAGAIN);

  return (
    'As an event to read, like data; what tells them apart is recv: zero bytes is the end, EAGAIN is nothing yet. It is ' +
    'told until the descriptor is closed or taken out.'
  );
}
