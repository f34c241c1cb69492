/** One connection, and who is woken for it. */
import { setTimeout as sleep } from 'node:timers/promises';
import { experiment, type Lab, type Script } from './harness.js';

export const herd = experiment({
  name: 'herd',
  group: 'traps',
  question: 'Four processes wait for a client: how many wake up?',
  background:
    'The thundering herd: all are woken, one gets the connection. EPOLLEXCLUSIVE (Linux 4.5) is meant to end it.',
  run,
});

async function run({ sys, say, show, expect, listener, client, pipe, epoll, child }: Lab): Promise<string> {
  const WAITERS = 4;
  const count = async (mask: number): Promise<number> => {
    const door = listener('listener');
    const [over, end] = pipe('over', 'end');
    const waiters = Array.from({ length: WAITERS }, () => child([door.fd, over], waitForClient, mask));
    for (const waiter of waiters) await waiter.told();
    for (const waiter of waiters) await waiter.asleep();
    // Nobody accepts: whoever is woken still finds the client there, however late it looks.
    client(door.address, 'client');
    await sleep(200);
    sys.close(end);
    const woken = await Promise.all(waiters.map((waiter) => waiter.told()));
    const count = woken.filter((told) => told === true).length;
    show(`woken by one client: ${count} of ${WAITERS} processes`);
    return count;
  };

  say(`${WAITERS} processes share a listener, each with an epoll set of its own. They sleep; one client connects.`);
  expect('EPOLLIN wakes all', await count(sys.EPOLLIN), WAITERS);

  say('The same with EPOLLIN|EPOLLEXCLUSIVE.');
  expect('one is woken', await count(sys.EPOLLIN | sys.EPOLLEXCLUSIVE), 1);

  say('What EPOLLEXCLUSIVE does not go with:');
  const { fd } = listener('listener');
  const epfd = epoll('epoll');
  const both = sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN | sys.EPOLLEXCLUSIVE | sys.EPOLLONESHOT);
  expect('EPOLLONESHOT', both, -sys.EINVAL);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN | sys.EPOLLEXCLUSIVE);
  expect('being changed', sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, fd, sys.EPOLLIN), -sys.EINVAL);

  return (
    `All ${WAITERS}; with EPOLLEXCLUSIVE 1 (the manual promises one or more). It is for sets of one's own: threads that wait in the ` +
    'very same set are woken one at a time anyway.'
  );
}

/** What each of the processes does. */
const waitForClient: Script = ({ sys, fds: [door = -1, over = -1], given: mask, tell }) => {
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  const events = new sys.EpollEvents(2);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, door, mask);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, over, 0);
  tell('waiting');
  const count = sys.epoll_wait(epfd, events, 2, 30_000);
  tell([0, 1].some((i) => i < count && events.fd(i) === door));
};
