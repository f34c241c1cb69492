/** Files that nobody can wait for. */
import { openSync } from 'node:fs';
import { devNull } from 'node:os';
import { fileURLToPath } from 'node:url';
import { packageRoot } from '../sys/native.js';
import { experiment, type Lab } from './harness.js';

export const regularFiles = experiment({
  name: 'regular-files',
  group: 'traps',
  question: 'Can one wait for a regular file?',
  background: 'A server that works with `< input.txt` over select may fail over epoll: EPERM.',
  run,
});

function run({ sys, say, expect, own, name, epoll }: Lab): string {
  const file = name(own(openSync(fileURLToPath(new URL('package.json', packageRoot)), 'r')), 'package.json');
  const epfd = epoll('epoll');

  say('A file on disk has no method to be asked whether it is ready.');
  const mask = sys.EPOLLIN;
  expect('epoll does not take it: EPERM', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, file, mask), -sys.EPERM);

  say('poll and select take it for always ready, to be read and to be written, opened for that or not.');
  const fds = new sys.PollFds(1);
  fds.set(0, file, sys.POLLIN | sys.POLLOUT);
  sys.poll(fds, 1, 10_000);
  expect('poll: both', fds.revents(0), sys.POLLIN | sys.POLLOUT);
  const [readable, writable] = [new sys.FdSet(), new sys.FdSet()];
  readable.add(file);
  writable.add(file);
  expect('select: both', sys.select(file + 1, readable, writable, null, 10_000_000), 2);

  say('At the end of the file, too: it is read until zero bytes come, and then it is ready still.');
  const buffer = Buffer.alloc(65536);
  while (sys.read(file, buffer) > 0);
  fds.set(0, file, sys.POLLIN);
  expect('readable, with nothing to read', sys.poll(fds, 1, 10_000), 1);

  say(
    'What counts is the method, not the kind of file. /dev/null has none; the list of mounts has one, and reports changes.',
  );
  const nothing = name(own(openSync(devNull, 'r')), devNull);
  expect('/dev/null: EPERM', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, nothing, mask), -sys.EPERM);
  const mounts = name(own(openSync('/proc/self/mounts', 'r')), '/proc/self/mounts');
  expect('/proc/self/mounts: taken', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, mounts, sys.EPOLLPRI), 0);

  return (
    'No: epoll says so with EPERM; poll and select call it ready for ever, whatever the disk does. Treat what epoll refuses as ' +
    'always ready, and read it in small pieces.'
  );
}
