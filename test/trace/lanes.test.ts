import { describe, expect, test } from 'vitest';
import * as plain from '../../src/sys/index.js';
import type { TraceCall } from '../../src/trace/event.js';
import { followCalls } from '../../src/trace/lanes.js';
import type { Sys } from '../../src/trace/record.js';
import { echo, long, record } from './sample.js';

/** What is made of the calls that `run` makes. */
function follow(run: (sys: Sys) => void) {
  const { calls } = record(['test'], run);
  const followed = followCalls(calls);
  const nameOf = (lane: number): string => followed.lanes[lane]?.name ?? '';
  return {
    ...followed,
    calls,
    names: followed.lanes.map(({ name }) => name),
    arrowTexts: followed.arrows.map(
      ({ from, fromLane, to, toLane }) =>
        `${calls[from]?.name} on ${nameOf(fromLane)} woke ${calls[to]?.name} for ${nameOf(toLane)}`,
    ),
    spellsOf: (name: string) => followed.spells.filter(({ lane }) => nameOf(lane) === name),
    end: (i: number) => (calls[i]?.start ?? 0) + (calls[i]?.duration ?? 0),
  };
}

/** An epoll set, and what is waited for in it. */
function waiting(sys: Sys, fd: number, events: number) {
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, events);
  const buffer = new sys.EpollEvents(8);
  return { epfd, wait: (timeout = 0) => sys.epoll_wait(epfd, buffer, 8, timeout) };
}

const two = (make: (fds: Int32Array) => number): [number, number] => {
  const fds = new Int32Array(2);
  make(fds);
  return [fds[0] as number, fds[1] as number];
};
const pair = (sys: Sys): [number, number] =>
  two((fds) => sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0, fds));

describe('a lane', () => {
  test('is named for what its descriptor is', () => {
    const { names, lanes } = follow((sys) => {
      const fds = [
        sys.epoll_create1(sys.EPOLL_CLOEXEC),
        sys.eventfd(0, sys.EFD_CLOEXEC),
        sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC),
        sys.inotify_init1(sys.IN_CLOEXEC),
        sys.socket(sys.AF_INET, sys.SOCK_DGRAM | sys.SOCK_CLOEXEC, 0),
        sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0),
        sys.epoll_create1(sys.EPOLL_CLOEXEC),
        ...two((both) => sys.pipe2(both, sys.O_CLOEXEC)),
        ...pair(sys),
      ];
      fds.push(sys.dup(fds[1] as number));
      sys.read(0, Buffer.alloc(0));
      for (const fd of fds) sys.close(fd);
    });
    expect(names).toEqual([
      'epoll',
      'eventfd',
      'timer',
      'inotify',
      'datagram socket',
      'socket',
      'epoll 2',
      'pipe, reading end',
      'pipe, writing end',
      'socket pair, left',
      'socket pair, right',
      'copy of eventfd',
      'stdin',
    ]);
    expect(lanes.filter(({ closed }) => closed === null).map(({ name }) => name)).toEqual(['stdin']);
  });

  test('of a server is the listener, of each accepted socket client N with its address, of the one who connects a connection', () => {
    const { calls } = echo('level');
    const { lanes } = followCalls(calls);
    expect(lanes.map(({ name }) => name)).toEqual(['listener', 'epoll', 'connection', 'client 1']);
    const [listener, , connection, client] = lanes;
    expect(listener?.about).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(connection?.about).toBe(listener?.about);
    expect(client?.about).toMatch(/^127\.0\.0\.1:\d+$/);
    expect(lanes.map(({ row }) => row)).toEqual([1, 0, 2, 3]);
  });

  test('is a fresh one for whoever gets the number next, in the same row if it is of the same kind', () => {
    const { lanes, rows } = follow((sys) => {
      for (let i = 0; i < 3; i++) sys.close(sys.eventfd(0, sys.EFD_CLOEXEC));
      sys.close(sys.epoll_create1(sys.EPOLL_CLOEXEC));
    });
    expect(lanes.map(({ name, row }) => [name, row])).toEqual([
      ['eventfd', 1],
      ['eventfd 2', 1],
      ['eventfd 3', 1],
      ['epoll', 0],
    ]);
    expect(rows).toBe(2);
    for (const { opened, closed } of lanes) expect(closed).toBeGreaterThan(opened as number);
  });

  test('is guessed from its use where its opening has not been seen, and holds for a number that was closed unseen', () => {
    const call = (name: string, args: TraceCall['args'], result: number, start: number): TraceCall => ({
      name,
      args,
      result,
      thread: 1,
      start,
      duration: 1,
    });
    const { lanes } = followCalls([
      call('epoll_wait', [9, [], 8, 0], 0, 0),
      call('accept4', [8, 0, null], 7, 10),
      call('close', [33], 0, 20),
      call('eventfd', [0, 0], 7, 30),
    ]);
    expect(lanes.map(({ name, closed }) => [name, closed])).toEqual([
      ['epoll', null],
      ['listener', null],
      ['client 1', 30],
      ['descriptor 33', 20],
      ['eventfd', null],
    ]);
  });

  test('of poll and select is one of their own, and one for each thread where several wait', () => {
    const wait = (name: string, thread: number): TraceCall => ({
      name,
      args: name === 'poll' ? [[], 0, 0] : [0, null, null, null, 0],
      result: 0,
      thread,
      start: 0,
      duration: 1,
    });
    expect(followCalls([wait('poll', 1), wait('select', 1), wait('poll', 1)]).lanes.map(({ name }) => name)).toEqual([
      'poll',
      'select',
    ]);
    expect(followCalls([wait('poll', 1), wait('poll', 2)]).lanes.map(({ name }) => name)).toEqual([
      'poll, thread 1',
      'poll, thread 2',
    ]);
  });
});

describe('a spell', () => {
  test('of readable lasts from the write that caused it to the read that finds nothing', () => {
    const { spellsOf, end, calls } = follow((sys) => {
      const [a, b] = pair(sys);
      const { epfd, wait } = waiting(sys, a, sys.EPOLLIN | sys.EPOLLET);
      sys.send(b, Buffer.from('hello'));
      wait();
      sys.recv(a, Buffer.alloc(5));
      wait();
      sys.recv(a, Buffer.alloc(5));
      for (const fd of [a, b, epfd]) sys.close(fd);
    });
    const send = calls.findIndex(({ name }) => name === 'send');
    const dry = calls.findLast(({ name }) => name === 'recv');
    expect(spellsOf('socket pair, left')).toEqual([
      expect.objectContaining({ way: 'readable', start: end(send), end: dry?.start }),
    ]);
  });

  test.each(['epoll', 'poll', 'select'] as const)('ends when a level-triggered %s is silent about it', (method) => {
    const { spells, calls } = follow((sys) => {
      const [a, b] = pair(sys);
      const fds = new sys.PollFds(1);
      fds.set(0, a, sys.POLLIN);
      const set = waiting(sys, a, sys.EPOLLIN);
      const wait = {
        epoll: set.wait,
        poll: () => sys.poll(fds, 1, 0),
        select: () => {
          const read = new sys.FdSet();
          read.add(a);
          return sys.select(a + 1, read, null, null, 0);
        },
      }[method];
      sys.send(b, Buffer.from('hello'));
      wait();
      sys.recv(a, Buffer.alloc(5));
      wait();
      for (const fd of [a, b, set.epfd]) sys.close(fd);
    });
    const silent = calls.findLast(({ name }) => name === (method === 'epoll' ? 'epoll_wait' : method));
    expect(spells).toHaveLength(1);
    expect(spells[0]?.end).toBe(silent?.start);
  });

  test('of writable ends when there is no room, and begins with the read that makes some', () => {
    const { spellsOf, arrowTexts } = follow((sys) => {
      const [a, b] = pair(sys);
      const { epfd, wait } = waiting(sys, a, sys.EPOLLOUT | sys.EPOLLET);
      wait();
      const bytes = Buffer.alloc(1 << 20);
      while (sys.send(a, bytes) > 0);
      wait();
      while (sys.recv(b, bytes) > 0);
      wait();
      for (const fd of [a, b, epfd]) sys.close(fd);
    });
    expect(spellsOf('socket pair, left').map(({ way }) => way)).toEqual(['writable', 'writable']);
    expect(arrowTexts).toContain('recv on socket pair, right woke epoll_wait for socket pair, left');
  });

  test('that nobody asked about is not there', () => {
    const { spells } = follow((sys) => {
      const [a, b] = pair(sys);
      sys.send(a, Buffer.from('x'));
      sys.recv(b, Buffer.alloc(1));
      sys.close(a);
      sys.close(b);
    });
    expect(spells).toEqual([]);
  });
});

describe('an arrow', () => {
  test.each([
    ['a socket pair', pair, 'send on socket pair, right woke epoll_wait for socket pair, left'],
    [
      'a pipe',
      (sys: Sys) => two((fds) => sys.pipe2(fds, sys.O_CLOEXEC | sys.O_NONBLOCK)),
      'write on pipe, writing end woke epoll_wait for pipe, reading end',
    ],
    [
      'an eventfd',
      (sys: Sys): [number, number] => {
        const fd = sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK);
        return [fd, fd];
      },
      'write on eventfd woke epoll_wait for eventfd',
    ],
  ] as const)('goes from a write to the wake-up over %s', (_, open, expected) => {
    const { arrowTexts } = follow((sys) => {
      const [reader, writer] = open(sys);
      const { epfd, wait } = waiting(sys, reader, sys.EPOLLIN);
      if (expected.startsWith('send')) sys.send(writer, Buffer.from('12345678'));
      else sys.write(writer, Buffer.from('12345678'));
      wait();
      // Told again, but by nothing that happened in between.
      wait();
      for (const fd of new Set([reader, writer, epfd])) sys.close(fd);
    });
    expect(arrowTexts).toEqual([expected]);
  });

  test('over TCP joins connect and listener, and both ends by their addresses', () => {
    const trace = echo('edge');
    const { arrows, lanes } = followCalls(trace.calls);
    const texts = arrows.map(
      ({ from, to, toLane }) => `${trace.calls[from]?.name} → ${trace.calls[to]?.name}: ${lanes[toLane]?.name}`,
    );
    expect(texts).toEqual([
      'connect → epoll_wait: listener',
      'send → epoll_wait: client 1',
      'send → epoll_wait: client 1',
      'close → epoll_wait: client 1',
    ]);
  });

  test('over TCP goes by the addresses where they are known: somebody else may have come first', () => {
    const others: number[] = [];
    const { arrowTexts } = follow((sys) => {
      const listener = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0);
      sys.bind(listener, { family: 'IPv4', address: '127.0.0.1', port: 0 });
      sys.listen(listener, 8);
      const address = new sys.SockAddr();
      sys.getsockname(listener, address);
      const comes = (calls: Sys): number => {
        const fd = calls.socket(calls.AF_INET, calls.SOCK_STREAM | calls.SOCK_CLOEXEC, 0);
        calls.connect(fd, address.toJSON() as plain.InetAddress);
        calls.getsockname(fd, new calls.SockAddr());
        return fd;
      };
      others.push(comes(plain));
      const mine = comes(sys);
      const served = [1, 2].map(() => sys.accept4(listener, sys.SOCK_CLOEXEC, new sys.SockAddr()));
      const { epfd, wait } = waiting(sys, served[1] as number, sys.EPOLLIN);
      sys.send(mine, Buffer.from('x'));
      wait(1000);
      for (const fd of [mine, ...served, listener, epfd]) sys.close(fd);
    });
    for (const fd of others) plain.close(fd);
    expect(arrowTexts).toEqual(['send on connection woke epoll_wait for client 2']);
  });
});

test('a writable that is written to is not told again, one that is not written to is', () => {
  const { told, calls } = follow((sys) => {
    const [a, b] = pair(sys);
    const { epfd, wait } = waiting(sys, a, sys.EPOLLOUT);
    for (let i = 0; i < 3; i++) {
      wait();
      if (i === 0) sys.send(a, Buffer.from('x'));
    }
    for (const fd of [a, b, epfd]) sys.close(fd);
  });
  expect(told.map(({ again, call }) => [calls[call]?.name, again])).toEqual([
    ['epoll_wait', false],
    ['epoll_wait', false],
    ['epoll_wait', true],
  ]);
});

test('an edge is never told again, also where its cause is not in the trace; what goes on is one spell', () => {
  const fds = new Int32Array(2);
  plain.socketpair(plain.AF_UNIX, plain.SOCK_STREAM | plain.SOCK_CLOEXEC, 0, fds);
  const [mine = -1, peer = -1] = fds;
  const { told, spells } = follow((sys) => {
    const { epfd, wait } = waiting(sys, mine, sys.EPOLLIN | sys.EPOLLET);
    for (let i = 0; i < 3; i++) {
      plain.send(peer, Buffer.from('x'));
      wait();
    }
    sys.close(epfd);
  });
  plain.close(mine);
  plain.close(peer);
  expect(told.map(({ again }) => again)).toEqual([false, false, false]);
  expect(spells).toHaveLength(1);
});

test('level is told again with nothing new, edge is not', () => {
  const again = (trigger: 'level' | 'edge'): number =>
    followCalls(echo(trigger).calls).told.filter((told) => told.again).length;
  expect(again('level')).toBeGreaterThan(0);
  expect(again('edge')).toBe(0);
});

test('a long trace is followed in time that grows with its calls', () => {
  const { lanes, rows, laneOf } = followCalls(long(100_000).calls);
  expect(laneOf.length).toBeGreaterThanOrEqual(100_000);
  expect(lanes.length).toBeGreaterThan(10_000);
  expect(rows).toBe(32);
});
