/** Told once, then silent until armed again. */
import { experiment, type Lab } from './harness.js';

export const oneshot = experiment({
  name: 'oneshot',
  group: 'traps',
  question: 'What does EPOLLONESHOT leave behind?',
  background: 'EPOLLONESHOT hands each event to one thread: after it the descriptor is disabled until epoll_ctl MOD.',
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLL_CTL_MOD, EPOLLIN, EPOLLONESHOT } = sys;
  const [mine, peer] = pair('mine', 'peer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);

  say('One byte, and then another.');
  sys.epoll_ctl(epfd, EPOLL_CTL_ADD, mine, EPOLLIN | EPOLLONESHOT);
  sys.send(peer, Buffer.from('a'));
  expect('told', sys.epoll_wait(epfd, events, 8, 0), 1);
  sys.send(peer, Buffer.from('b'));
  expect('silent, also when more comes', sys.epoll_wait(epfd, events, 8, 0), 0);

  say('It is still in the set.');
  expect('adding it again is refused: EEXIST', sys.epoll_ctl(epfd, EPOLL_CTL_ADD, mine, EPOLLIN), -sys.EEXIST);

  say('MOD arms it again, and looks: what came meanwhile is not lost.');
  sys.epoll_ctl(epfd, EPOLL_CTL_MOD, mine, EPOLLIN | EPOLLONESHOT);
  expect('told of what lies there', sys.epoll_wait(epfd, events, 8, 0), 1);

  say('Disabled, even what comes unasked does not come: the peer leaves.');
  sys.close(peer);
  expect('no hang-up', sys.epoll_wait(epfd, events, 8, 0), 0);
  sys.epoll_ctl(epfd, EPOLL_CTL_MOD, mine, EPOLLIN | EPOLLONESHOT);
  sys.epoll_wait(epfd, events, 8, 0);
  expect('until it is armed', events.events(0), EPOLLIN | sys.EPOLLHUP);

  return (
    'An entry that stays in the set, deaf even to hang-ups. Arm it with MOD (not ADD) once the event has been handled; arming ' +
    'looks, so nothing is lost between.'
  );
}
