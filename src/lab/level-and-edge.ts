/** Level-triggered repeats what is ready, edge-triggered tells a change. */
import { experiment, type Lab } from './harness.js';

export const levelAndEdge = experiment({
  name: 'level-and-edge',
  group: 'documents',
  question: 'How often does epoll tell of one and the same byte?',
  background: 'The documents: level-triggered repeats until it has been read, edge-triggered tells once.',
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLIN, EPOLLET } = sys;
  const [mine, peer] = pair('mine', 'peer');
  const level = epoll('level');
  const edge = epoll('edge');
  const events = new sys.EpollEvents(8);
  const byte = Buffer.alloc(1);

  say('Two sets watch one socket, the second edge-triggered. One byte arrives, and nobody reads it.');
  sys.epoll_ctl(level, EPOLL_CTL_ADD, mine, EPOLLIN);
  sys.epoll_ctl(edge, EPOLL_CTL_ADD, mine, EPOLLIN | EPOLLET);
  sys.send(peer, Buffer.from('a'));
  const told = { level: 0, edge: 0 };
  for (let i = 0; i < 3; i++) told.level += sys.epoll_wait(level, events, 8, 0);
  for (let i = 0; i < 3; i++) told.edge += sys.epoll_wait(edge, events, 8, 0);
  expect('level tells it at each of three looks', told.level, 3);
  expect('edge tells it once', told.edge, 1);

  say('A second byte is a change, although the first still lies there.');
  sys.send(peer, Buffer.from('b'));
  expect('edge tells again', sys.epoll_wait(edge, events, 8, 0), 1);

  say('One byte of the two is read. Reading is no change, so the other byte is not told of.');
  sys.recv(mine, byte);
  expect('edge is silent, with a byte waiting', sys.epoll_wait(edge, events, 8, 0), 0);
  expect('level tells of it', sys.epoll_wait(level, events, 8, 0), 1);

  return (
    'Level tells at every look until nothing is left. Edge tells each arrival once, read or not: ' +
    'read until EAGAIN, or what you leave is told only when more comes.'
  );
}
