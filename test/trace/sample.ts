/** Traces to draw: real calls, recorded with their times; and made-up ones. */
import * as sys from '../../src/sys/index.js';
import type { TraceCall } from '../../src/trace/event.js';
import type { Call } from '../../src/trace/format.js';
import { recording, type Sys } from '../../src/trace/record.js';
import type { Trace } from '../../src/trace/timeline.js';

/** Records what `run` does with the calls it is given. */
export function record(command: readonly string[], run: (sys: Sys) => void): Trace {
  const begin = process.hrtime.bigint();
  const calls: TraceCall[] = [];
  let made: Call | undefined;
  const told = recording((call) => {
    made = call;
  });
  const now = (): number => Number(process.hrtime.bigint() - begin);
  const timed = Object.fromEntries(
    Object.entries(told).map(([name, value]) => {
      if (typeof value !== 'function' || /^[A-Z]/.test(name)) return [name, value];
      const call = value as (...args: unknown[]) => unknown;
      return [
        name,
        (...args: unknown[]) => {
          made = undefined;
          const start = now();
          const result = call(...args);
          if (made !== undefined) {
            calls.push({ ...(made as Call), thread: process.pid, start, duration: now() - start });
          }
          return result;
        },
      ];
    }),
  ) as unknown as Sys;
  run(timed);
  return {
    header: { fdmux: 'trace', version: 1, command, pid: process.pid, started: '2026-11-25T17:00:00.000Z' },
    calls,
    end: { dropped: 0 },
  };
}

/** A server that reads 4 bytes at a time, and a client that sends 12 and leaves: with either trigger. */
export function echo(trigger: 'level' | 'edge'): Trace {
  return record(['node', 'echo.js', trigger], (sys) => {
    const { EPOLLIN, EPOLLET, EPOLL_CTL_ADD, SOCK_CLOEXEC, SOCK_NONBLOCK, SOCK_STREAM, AF_INET } = sys;
    const listener = sys.socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    sys.bind(listener, { family: 'IPv4', address: '127.0.0.1', port: 0 });
    sys.listen(listener, 16);
    const address = new sys.SockAddr();
    sys.getsockname(listener, address);
    const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
    sys.epoll_ctl(epfd, EPOLL_CTL_ADD, listener, EPOLLIN);
    const events = new sys.EpollEvents(8);
    const buffer = Buffer.alloc(64);
    // Nobody is there yet.
    sys.epoll_wait(epfd, events, 8, 20);

    const client = sys.socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sys.connect(client, address.toJSON() as sys.InetAddress);
    sys.epoll_wait(epfd, events, 8, -1);
    const peer = new sys.SockAddr();
    const served = sys.accept4(listener, SOCK_NONBLOCK | SOCK_CLOEXEC, peer);
    const mask = trigger === 'edge' ? EPOLLIN | EPOLLET : EPOLLIN;
    sys.epoll_ctl(epfd, EPOLL_CTL_ADD, served, mask);
    for (const text of ['hello, world', 'and good-bye']) {
      sys.send(client, Buffer.from(text));
      for (let turns = 0; turns < 9; turns++) {
        if (sys.epoll_wait(epfd, events, 8, 5) === 0) break;
        do {
          if (sys.recv(served, buffer, 0, 4) < 0) break;
          sys.send(served, buffer, 0, 4);
        } while (trigger === 'edge');
      }
      sys.recv(client, buffer);
    }
    sys.close(client);
    sys.epoll_wait(epfd, events, 8, -1);
    sys.recv(served, buffer);
    for (const fd of [served, listener, epfd]) sys.close(fd);
  });
}

/** So many calls: a server whose clients come and go, one number given again and again. */
export function long(count: number): Trace {
  const calls: TraceCall[] = [];
  let at = 0;
  const add = (name: string, args: Call['args'], result: number, duration = 2000): void => {
    calls.push({ name, args, result, thread: 1, start: at, duration });
    at += duration + 1500;
  };
  const listening = { family: 'IPv4', address: '127.0.0.1', port: 7788 } as const;
  add('socket', [sys.AF_INET, sys.SOCK_STREAM, 0], 3);
  add('bind', [3, listening], 0);
  add('listen', [3, 64], 0);
  add('epoll_create1', [0], 4);
  add('epoll_ctl', [4, sys.EPOLL_CTL_ADD, 3, sys.EPOLLIN, 0], 0);
  const bytes = Buffer.from('hello');
  for (let i = 0; calls.length < count; i++) {
    const fd = 5 + (i % 30);
    const wait = (told: number) =>
      add('epoll_wait', [4, [{ events: sys.EPOLLIN, fd: told, tag: 0 }], 64, -1], 1, i % 7 === 0 ? 900_000 : 4000);
    wait(3);
    add('accept4', [3, 0, { family: 'IPv4', address: '127.0.0.1', port: 40000 + (i % 20000) }], fd);
    add('epoll_ctl', [4, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN, 0], 0);
    wait(fd);
    add('recv', [fd, { bytes, length: 4096 }, 0, undefined, 0], 5);
    add('send', [fd, { bytes, length: 5 }, 0, undefined, 0], 5);
    add('close', [fd], 0);
  }
  return { header: { fdmux: 'trace', version: 1, command: ['long'], pid: 1, started: '' }, calls };
}
