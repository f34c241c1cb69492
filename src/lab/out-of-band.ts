/** Urgent data: select's third set. */
import { experiment, type Lab } from './harness.js';

export const outOfBand = experiment({
  name: 'out-of-band',
  group: 'traps',
  question: 'What is the exceptional set for?',
  background: 'Document 002 watches it for "exceptional" sockets, and closes what it finds in it.',
  run,
});

function run({ sys, say, expect, tcp, epoll, settled }: Lab): string {
  const [server, client] = tcp('server', 'client');
  const buffer = Buffer.alloc(64);
  const events = new sys.EpollEvents(8);
  const epfd = epoll('epoll');
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, server, sys.EPOLLPRI);
  const exceptional = (fd: number): number => {
    const set = new sys.FdSet();
    set.add(fd);
    return sys.select(fd + 1, null, null, set, 0);
  };

  say('Ordinary data, then three with MSG_OOB.');
  sys.send(client, Buffer.from('abc'));
  settled(server, sys.POLLIN);
  expect('ordinary data is not exceptional', exceptional(server), 0);
  sys.send(client, Buffer.from('de!'), 0, 3, sys.MSG_OOB);
  settled(server, sys.POLLPRI);
  expect('select: exceptional', exceptional(server), 1);
  sys.epoll_wait(epfd, events, 8, 0);
  expect('epoll: EPOLLPRI', events.events(0), sys.EPOLLPRI);

  say('Only the last byte is urgent. It is read apart; the others stay in the stream, which stops at its mark.');
  expect('the urgent byte', sys.recv(server, buffer, 0, 64, sys.MSG_OOB), 1);
  expect('is "!"', buffer.toString('latin1', 0, 1), '!');
  expect('the stream up to the mark', sys.recv(server, buffer), 5);
  expect('is "abcde"', buffer.toString('latin1', 0, 5), 'abcde');
  expect('nothing is left', sys.recv(server, buffer), -sys.EAGAIN);
  expect('not exceptional any more', exceptional(server), 0);

  say('An error is not exceptional. The client resets the connection:');
  sys.setsockopt(client, sys.SOL_SOCKET, sys.SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
  sys.close(client);
  settled(server, sys.POLLERR);
  expect('the exceptional set stays empty', exceptional(server), 0);
  const readable = new sys.FdSet();
  readable.add(server);
  expect('it is told as readable', sys.select(server + 1, readable, null, null, 0), 1);
  expect('and recv says what it is', sys.recv(server, buffer), -sys.ECONNRESET);

  return 'For out-of-band data (POLLPRI, EPOLLPRI), of which TCP has one byte. Errors and hang-ups make a socket readable and writable instead.';
}
