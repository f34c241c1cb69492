/** Whether epoll and the process share memory. */
import { readFileSync } from 'node:fs';
import { experiment, type Lab } from './harness.js';

export const sharedMemory = experiment({
  name: 'shared-memory',
  group: 'documents',
  question: 'Does epoll share a memory map with the kernel?',
  background: 'The documents: epoll and the kernel share a memory map, so that nothing is copied.',
  run,
});

function run({ sys, say, show, expect, pair, epoll }: Lab): string {
  const [mine, peer] = pair('mine', 'peer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, mine, sys.EPOLLIN);
  sys.send(peer, Buffer.from('x'));
  sys.epoll_wait(epfd, events, 8, 0);

  say('What is mapped into this process stands in /proc/self/maps, each line with the file that it is of.');
  const maps = readFileSync('/proc/self/maps', 'utf8').trimEnd().split('\n');
  const ofEpoll = maps.filter((line) => line.includes('eventpoll'));
  show(`${maps.length} mappings, of which [eventpoll]: ${ofEpoll.length}`);
  expect('none is of an epoll set, although one has been made, filled and waited for', ofEpoll.length, 0);

  say(
    'If the events lay in shared memory, they would follow what happens. The byte is read, and a wait fills another buffer.',
  );
  sys.recv(mine, Buffer.alloc(1));
  const elsewhere = new sys.EpollEvents(8);
  expect('the socket is no longer readable', sys.epoll_wait(epfd, elsewhere, 8, 0), 0);
  expect('the first buffer still says EPOLLIN: a copy, made at the moment of the call', events.events(0), sys.EPOLLIN);

  return (
    'No: epoll_wait copies the ready events out, and the kernel has no mmap for an epoll set. What it saves is another copy: poll ' +
    'hands the whole list in and out at every call; that of epoll stays in the kernel, and epoll_ctl changes one entry.'
  );
}
