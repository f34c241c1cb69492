/** Reading until EAGAIN, from somebody who never stops. */
import { experiment, type Lab } from './harness.js';

export const busyPeer = experiment({
  name: 'busy-peer',
  group: 'traps',
  question: 'Read until EAGAIN: and if EAGAIN never comes?',
  background:
    'Edge-triggered, one reads until EAGAIN. epoll(7) warns of starvation: a peer that sends as fast as it is read keeps all others waiting.',
  run,
});

function run({ sys, say, show, expect, quietly, pair, epoll }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLIN, EPOLLET } = sys;
  const ENOUGH = 10_000;
  const byte = Buffer.alloc(1);
  const events = new sys.EpollEvents(8);
  const [busy, flood] = pair('busy', 'flood');
  const [calm, caller] = pair('calm', 'caller');
  const edge = epoll('edge');
  sys.epoll_ctl(edge, EPOLL_CTL_ADD, busy, EPOLLIN | EPOLLET);
  sys.epoll_ctl(edge, EPOLL_CTL_ADD, calm, EPOLLIN | EPOLLET);
  sys.send(flood, byte);
  sys.send(caller, byte);
  /** One read; the flood has its next byte there before the reader is back. */
  const readBusy = (): number => {
    const count = sys.recv(busy, byte);
    sys.send(flood, byte);
    return count;
  };

  say('Both are ready. The program reads the first until EAGAIN, as the rule for edges is.');
  sys.epoll_wait(edge, events, 8, 0);
  let reads = 0;
  quietly(() => {
    while (readBusy() !== -sys.EAGAIN && ++reads < ENOUGH);
  });
  show(`${reads} reads of busy, and the turn of calm has not come`);
  expect('it would go on for ever; this experiment has given up', reads, ENOUGH);

  say(
    "With a budget: after 16 reads busy goes to the end of a queue of one's own, as the kernel will not remind us of it.",
  );
  const queue = [busy, calm];
  let before = 0;
  quietly(() => {
    for (let fd = queue.shift(); fd !== undefined && fd !== calm; fd = queue.shift()) {
      for (let i = 0; i < 16 && readBusy() > 0; i++) before++;
      queue.push(fd);
    }
  });
  expect('calm has waited for 16 reads', before, 16);

  say(
    'Level-triggered, the kernel keeps that queue: whoever was told goes to its end. One event a wait, one read an event.',
  );
  const level = epoll('level');
  sys.epoll_ctl(level, EPOLL_CTL_ADD, busy, EPOLLIN);
  sys.epoll_ctl(level, EPOLL_CTL_ADD, calm, EPOLLIN);
  const turns = { busy: 0, calm: 0 };
  quietly(() => {
    for (let i = 0; i < 100; i++) {
      sys.epoll_wait(level, events, 1, 0);
      if (events.fd(0) === busy) turns.busy += readBusy() > 0 ? 1 : 0;
      else turns.calm++;
    }
  });
  show(`of 100 waits, busy was told ${turns.busy} times, calm ${turns.calm} times`);
  expect('turn and turn about', turns, { busy: 50, calm: 50 });

  return (
    'Then the others starve. Edge-triggered, keep a list of who is not finished and give each a budget; level-triggered, one ' +
    'read an event is fair, because the kernel takes turns.'
  );
}
