/** What a listener says when nobody is there. */
import { Socket } from '../socket.js';
import { experiment, type Lab } from './harness.js';

export const nonblockingAccept = experiment({
  name: 'nonblocking-accept',
  group: 'documents',
  question: 'What does a non-blocking accept do when nobody knocks?',
  background: 'Document 003: with setblocking(False), accept raises an error that the program has to catch.',
  run,
});

function run({ sys, say, show, expect, listener, client, name, settled }: Lab): string {
  const door = listener('listener');
  say('The system call answers at once, with a number.');
  expect('EAGAIN', sys.accept4(door.fd, sys.SOCK_CLOEXEC), -sys.EAGAIN);

  say('A Socket of fdmux throws it, as Python raises BlockingIOError.');
  using socket = new Socket();
  socket.bind({ family: 'IPv4', address: '127.0.0.1', port: 0 });
  socket.listen();
  socket.setBlocking(false);
  let thrown: unknown;
  try {
    socket.accept();
  } catch (error) {
    const { code, errno, syscall } = error as NodeJS.ErrnoException;
    thrown = { code, errno, syscall };
  }
  show(`listener.accept() throws ${JSON.stringify(thrown)}`);
  expect('the same error, in the form of Node.js', thrown, { code: 'EAGAIN', errno: -sys.EAGAIN, syscall: 'accept4' });

  say('Somebody comes.');
  client(door.address, 'client');
  settled(door.fd, sys.POLLIN);
  const fd = name(sys.accept4(door.fd, sys.SOCK_CLOEXEC), 'newcomer');
  expect('now there is a descriptor', fd >= 0);
  const flags = sys.fcntl(fd, sys.F_GETFL);
  expect('which blocks: on Linux the listener does not pass O_NONBLOCK on', flags & sys.O_NONBLOCK, 0);

  return (
    'It fails with EAGAIN: that is no failure, it means not now. Trying again after a sleep (as document 003 does) costs time and ' +
    'CPU; waiting for EPOLLIN costs neither. The new socket needs SOCK_NONBLOCK of its own.'
  );
}
