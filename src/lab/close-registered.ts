/** What each call makes of a descriptor that was closed while it waited for it. */
import { experiment, type Lab } from './harness.js';

export const closeRegistered = experiment({
  name: 'close-registered',
  group: 'documents',
  question: 'What if a descriptor is closed before it is unregistered?',
  background: 'A server closes its clients in several places, and may forget to unregister in one of them.',
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const [mine, peer] = pair('mine', 'peer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  const fds = new sys.PollFds(1);
  const set = new sys.FdSet();

  say('A socket with a byte in it, watched by all three, is closed.');
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, mine, sys.EPOLLIN);
  fds.set(0, mine, sys.POLLIN);
  set.add(mine);
  sys.send(peer, Buffer.from('x'));
  sys.close(mine);

  expect('epoll has let it go with its last descriptor', sys.epoll_wait(epfd, events, 8, 0), 0);
  expect('taking it out now is refused: EBADF', sys.epoll_ctl(epfd, sys.EPOLL_CTL_DEL, mine), -sys.EBADF);
  expect('poll answers at once, however long it may wait', sys.poll(fds, 1, 10_000), 1);
  expect('with POLLNVAL, at every call', fds.revents(0), sys.POLLNVAL);
  expect('select fails as a whole, and says not for which one', sys.select(mine + 1, set, null, null, 0), -sys.EBADF);

  say('The next descriptor gets the number. Nobody has registered it; select and poll cannot know.');
  const [newcomer, theirs] = pair('newcomer', 'theirs');
  expect('the same number', newcomer, mine);
  sys.send(theirs, Buffer.from('y'));
  expect('poll tells of the newcomer', sys.poll(fds, 1, 0), 1);
  set.clear();
  set.add(mine);
  expect('so does select', sys.select(mine + 1, set, null, null, 0), 1);
  expect('epoll does not: it holds open files, not numbers', sys.epoll_wait(epfd, events, 8, 0), 0);

  return (
    'epoll forgets it, unless a duplicate lives (see closed-dup); poll says POLLNVAL for ever; select fails for all. Once the ' +
    "number is another's, poll and select ask about that one. So: unregister, then close."
  );
}
