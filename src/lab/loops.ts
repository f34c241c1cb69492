/** Sets that hold each other. */
import { experiment, type Lab } from './harness.js';

export const loops = experiment({
  name: 'loops',
  group: 'traps',
  question: 'Can epoll sets hold each other, and how deep?',
  background: 'A report travels from set to set. A circle would never end, and each level costs kernel stack.',
  run,
});

function run({ sys, say, expect, epoll, pair }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLIN } = sys;
  const put = (inner: number, outer: number): number => sys.epoll_ctl(outer, EPOLL_CTL_ADD, inner, EPOLLIN);

  say('A set in itself, and two in each other.');
  const [a, b] = [epoll('a'), epoll('b')];
  expect('in itself: EINVAL', put(a, a), -sys.EINVAL);
  expect('a in b', put(a, b), 0);
  expect('b in a: ELOOP', put(b, a), -sys.ELOOP);

  say('A chain: a socket in a set, that set in another, and so on.');
  const [socket] = pair('socket', 'peer');
  let inner = epoll('set 1');
  put(socket, inner);
  let depth = 1;
  let refused = 0;
  while (refused === 0 && depth < 20) {
    const outer = epoll(`set ${depth + 1}`);
    refused = put(inner, outer);
    inner = outer;
    if (refused === 0) depth++;
  }
  expect('it ends with ELOOP', refused, -sys.ELOOP);
  expect('after five sets', depth, 5);

  return 'Not in a circle (ELOOP), not in itself (EINVAL), and no more than five deep. Nobody needs more than two.';
}
