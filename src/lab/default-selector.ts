/** Which selector is the default. */
import * as selectors from '../selectors/index.js';
import { experiment, type Lab } from './harness.js';

export const defaultSelector = experiment({
  name: 'default-selector',
  group: 'documents',
  question: 'Which selector is the default, and why?',
  background:
    'Document 001: DefaultSelector is the best of the platform: epoll, kqueue or devpoll, else poll, else select.',
  run,
});

function run({ sys, say, expect, quietly, pair }: Lab): string {
  say('A call that the kernel does not have answers ENOSYS. The three are asked with arguments that do no harm.');
  const answers = {
    epoll: sys.epoll_create1(-1),
    poll: sys.poll(new sys.PollFds(1), 0, 0),
    select: sys.select(0, null, null, null, 0),
  };
  expect('epoll is there: it complains of the flags, not of itself', answers.epoll, -sys.EINVAL);
  expect('poll is there', answers.poll, 0);
  expect('select is there', answers.select, 0);

  say(`DefaultSelector is ${selectors.DefaultSelector.name}.`);
  expect(
    'the first that the kernel has, in the order epoll, poll, select',
    selectors.DefaultSelector.name,
    'EpollSelector',
  );

  say('Why epoll: the three tell the same, and it alone does not go through all to find it (see scan).');
  const [mine, peer] = pair('mine', 'peer');
  quietly(() => sys.send(peer, Buffer.from('x')));
  for (const Selector of [selectors.EpollSelector, selectors.PollSelector, selectors.SelectSelector]) {
    using selector = new Selector<string>();
    selector.register(mine, selectors.EVENT_READ | selectors.EVENT_WRITE, 'mine');
    const told = selector.select(0).map(([key, mask]) => [key.data, mask]);
    expect(`${Selector.name} tells ${JSON.stringify(told)}`, told, [['mine', 3]]);
  }
  return 'EpollSelector: it is the first in the order epoll, poll, select that this kernel has, and the only one whose wait does not grow with the number of descriptors.';
}
