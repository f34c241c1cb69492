/** An epoll set in an epoll set. */
import { experiment, type Lab } from './harness.js';

export const nested = experiment({
  name: 'nested',
  group: 'traps',
  question: 'An epoll set within another: when is the inner one ready?',
  background:
    "An epoll set is a descriptor that can be waited for: this is how fdmux puts one on Node.js's event loop.",
  run,
});

function run({ sys, say, expect, pair, epoll }: Lab): string {
  const { EPOLL_CTL_ADD, EPOLLIN, EPOLLET } = sys;
  const [mine, peer] = pair('mine', 'peer');
  const inner = epoll('inner');
  const level = epoll('outer, level');
  const edge = epoll('outer, edge');
  const events = new sys.EpollEvents(8);
  sys.epoll_ctl(inner, EPOLL_CTL_ADD, mine, EPOLLIN);
  sys.epoll_ctl(level, EPOLL_CTL_ADD, inner, EPOLLIN);
  sys.epoll_ctl(edge, EPOLL_CTL_ADD, inner, EPOLLIN | EPOLLET);

  say('Nothing is ready within: the inner set is not readable.');
  expect('level: silent', sys.epoll_wait(level, events, 8, 0), 0);

  say('A byte for the socket in the inner set.');
  sys.send(peer, Buffer.from('a'));
  expect('level: the inner set is readable', sys.epoll_wait(level, events, 8, 0), 1);
  expect('told is the set, not the socket', events.fd(0), inner);
  expect('edge: told', sys.epoll_wait(edge, events, 8, 0), 1);

  say('Asking the inner set changes nothing: its socket is still ready, level-triggered.');
  expect('inner: the socket', sys.epoll_wait(inner, events, 8, 0), 1);
  expect('level: told again', sys.epoll_wait(level, events, 8, 0), 1);
  expect('edge: silent', sys.epoll_wait(edge, events, 8, 0), 0);

  say('Once the byte has been read, both are silent; the inner set is asked again by the outer.');
  sys.recv(mine, Buffer.alloc(8));
  expect('level: silent', sys.epoll_wait(level, events, 8, 0), 0);

  say('A new byte is a new edge for the outer one, whether or not the inner was emptied.');
  sys.send(peer, Buffer.from('b'));
  expect('edge: told', sys.epoll_wait(edge, events, 8, 0), 1);

  return (
    'As long as anything within it is ready. A level-triggered outer set asks through to the files; an edge-triggered one hears ' +
    'each report once, and then the inner set must be emptied as a socket must.'
  );
}
