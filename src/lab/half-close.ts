/** One direction ends, the other goes on. */
import { experiment, type Lab } from './harness.js';

export const halfClose = experiment({
  name: 'half-close',
  group: 'traps',
  question: 'What does a half-closed connection look like?',
  background: 'EPOLLRDHUP: the peer sends no more. EPOLLHUP: neither side does. They are easily taken for one another.',
  run,
});

function run({ sys, say, expect, tcp, epoll, settled }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLIN, EPOLLRDHUP, EPOLLHUP } = sys;
  const [server, client] = tcp('server', 'client');
  const events = new sys.EpollEvents(8);
  const buffer = Buffer.alloc(64);
  const plain = epoll('without RDHUP');
  const asking = epoll('with RDHUP');
  sys.epoll_ctl(plain, EPOLL_CTL_ADD, server, EPOLLIN);
  sys.epoll_ctl(asking, EPOLL_CTL_ADD, server, EPOLLIN | EPOLLRDHUP);

  say('The client sends a request and says that it was the last: SHUT_WR. It still reads, as `nc -N` and HTTP/1.0 do.');
  sys.send(client, Buffer.from('question'));
  sys.shutdown(client, sys.SHUT_WR);
  settled(server, sys.POLLRDHUP);
  sys.epoll_wait(plain, events, 8, 0);
  expect('whoever has not asked is told EPOLLIN alone', events.events(0), EPOLLIN);
  sys.epoll_wait(asking, events, 8, 0);
  expect('EPOLLRDHUP comes with the data, not after it', events.events(0), EPOLLIN | EPOLLRDHUP);

  say('Who hangs up at EPOLLRDHUP loses the question, and the client its answer. So read on, and answer:');
  expect('the question', sys.recv(server, buffer), 8);
  expect('the end', sys.recv(server, buffer), 0);
  expect('the answer is taken', sys.send(server, Buffer.from('answer')), 6);
  settled(client, sys.POLLIN);
  expect('and arrives', sys.recv(client, buffer), 6);

  say('Now the server ends its direction as well.');
  sys.shutdown(server, sys.SHUT_WR);
  settled(server, sys.POLLHUP);
  sys.epoll_wait(plain, events, 8, 0);
  expect('EPOLLHUP: both directions have ended; it needs no asking', events.events(0), EPOLLIN | EPOLLHUP);

  return (
    'As EPOLLIN, and EPOLLRDHUP where that was asked for; data may still be there, and the other direction is open. EPOLLHUP ' +
    'comes only when both have ended. Read to the zero, answer, then close.'
  );
}
