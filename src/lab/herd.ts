/** One connection, and who is woken for it. */
import { experiment, type Lab } from './harness.js';

export const herd = experiment({
  name: 'herd',
  group: 'traps',
  question: 'Of four processes that wait for a client, how many wake up?',
  background:
    'The thundering herd: all are woken, one gets the connection. EPOLLEXCLUSIVE (Linux 4.5) is meant to end it.',
  run,
});

async function run(lab: Lab): Promise<string> {
  const { sys, say, show, expect } = lab;
  const WAITERS = 4;

  const count = async (mask: number): Promise<number> => {
    const door = lab.listener('listener');
    const waiters = Array.from({ length: WAITERS }, () =>
      lab.child([door.fd], mask === sys.EPOLLIN ? waits : waitsAlone),
    );
    for (const waiter of waiters) await waiter.told();
    for (const waiter of waiters) await waiter.asleep();
    lab.client(door.address, 'client');
    // Nobody accepts, so that nobody is late: whoever is woken finds the client there.
    const woken = await Promise.all(waiters.map((waiter) => waiter.told()));
    show(`epoll_wait has returned ${woken.join(', ')}`);
    return woken.filter((result) => result === 1).length;
  };

  say(`${WAITERS} processes share a listener, each with an epoll set of its own. They sleep; one client connects.`);
  expect('EPOLLIN wakes all', await count(sys.EPOLLIN), WAITERS);

  say('The same with EPOLLIN|EPOLLEXCLUSIVE. After two seconds without news a waiter gives up, with 0.');
  expect('one is woken', await count(sys.EPOLLIN | sys.EPOLLEXCLUSIVE), 1);

  say('What EPOLLEXCLUSIVE does not go with:');
  const { fd } = lab.listener('listener');
  const epfd = lab.epoll('epoll');
  const both = sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN | sys.EPOLLEXCLUSIVE | sys.EPOLLONESHOT);
  expect('EPOLLONESHOT', both, -sys.EINVAL);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN | sys.EPOLLEXCLUSIVE);
  expect('being changed', sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, fd, sys.EPOLLIN), -sys.EINVAL);

  return `All ${WAITERS}; with EPOLLEXCLUSIVE, 1 (the manual promises one or more). It holds between sets: threads that wait in the very same set are woken one at a time anyway.`;
}

const waits = ({ sys, fds: [door = 0], tell }: Parameters<Parameters<Lab['child']>[1]>[0]): void => {
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, door, sys.EPOLLIN);
  tell('waiting');
  tell(sys.epoll_wait(epfd, new sys.EpollEvents(1), 1, 5000));
};

const waitsAlone = ({ sys, fds: [door = 0], tell }: Parameters<Parameters<Lab['child']>[1]>[0]): void => {
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, door, sys.EPOLLIN | sys.EPOLLEXCLUSIVE);
  tell('waiting');
  tell(sys.epoll_wait(epfd, new sys.EpollEvents(1), 1, 2000));
};
