/** In which order the ready ones are told. */
import { experiment, type Lab } from './harness.js';

export const readyOrder = experiment({
  name: 'ready-order',
  group: 'traps',
  question: 'In which order are ready descriptors told?',
  background: 'select and poll go through what they were given. epoll keeps a list of those that have reported.',
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const sockets = ['a', 'b', 'c'].map((name) => pair(name, `peer of ${name}`));
  const [a, b, c] = sockets.map(([fd]) => fd) as [number, number, number];
  const names = new Map([
    [a, 'a'],
    [b, 'b'],
    [c, 'c'],
  ]); // prettier-ignore
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  const told = (count: number): string => Array.from({ length: count }, (_, i) => names.get(events.fd(i))).join(' ');
  for (const fd of [a, b, c]) sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);

  say('Bytes arrive for c, then for a, then for b.');
  for (const i of [2, 0, 1]) sys.send((sockets[i] as [number, number])[1], Buffer.from('x'));
  const fds = new sys.PollFds(3);
  for (const [i, fd] of [a, b, c].entries()) fds.set(i, fd, sys.POLLIN);
  sys.poll(fds, 3, 0);
  expect(
    'poll answers in place: a, b, c',
    [0, 1, 2].every((i) => fds.revents(i) === sys.POLLIN),
  );
  expect('epoll: in the order of their arrival', told(sys.epoll_wait(epfd, events, 8, 0)), 'c a b');

  say(
    'Level-triggered, whoever was told goes to the end of the list. With room for one event a call, they take turns:',
  );
  const turns: string[] = [];
  for (let i = 0; i < 6; i++) turns.push(told(sys.epoll_wait(epfd, events, 1, 0)));
  expect('c a b c a b', turns.join(' '), 'c a b c a b');

  say('More bytes for one that is on the list do not move it.');
  sys.send((sockets[1] as [number, number])[1], Buffer.from('y'));
  expect('still c a b', told(sys.epoll_wait(epfd, events, 8, 0)), 'c a b');

  return (
    'select by number, poll by place: who comes first in them is always served first. epoll by arrival, and then in turns, so ' +
    'that maxevents smaller than the crowd starves nobody.'
  );
}
