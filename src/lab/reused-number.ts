/** A number that changes its owner while a batch is worked through. */
import { experiment, type Lab } from './harness.js';

export const reusedNumber = experiment({
  name: 'reused-number',
  group: 'traps',
  question: 'Can one event in a batch be about the wrong connection?',
  background: 'epoll_wait hands over a batch; while its first events are handled, the others grow old.',
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const [anna, annasPeer] = pair('anna', "anna's peer");
  const [ben, bensPeer] = pair('ben', "ben's peer");
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  const serial = new Map<number, number>();
  const register = (fd: number, number: number): void => {
    sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN, number);
    serial.set(fd, number);
  };

  say('Two connections are ready, and stand in one batch. Each has a serial number, its tag: the upper half of u64.');
  register(anna, 1);
  register(ben, 2);
  sys.send(annasPeer, Buffer.from('a'));
  sys.send(bensPeer, Buffer.from('b'));
  expect('a batch of two', sys.epoll_wait(epfd, events, 8, 0), 2);

  say("Handling anna's event closes ben (she has logged in twice, say), and lets a newcomer in.");
  sys.close(ben);
  const [newcomer] = pair('newcomer', "newcomer's peer");
  register(newcomer, 3);
  expect("the newcomer has ben's number", newcomer, ben);

  say("Now the second event of the batch. By its number it is the newcomer's.");
  expect('readable, says the batch', [events.fd(1), events.events(1)], [newcomer, sys.EPOLLIN]);
  expect(
    'but nothing is there: a blocking read would hang the server',
    sys.recv(newcomer, Buffer.alloc(8)),
    -sys.EAGAIN,
  );
  expect('its tag shows that it is about another registration', events.tag(1) === serial.get(newcomer), false);

  return (
    'Yes: descriptors are the lowest numbers free, so a newcomer often gets the one just closed. Compare tags, or close and ' +
    'accept only after the batch; and never block on a readable that may be old.'
  );
}
