/** A ghost in the set: epoll holds open files, close closes numbers. */
import { experiment, type Lab } from './harness.js';

export const closedDup = experiment({
  name: 'closed-dup',
  group: 'traps',
  question: 'Can epoll tell of a descriptor that has been closed?',
  background: 'epoll(7): closing removes a descriptor from all sets, but only when no duplicate is left.',
  run,
});

function run({ sys, say, expect, name, pair, epoll }: Lab): string {
  const [mine, peer] = pair('mine', 'peer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);

  say('A socket is registered, gets a duplicate (a dup, or a child process that inherits it), and is closed.');
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, mine, sys.EPOLLIN);
  const copy = name(sys.dup(mine), 'copy');
  sys.close(mine);
  sys.send(peer, Buffer.from('x'));
  expect('it is told, under the number that is closed', sys.epoll_wait(epfd, events, 8, 0), 1);
  expect('that very number', events.fd(0), mine);

  say('Neither number gets it out: an entry is a number and an open file together.');
  expect('by its number: EBADF', sys.epoll_ctl(epfd, sys.EPOLL_CTL_DEL, mine), -sys.EBADF);
  expect('by its duplicate: ENOENT', sys.epoll_ctl(epfd, sys.EPOLL_CTL_DEL, copy), -sys.ENOENT);

  say(
    'Somebody else gets the number, and is registered, with the tag 1 (the upper half of u64). Two entries have the number.',
  );
  const [newcomer] = pair('newcomer', 'theirs');
  expect('the same number', newcomer, mine);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, newcomer, sys.EPOLLIN, 1);
  expect('the byte of the old one is told in the name of the new', sys.epoll_wait(epfd, events, 8, 0), 1);
  expect('only a tag, given at epoll_ctl, tells them apart', [events.fd(0), events.tag(0)], [newcomer, 0]);

  say('It ends when the last duplicate is closed.');
  sys.close(copy);
  expect('silence', sys.epoll_wait(epfd, events, 8, 0), 0);

  return (
    'Yes, for as long as a duplicate lives, and there is no way to take it out meanwhile. Unregister before you close, open ' +
    'everything close-on-exec, and give each registration a tag.'
  );
}
