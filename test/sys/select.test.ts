// select(2), pselect(2) and their sets.
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import {
  arrived,
  close,
  drain,
  epoll,
  failOnLeaks,
  fill,
  keep,
  listener,
  ok,
  pair,
  pipe,
  socket,
  tcp,
  unused,
} from '../support/fds.js';

failOnLeaks();

const byte = Buffer.from('x');

function set(...fds: number[]): sys.FdSet {
  const made = new sys.FdSet();
  for (const fd of fds) made.add(fd);
  return made;
}

/** What select leaves in three sets now; pselect must leave the same. */
function ready(read: number[], write: number[] = [], except: number[] = []): number[][] {
  const nfds = Math.max(...read, ...write, ...except) + 1;
  const sets = [set(...read), set(...write), set(...except)] as const;
  const again = [set(...read), set(...write), set(...except)] as const;
  const count = ok(sys.select(nfds, ...sets, 0));
  const left = sets.map((one) => [...one]);
  expect(count).toBe(left.flat().length);
  expect(sys.pselect(nfds, ...again, 0)).toBe(count);
  expect(again.map((one) => [...one])).toEqual(left);
  return left;
}

describe('what is reported', () => {
  test('a descriptor is reported until it is read', () => {
    const [r, w] = pipe();
    expect(ready([r])).toEqual([[], [], []]);
    ok(sys.write(w, byte));
    expect(ready([r])).toEqual([[r], [], []]);
    expect(ready([r])).toEqual([[r], [], []]);
    drain(r);
    expect(ready([r])).toEqual([[], [], []]);
  });

  test('each set has its own answer', () => {
    const [a, b] = pair();
    ok(sys.send(b, byte));
    expect(ready([a, b], [a, b])).toEqual([[a], [a, b].sort((x, y) => x - y), []]);
    fill(a);
    expect(ready([a, b], [a, b])).toEqual([[a, b].sort((x, y) => x - y), [b], []]);
  });

  test('the end of a stream is readable', () => {
    for (const [a, b] of [tcp(), pair()]) {
      ok(sys.shutdown(b, sys.SHUT_WR));
      arrived(a);
      expect(ready([a], [], [a])).toEqual([[a], [], []]);
    }
  });

  test('an error is readable and writable, and not exceptional', () => {
    const [a, b] = tcp();
    ok(sys.setsockopt(b, sys.SOL_SOCKET, sys.SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer)));
    close(b);
    arrived(a, 0);
    expect(ready([a], [a], [a])).toEqual([[a], [a], []]);
  });

  test('the writing end of a pipe without a reader is writable', () => {
    const [r, w] = pipe();
    fill(w);
    expect(ready([], [w])).toEqual([[], [], []]);
    close(r);
    expect(ready([], [w])).toEqual([[], [w], []]);
  });

  test('urgent data is exceptional, until it is received', () => {
    const [a, b] = tcp();
    ok(sys.send(b, byte, 0, 1, sys.MSG_OOB));
    arrived(a, sys.POLLPRI);
    expect(ready([], [], [a])).toEqual([[], [], [a]]);
    expect(sys.recv(a, Buffer.alloc(1), 0, 1, sys.MSG_OOB)).toBe(1);
    expect(ready([], [], [a])).toEqual([[], [], []]);
  });

  test('a listener is readable when a connection waits', () => {
    const [server, address] = listener();
    expect(ready([server])).toEqual([[], [], []]);
    ok(sys.connect(socket(), address));
    arrived(server);
    expect(ready([server])).toEqual([[server], [], []]);
  });

  test('an epoll set is readable while one of its members is ready', () => {
    const [r, w] = pipe();
    const epfd = epoll();
    ok(sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, r, sys.EPOLLIN));
    expect(ready([epfd])).toEqual([[], [], []]);
    ok(sys.write(w, byte));
    expect(ready([epfd])).toEqual([[epfd], [], []]);
  });

  test('only descriptors below nfds are asked', () => {
    const [, w] = pipe();
    expect(sys.select(w, null, set(w), null, 0)).toBe(0);
    expect(sys.select(w + 1, null, set(w), null, 0)).toBe(1);
  });

  test('a set may be null, and so may all three', () => {
    const [, w] = pipe();
    expect(sys.select(w + 1, null, set(w), null, null)).toBe(1);
    expect(sys.pselect(w + 1, null, set(w), null, null)).toBe(1);
    expect(sys.select(0, null, null, null, 0)).toBe(0);
    expect(sys.pselect(0, null, null, null, 0)).toBe(0);
  });

  test('one set may be given twice', () => {
    const [a] = pair();
    const both = set(a);
    expect(sys.select(a + 1, null, both, both, 0)).toBeGreaterThanOrEqual(0);
  });
});

describe('the kernel’s own errors', () => {
  test('EBADF for a number that is no descriptor, and the sets are as they were', () => {
    const [r, w] = pipe();
    ok(sys.write(w, byte));
    // A number above every open one may be beyond the process's table, where select does not look.
    const gone = unused();
    expect(gone).toBeLessThan(1024);
    const [read, write, except] = [set(r, gone), set(w), set(r)];
    for (const call of [sys.select, sys.pselect]) {
      expect(call(Math.max(gone, w) + 1, read, write, except, 0)).toBe(-sys.EBADF);
      expect([[...read], [...write], [...except]]).toEqual([[r, gone].sort((a, b) => a - b), [w], [r]]);
    }
  });

  test('EINVAL for a negative nfds and a negative time, and the sets are as they were', () => {
    const [r, w] = pipe();
    ok(sys.write(w, byte));
    const read = set(r);
    for (const call of [sys.select, sys.pselect]) {
      expect(call(-1, read, null, null, 0)).toBe(-sys.EINVAL);
      for (const time of [-1, -999_999, -1_000_000, -1_000_000_000, Number.MIN_SAFE_INTEGER]) {
        expect(call(r + 1, read, null, null, time)).toBe(-sys.EINVAL);
      }
      expect([...read]).toEqual([r]);
    }
  });

  test('nfds beyond the size of a set is a RangeError, and the sets are as they were', () => {
    const [r] = pipe();
    const small = new sys.FdSet(64).add(r);
    const large = new sys.FdSet(2048).add(r);
    const beyond = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    for (const call of [sys.select, sys.pselect]) {
      for (const nfds of [65, 2 ** 31 - 1]) {
        expect(() => call(nfds, small, null, null, 0)).toThrow(beyond);
        expect(() => call(nfds, null, small, null, 0)).toThrow(beyond);
        expect(() => call(nfds, null, null, small, 0)).toThrow(beyond);
        expect(() => call(nfds, large, null, small, 0)).toThrow(beyond);
      }
    }
    expect([[...small], [...large]]).toEqual([[r], [r]]);
  });
});

describe('a set of descriptors', () => {
  test('holds what was added and not deleted, in ascending order', () => {
    const fds = new sys.FdSet(200);
    for (const fd of [199, 0, 63, 31, 64, 32]) expect(fds.add(fd)).toBe(fds);
    expect([...fds]).toEqual([0, 31, 32, 63, 64, 199]);
    expect(fds.delete(63)).toBe(true);
    expect(fds.delete(63)).toBe(false);
    expect(fds.has(63)).toBe(false);
    expect(fds.has(64)).toBe(true);
    fds.add(64);
    expect([...fds]).toEqual([0, 31, 32, 64, 199]);
    fds.clear();
    expect([...fds]).toEqual([]);
  });

  test('holds every one of its descriptors', () => {
    const fds = new sys.FdSet(130);
    const all = Array.from({ length: 130 }, (_, fd) => fd);
    for (const fd of all) {
      expect(fds.has(fd)).toBe(false);
      fds.add(fd);
      expect([...fds]).toEqual(all.slice(0, fd + 1));
    }
  });

  test('has room for FD_SETSIZE descriptors unless told otherwise', () => {
    expect(sys.FD_SETSIZE).toBe(1024);
    expect(new sys.FdSet().size).toBe(sys.FD_SETSIZE);
    expect(new sys.FdSet(1).size).toBe(1);
    for (const size of [0, -1, 1.5, Number.NaN, 2 ** 30 + 1]) expect(() => new sys.FdSet(size)).toThrow(RangeError);
  });

  test('refuses a descriptor that it has no room for', () => {
    const fds = new sys.FdSet(65);
    fds.add(64);
    for (const fd of [65, 66, 128, 2 ** 31, -1, 0.5, Number.NaN]) {
      expect(() => fds.add(fd)).toThrow(RangeError);
      expect(() => fds.has(fd)).toThrow(RangeError);
      expect(() => fds.delete(fd)).toThrow(RangeError);
    }
    expect([...fds]).toEqual([64]);
  });

  test('becomes a copy of another of its size, and of no other', () => {
    const from = set(1, 70, 1023);
    const to = set(2);
    expect(to.copy(from)).toBe(to);
    from.delete(70);
    expect([...to]).toEqual([1, 70, 1023]);
    expect(() => to.copy(new sys.FdSet(64))).toThrow(RangeError);
    expect([...to]).toEqual([1, 70, 1023]);
  });

  test('larger than FD_SETSIZE reaches a descriptor beyond 1024', (ctx) => {
    const limit = new Float64Array(2);
    ok(sys.getrlimit(sys.RLIMIT_NOFILE, limit));
    if ((limit[0] as number) < 1200) ctx.skip('needs RLIMIT_NOFILE of 1200');
    const [r, w] = pipe();
    const high = keep(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, 1100));
    expect(high).toBeGreaterThanOrEqual(1100);
    expect(() => new sys.FdSet().add(high)).toThrow(RangeError);
    for (const call of [sys.select, sys.pselect]) {
      const fds = new sys.FdSet(4096).add(high).add(r);
      expect(call(high + 1, fds, null, null, 0)).toBe(0);
      expect([...fds]).toEqual([]);
      ok(sys.write(w, byte));
      fds.add(high).add(r);
      expect(call(high + 1, fds, null, null, null)).toBe(2);
      expect([...fds]).toEqual([r, high]);
      drain(r);
    }
  });
});
