// poll(2) and ppoll(2): what is reported, and what may be asked.
import { closeSync, openSync } from 'node:fs';
import * as sys from 'fdmux/sys';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  arrived,
  close,
  drain,
  epoll,
  failOnLeaks,
  fill,
  listener,
  ok,
  pair,
  pipe,
  socket,
  tcp,
  unused,
} from '../support/fds.js';
import { startNode } from '../support/processes.js';

failOnLeaks();

const { POLLIN, POLLOUT, POLLPRI, POLLERR, POLLHUP, POLLNVAL, POLLRDHUP } = sys;
const byte = Buffer.from('x');

/** What poll says of one descriptor now; ppoll must say the same. */
function revents(fd: number, events: number): number {
  const fds = new sys.PollFds(1);
  fds.set(0, fd, events);
  const count = ok(sys.poll(fds, 1, 0));
  const said = fds.revents(0);
  expect(count).toBe(said === 0 ? 0 : 1);
  fds.set(0, fd, events);
  expect(sys.ppoll(fds, 1, 0)).toBe(count);
  expect(fds.revents(0)).toBe(said);
  return said;
}

describe('what is reported', () => {
  test('a descriptor is reported until it is read', () => {
    const [r, w] = pipe();
    expect(revents(r, POLLIN)).toBe(0);
    ok(sys.write(w, byte));
    expect(revents(r, POLLIN)).toBe(POLLIN);
    expect(revents(r, POLLIN)).toBe(POLLIN);
    drain(r);
    expect(revents(r, POLLIN)).toBe(0);
  });

  test('a stream is writable until it is full', () => {
    const [a, b] = pair();
    expect(revents(a, POLLIN | POLLOUT)).toBe(POLLOUT);
    fill(a);
    expect(revents(a, POLLOUT)).toBe(0);
    drain(b);
    expect(revents(a, POLLOUT)).toBe(POLLOUT);
  });

  test('a half-closed stream is POLLIN, and POLLRDHUP for who asks', () => {
    for (const [a, b] of [tcp(), pair()]) {
      ok(sys.shutdown(b, sys.SHUT_WR));
      arrived(a);
      expect(revents(a, POLLIN)).toBe(POLLIN);
      expect(revents(a, POLLIN | POLLRDHUP)).toBe(POLLIN | POLLRDHUP);
    }
  });

  test('the reading end of a pipe without a writer is POLLHUP, unasked', () => {
    const [r, w] = pipe();
    close(w);
    expect(revents(r, 0)).toBe(POLLHUP);
  });

  test('the writing end of a pipe without a reader is POLLERR, unasked', () => {
    const [r, w] = pipe();
    close(r);
    expect(revents(w, 0)).toBe(POLLERR);
    expect(revents(w, POLLOUT)).toBe(POLLERR | POLLOUT);
  });

  test('a closed unix stream is POLLHUP, unasked', () => {
    const [a, b] = pair();
    close(b);
    expect(revents(a, 0)).toBe(POLLHUP);
  });

  test('a reset connection is POLLERR and POLLHUP, unasked', () => {
    const [a, b] = tcp();
    ok(sys.setsockopt(b, sys.SOL_SOCKET, sys.SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer)));
    close(b);
    arrived(a, 0);
    expect(revents(a, 0)).toBe(POLLERR | POLLHUP);
  });

  test('urgent data is POLLPRI, until it is received', () => {
    const [a, b] = tcp();
    ok(sys.send(b, byte, 0, 1, sys.MSG_OOB));
    arrived(a, POLLPRI);
    expect(revents(a, POLLPRI)).toBe(POLLPRI);
    expect(sys.recv(a, Buffer.alloc(1), 0, 1, sys.MSG_OOB)).toBe(1);
    expect(revents(a, POLLPRI)).toBe(0);
  });

  test('a listener is readable when a connection waits', () => {
    const [server, address] = listener();
    expect(revents(server, POLLIN)).toBe(0);
    ok(sys.connect(socket(), address));
    arrived(server);
    expect(revents(server, POLLIN)).toBe(POLLIN);
  });

  test('a regular file is always ready', () => {
    const fd = openSync('/proc/self/exe', 'r');
    onTestFinished(() => closeSync(fd));
    expect(revents(fd, POLLIN | POLLOUT)).toBe(POLLIN | POLLOUT);
  });

  test('a pseudoterminal is writable, and readable once its slave has written', () => {
    const master = openSync('/dev/ptmx', 'r+');
    onTestFinished(() => closeSync(master));
    expect(revents(master, POLLIN | POLLOUT)).toBe(POLLOUT);
  });

  test('an epoll set is readable while one of its members is ready', () => {
    const [r, w] = pipe();
    const epfd = epoll();
    ok(sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, r, sys.EPOLLIN));
    expect(revents(epfd, POLLIN)).toBe(0);
    ok(sys.write(w, byte));
    expect(revents(epfd, POLLIN)).toBe(POLLIN);
  });

  test('a number that is no descriptor is POLLNVAL, and no error', () => {
    expect(revents(unused(), POLLIN)).toBe(POLLNVAL);
    expect(revents(2 ** 31 - 1, POLLIN)).toBe(POLLNVAL);
  });

  test('a negative descriptor is skipped', () => {
    expect(revents(-1, POLLIN)).toBe(0);
    expect(revents(-(2 ** 31), POLLIN)).toBe(0);
  });
});

describe('an array of descriptors', () => {
  test('each gets its own answer, and the result counts those that have one', () => {
    const [r, w] = pipe();
    const [quiet] = pipe();
    const fds = new sys.PollFds(5);
    fds.set(0, r, POLLIN);
    fds.set(1, quiet, POLLIN);
    fds.set(2, w, POLLOUT);
    fds.set(3, unused(), POLLIN);
    ok(sys.write(w, byte));
    expect(sys.poll(fds, 5, -1)).toBe(3);
    expect([0, 1, 2, 3, 4].map((i) => fds.revents(i))).toEqual([POLLIN, 0, POLLOUT, POLLNVAL, 0]);
    expect([0, 1, 2].map((i) => fds.fd(i))).toEqual([r, quiet, w]);
    expect([0, 1, 2].map((i) => fds.events(i))).toEqual([POLLIN, POLLIN, POLLOUT]);
  });

  test('only the first nfds are asked', () => {
    const [, w] = pipe();
    const fds = new sys.PollFds(2);
    fds.set(1, w, POLLOUT);
    expect(sys.poll(fds, 1, 0)).toBe(0);
    expect(sys.poll(fds, 0, 0)).toBe(0);
    expect(sys.poll(fds, 2, 0)).toBe(1);
  });

  test('one descriptor may stand in it twice', () => {
    const [r, w] = pipe();
    const fds = new sys.PollFds(2);
    fds.set(0, r, POLLIN);
    fds.set(1, r, POLLIN);
    ok(sys.write(w, byte));
    expect(sys.poll(fds, 2, 0)).toBe(2);
  });

  test('fresh entries are skipped', () => {
    const fds = new sys.PollFds(3);
    expect([0, 1, 2].map((i) => [fds.fd(i), fds.events(i), fds.revents(i)])).toEqual(Array(3).fill([-1, 0, 0]));
    expect(sys.poll(fds, 3, 0)).toBe(0);
  });

  test('set clears what the last poll said', () => {
    const [, w] = pipe();
    const fds = new sys.PollFds(1);
    fds.set(0, w, POLLOUT);
    expect(sys.poll(fds, 1, 0)).toBe(1);
    fds.set(0, w, POLLOUT);
    expect(fds.revents(0)).toBe(0);
  });

  test('nfds beyond the capacity is a RangeError', () => {
    const fds = new sys.PollFds(2);
    const beyond = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    for (const nfds of [3, 2 ** 32, Number.MAX_SAFE_INTEGER, -1]) {
      expect(() => sys.poll(fds, nfds, 0)).toThrow(beyond);
      expect(() => sys.ppoll(fds, nfds, 0)).toThrow(beyond);
    }
  });

  test('a mask of more than 16 bits is a RangeError', () => {
    const fds = new sys.PollFds(1);
    for (const mask of [65536, -1, 0.5, 2 ** 32]) expect(() => fds.set(0, 0, mask)).toThrow(RangeError);
    fds.set(0, 0, 65535);
    expect(fds.events(0)).toBe(65535);
  });

  test('an index outside the capacity is a RangeError, and changes nothing', () => {
    const fds = new sys.PollFds(2);
    for (const i of [-1, 2, 0.5, Number.NaN]) {
      expect(() => fds.set(i, 0, 0)).toThrow(RangeError);
      expect(() => fds.fd(i)).toThrow(RangeError);
      expect(() => fds.events(i)).toThrow(RangeError);
      expect(() => fds.revents(i)).toThrow(RangeError);
    }
    expect([fds.fd(0), fds.fd(1)]).toEqual([-1, -1]);
  });

  test('more descriptors than RLIMIT_NOFILE is EINVAL', async () => {
    const child = startNode(`
      const limit = new Float64Array(2);
      sys.getrlimit(sys.RLIMIT_NOFILE, limit);
      limit[0] = 256;
      sys.setrlimit(sys.RLIMIT_NOFILE, limit);
      const fds = new sys.PollFds(300);
      console.log(sys.poll(fds, 256, 0), sys.poll(fds, 257, 0) === -sys.EINVAL, sys.ppoll(fds, 257, 0) === -sys.EINVAL);
    `);
    expect(await child.line()).toBe('0 true true');
    expect((await child.ended).code).toBe(0);
  });
});
