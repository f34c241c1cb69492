/** The npm package epoll: a thread that waits, one event at a time. npm run bench:rivals installs and compiles it. */
import { createRequire } from 'node:module';
import { inPackage, type Missing, script } from '../measure/places.js';

interface Poller {
  add(fd: number, events: number): this;
  modify(fd: number, events: number): this;
  remove(fd: number): this;
  close(): void;
}

interface EpollPackage {
  Epoll: {
    new (callback: (error: Error | null, fd: number, events: number) => void): Poller;
    readonly EPOLLIN: number;
    readonly EPOLLOUT: number;
  };
}

const require = createRequire(inPackage('benchmarks/rivals/package.json'));

export function loadEpoll(): EpollPackage {
  return require('epoll') as EpollPackage;
}

/** Whether it is there, and compiled for this Node.js. */
export function findEpoll(): { path: string } | Missing {
  try {
    loadEpoll();
    return { path: require.resolve('epoll') };
  } catch {
    return { missing: `not installed, or not compiled: ${script('bench:rivals')}` };
  }
}
