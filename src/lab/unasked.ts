/** Events that nobody has asked for. */
import { experiment, type Lab } from './harness.js';

export const unasked = experiment({
  name: 'unasked',
  group: 'traps',
  question: 'Does an empty event mask keep epoll silent?',
  background: 'epoll_ctl(2): EPOLLERR and EPOLLHUP are always reported; it is not necessary to set them.',
  run,
});

function run({ sys, say, expect, pipe, epoll }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLL_CTL_DEL, EPOLLHUP, EPOLLERR, EPOLLIN, EPOLLOUT, EPOLLET } = sys;
  const events = new sys.EpollEvents(8);
  const epfd = epoll('epoll');

  say('A pipe is registered with no events at all ("stop reading from it for now"); its writer leaves.');
  const [reader, writer] = pipe('reader', 'writer');
  sys.epoll_ctl(epfd, EPOLL_CTL_ADD, reader, 0);
  sys.write(writer, Buffer.from('x'));
  expect('data alone is not told', sys.epoll_wait(epfd, events, 8, 0), 0);
  sys.close(writer);
  let told = 0;
  for (let i = 0; i < 5; i++) told += sys.epoll_wait(epfd, events, 8, 10_000);
  expect('the hang-up is, at every call: the loop spins', told, 5);
  expect('as EPOLLHUP, without EPOLLIN', events.events(0), EPOLLHUP);

  say('A mask of 0 with EPOLLET at least tells it once. To hear nothing, take it out.');
  sys.epoll_ctl(epfd, EPOLL_CTL_MOD, reader, EPOLLET);
  sys.epoll_wait(epfd, events, 8, 0);
  expect('once', sys.epoll_wait(epfd, events, 8, 0), 0);
  sys.epoll_ctl(epfd, EPOLL_CTL_DEL, reader);

  say('A writing end whose reader leaves:');
  const [theirs, mine] = pipe('reader 2', 'writer 2');
  sys.epoll_ctl(epfd, EPOLL_CTL_ADD, mine, 0);
  sys.close(theirs);
  expect('told unasked', sys.epoll_wait(epfd, events, 8, 0), 1);
  expect('as EPOLLERR', events.events(0), EPOLLERR);
  sys.epoll_ctl(epfd, EPOLL_CTL_MOD, mine, EPOLLIN | EPOLLOUT);
  sys.epoll_wait(epfd, events, 8, 0);
  expect(
    'with others where they were asked for, so that == EPOLLIN never holds',
    events.events(0),
    EPOLLOUT | EPOLLERR,
  );

  return (
    'No: EPOLLHUP and EPOLLERR come whatever the mask says, alone or with others. Test bits with &, never the whole with ==, ' +
    'and take out whom you do not want to hear.'
  );
}
