// epoll(7): what is reported, when, how often, and the kernel's own errors.
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
  keep,
  listener,
  ok,
  pair,
  pipe,
  socket,
  tcp,
  unused,
} from '../support/fds.js';
import { needs, start, startWorker } from '../support/processes.js';

failOnLeaks();

const { EPOLLIN, EPOLLOUT, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLRDHUP, EPOLLET, EPOLLONESHOT, EPOLLEXCLUSIVE } = sys;
const { EPOLL_CTL_ADD: ADD, EPOLL_CTL_MOD: MOD, EPOLL_CTL_DEL: DEL } = sys;
const byte = Buffer.from('x');

/** What is ready now, as `[fd, events, tag]`. */
function ready(epfd: number, maxevents = 16, timeout = 0): [number, number, number][] {
  const events = new sys.EpollEvents(16);
  const count = ok(sys.epoll_wait(epfd, events, maxevents, timeout));
  return Array.from({ length: count }, (_, i) => [events.fd(i), events.events(i), events.tag(i)]);
}

/** A set with one descriptor in it. */
function watching(fd: number, mask: number, tag = 0): number {
  const epfd = epoll();
  ok(sys.epoll_ctl(epfd, ADD, fd, mask, tag));
  return epfd;
}

describe('when a descriptor is reported', () => {
  test('a level-triggered descriptor is reported until it is read', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN);
    expect(ready(epfd)).toEqual([]);
    ok(sys.write(w, byte));
    expect(ready(epfd)).toEqual([[r, EPOLLIN, 0]]);
    expect(ready(epfd)).toEqual([[r, EPOLLIN, 0]]);
    drain(r);
    expect(ready(epfd)).toEqual([]);
  });

  test('an edge-triggered descriptor is reported once, and again when more arrives', () => {
    const [a, b] = pair();
    const epfd = watching(a, EPOLLIN | EPOLLET);
    ok(sys.send(b, byte));
    expect(ready(epfd)).toEqual([[a, EPOLLIN, 0]]);
    expect(ready(epfd)).toEqual([]);
    ok(sys.send(b, byte));
    expect(ready(epfd)).toEqual([[a, EPOLLIN, 0]]);
    expect(drain(a)).toHaveLength(2);
    expect(ready(epfd)).toEqual([]);
  });

  test('an edge-triggered descriptor that was ready before it was added is reported', () => {
    const [r, w] = pipe();
    ok(sys.write(w, byte));
    expect(ready(watching(r, EPOLLIN | EPOLLET))).toEqual([[r, EPOLLIN, 0]]);
  });

  test('an edge-triggered writer is reported again only after it was full', () => {
    const [a, b] = pair();
    const epfd = watching(a, EPOLLOUT | EPOLLET);
    expect(ready(epfd)).toEqual([[a, EPOLLOUT, 0]]);
    ok(sys.send(a, byte));
    expect(ready(epfd)).toEqual([]);
    fill(a);
    expect(ready(epfd)).toEqual([]);
    drain(b);
    expect(ready(epfd)).toEqual([[a, EPOLLOUT, 0]]);
  });

  test('a one-shot descriptor is reported once, until MOD arms it again', () => {
    const [a, b] = pair();
    const epfd = watching(a, EPOLLIN | EPOLLONESHOT);
    ok(sys.send(b, byte));
    expect(ready(epfd)).toEqual([[a, EPOLLIN, 0]]);
    ok(sys.send(b, byte));
    expect(ready(epfd)).toEqual([]);
    ok(sys.epoll_ctl(epfd, MOD, a, EPOLLIN | EPOLLONESHOT));
    expect(ready(epfd)).toEqual([[a, EPOLLIN, 0]]);
    expect(ready(epfd)).toEqual([]);
  });

  test('a one-shot descriptor that was reported is still in the set', () => {
    const [a, b] = pair();
    const epfd = watching(a, EPOLLIN | EPOLLONESHOT);
    ok(sys.send(b, byte));
    expect(ready(epfd)).toHaveLength(1);
    expect(sys.epoll_ctl(epfd, ADD, a, EPOLLIN)).toBe(-sys.EEXIST);
    expect(sys.epoll_ctl(epfd, DEL, a)).toBe(0);
  });

  test('MOD makes an edge-triggered descriptor that is ready report again', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN | EPOLLET);
    ok(sys.write(w, byte));
    expect(ready(epfd)).toHaveLength(1);
    expect(ready(epfd)).toHaveLength(0);
    ok(sys.epoll_ctl(epfd, MOD, r, EPOLLIN | EPOLLET));
    expect(ready(epfd)).toHaveLength(1);
  });

  test('MOD changes the mask and the tag', () => {
    const [a] = pair();
    const epfd = watching(a, EPOLLIN, 1);
    expect(ready(epfd)).toEqual([]);
    ok(sys.epoll_ctl(epfd, MOD, a, EPOLLOUT, 2));
    expect(ready(epfd)).toEqual([[a, EPOLLOUT, 2]]);
  });

  test('a descriptor that was removed is reported no more', () => {
    const [a] = pair();
    const epfd = watching(a, EPOLLOUT);
    expect(ready(epfd)).toHaveLength(1);
    ok(sys.epoll_ctl(epfd, DEL, a));
    expect(ready(epfd)).toEqual([]);
  });

  test('maxevents cuts a batch, and the rest follows in turn', () => {
    const epfd = epoll();
    const all = Array.from({ length: 5 }, () => pair()[0]);
    for (const fd of all) ok(sys.epoll_ctl(epfd, ADD, fd, EPOLLOUT));
    const seen = [ready(epfd, 2), ready(epfd, 2), ready(epfd, 2)].flat().map(([fd]) => fd);
    expect(new Set(seen)).toEqual(new Set(all));
  });

  test('an exclusive descriptor is reported like any other to the only set that waits', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN | EPOLLEXCLUSIVE);
    ok(sys.write(w, byte));
    expect(ready(epfd)).toEqual([[r, EPOLLIN, 0]]);
    expect(ready(epfd)).toEqual([[r, EPOLLIN, 0]]);
  });

  test('a wake-up that is exclusive reaches at least one of the sets that wait', async () => {
    const [r, w] = pipe();
    const wait = `
      const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
      sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, data, sys.EPOLLIN | sys.EPOLLEXCLUSIVE | sys.EPOLLET);
      const count = sys.epoll_wait(epfd, new sys.EpollEvents(1), 1, -1);
      sys.close(epfd);
      return count;`;
    const threads = [startWorker(wait, r), startWorker(wait, r)];
    for (const thread of threads) await thread.blocked();
    ok(sys.write(w, byte));
    expect(await Promise.race(threads.map((thread) => thread.result))).toBe(1);
    ok(sys.write(w, byte));
    expect(await Promise.all(threads.map((thread) => thread.result))).toEqual([1, 1]);
  });
});

describe('two threads that wait for one set', () => {
  test.each([
    ['one-shot', EPOLLONESHOT],
    ['edge-triggered', EPOLLET],
  ])('each event of %s descriptors is delivered to one of them', async (_, trigger) => {
    // Each thread says that it has an event, and goes on until it gets the one that nobody reads.
    const take = `
      const [epfd, stop, done] = data;
      const events = new sys.EpollEvents(1);
      const seen = [];
      for (;;) {
        sys.epoll_wait(epfd, events, 1, -1);
        if (events.fd(0) === stop) return seen;
        seen.push(events.tag(0));
        sys.write(done, new Uint8Array(1));
      }`;
    const epfd = epoll();
    const pipes = Array.from({ length: 64 }, () => pipe());
    pipes.forEach(([r], i) => {
      ok(sys.epoll_ctl(epfd, ADD, r, EPOLLIN | trigger, i));
    });
    const [stop, stopper] = pipe();
    const [done, doer] = pipe(sys.O_CLOEXEC);
    const threads = [startWorker(take, [epfd, stop, doer]), startWorker(take, [epfd, stop, doer])];
    for (const thread of threads) await thread.blocked();
    for (const [, w] of pipes) ok(sys.write(w, byte));
    for (let left = pipes.length; left > 0; ) left -= ok(sys.read(done, new Uint8Array(left)));
    ok(sys.epoll_ctl(epfd, ADD, stop, EPOLLIN));
    ok(sys.write(stopper, byte));
    const taken = (await Promise.all(threads.map((thread) => thread.result))).flat() as number[];
    expect(taken.sort((a, b) => a - b)).toEqual(pipes.map((_, i) => i));
  });

  test('a one-shot descriptor that was armed again is delivered again, once', async () => {
    const epfd = epoll();
    const [r, w] = pipe();
    ok(sys.epoll_ctl(epfd, ADD, r, EPOLLIN | EPOLLONESHOT));
    const rearm = `
      const [epfd, fd, done] = data;
      const events = new sys.EpollEvents(1);
      const buffer = new Uint8Array(1);
      let count = 0;
      for (;;) {
        sys.epoll_wait(epfd, events, 1, -1);
        if (events.fd(0) !== fd) return count;
        if (sys.read(fd, buffer) === 1) count++;
        sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, fd, sys.EPOLLIN | sys.EPOLLONESHOT);
        sys.write(done, buffer);
      }`;
    const [stop, stopper] = pipe();
    const [done, doer] = pipe(sys.O_CLOEXEC);
    const threads = [startWorker(rearm, [epfd, r, doer]), startWorker(rearm, [epfd, r, doer])];
    for (const thread of threads) await thread.blocked();
    for (let i = 0; i < 50; i++) {
      ok(sys.write(w, byte));
      expect(sys.read(done, new Uint8Array(1))).toBe(1);
    }
    ok(sys.epoll_ctl(epfd, ADD, stop, EPOLLIN));
    ok(sys.write(stopper, byte));
    const [first, second] = (await Promise.all(threads.map((thread) => thread.result))) as [number, number];
    expect(first + second).toBe(50);
  });
});

describe('what is reported', () => {
  test('a listener is readable when a connection waits', () => {
    const [server, address] = listener();
    const epfd = watching(server, EPOLLIN);
    expect(ready(epfd)).toEqual([]);
    ok(sys.connect(socket(), address));
    expect(ready(epfd, 16, -1)).toEqual([[server, EPOLLIN, 0]]);
    keep(sys.accept4(server, sys.SOCK_CLOEXEC));
    expect(ready(epfd)).toEqual([]);
  });

  test('a half-closed stream is EPOLLIN and EPOLLRDHUP, and no EPOLLHUP', () => {
    for (const [a, b] of [tcp(), pair()]) {
      const epfd = watching(a, EPOLLIN | EPOLLRDHUP);
      ok(sys.shutdown(b, sys.SHUT_WR));
      expect(ready(epfd, 16, -1)).toEqual([[a, EPOLLIN | EPOLLRDHUP, 0]]);
      expect(sys.send(a, byte)).toBe(1);
    }
  });

  test('EPOLLRDHUP is not reported unless it was asked for', () => {
    const [a, b] = pair();
    ok(sys.shutdown(b, sys.SHUT_WR));
    expect(ready(watching(a, EPOLLIN))).toEqual([[a, EPOLLIN, 0]]);
  });

  test('a stream closed in both directions is EPOLLHUP, unasked', () => {
    for (const [a, b] of [tcp(), pair()]) {
      const epfd = watching(a, 0);
      ok(sys.shutdown(a, sys.SHUT_WR));
      close(b);
      expect(ready(epfd, 16, -1)).toEqual([[a, EPOLLHUP, 0]]);
    }
  });

  test('a reset connection is EPOLLERR and EPOLLHUP, unasked', () => {
    const [a, b] = tcp();
    const epfd = watching(a, 0);
    ok(sys.setsockopt(b, sys.SOL_SOCKET, sys.SO_LINGER, Buffer.from(new Int32Array([1, 0]).buffer)));
    close(b);
    expect(ready(epfd, 16, -1)).toEqual([[a, EPOLLERR | EPOLLHUP, 0]]);
  });

  test('the reading end of a pipe whose writer closed is EPOLLHUP, with EPOLLIN while bytes are left', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN);
    ok(sys.write(w, byte));
    close(w);
    expect(ready(epfd)).toEqual([[r, EPOLLIN | EPOLLHUP, 0]]);
    drain(r);
    expect(ready(epfd)).toEqual([[r, EPOLLHUP, 0]]);
  });

  test('the writing end of a pipe whose reader closed is EPOLLERR', () => {
    const [r, w] = pipe();
    const epfd = watching(w, 0);
    close(r);
    expect(ready(epfd)).toEqual([[w, EPOLLERR, 0]]);
    expect(sys.write(w, byte)).toBe(-sys.EPIPE);
  });

  test('a full pipe is not writable until it is read', () => {
    const [r, w] = pipe();
    const epfd = watching(w, EPOLLOUT);
    fill(w);
    expect(ready(epfd)).toEqual([]);
    drain(r);
    expect(ready(epfd)).toEqual([[w, EPOLLOUT, 0]]);
  });

  test('urgent data is EPOLLPRI, until it is received', () => {
    const [a, b] = tcp();
    const epfd = watching(a, EPOLLPRI);
    ok(sys.send(b, byte, 0, 1, sys.MSG_OOB));
    expect(ready(epfd, 16, -1)).toEqual([[a, EPOLLPRI, 0]]);
    const buffer = Buffer.alloc(1);
    expect(sys.recv(a, buffer, 0, 1, sys.MSG_OOB)).toBe(1);
    expect(buffer).toEqual(byte);
    expect(ready(epfd)).toEqual([]);
  });

  test('EPOLLRDNORM and EPOLLWRNORM say what EPOLLIN and EPOLLOUT say', () => {
    const [a, b] = pair();
    ok(sys.send(b, byte));
    const mask = sys.EPOLLRDNORM | sys.EPOLLWRNORM;
    expect(ready(watching(a, mask))).toEqual([[a, mask, 0]]);
  });

  test('a datagram socket is readable once for each datagram', () => {
    const [a, b] = pair(sys.SOCK_DGRAM | sys.SOCK_NONBLOCK);
    const epfd = watching(a, EPOLLIN);
    ok(sys.send(b, byte));
    ok(sys.send(b, byte));
    const buffer = Buffer.alloc(8);
    for (let i = 0; i < 2; i++) {
      expect(ready(epfd)).toEqual([[a, EPOLLIN, 0]]);
      expect(sys.recv(a, buffer)).toBe(1);
    }
    expect(ready(epfd)).toEqual([]);
  });

  test('the master of a pseudoterminal hangs up with its last slave', async (ctx) => {
    needs(ctx, 'python3');
    const script = `
import os, sys, pty, tty
master, slave = pty.openpty()
tty.setraw(slave)
print(os.ttyname(slave), os.getpid(), master, flush=True)
sys.stdin.read(1)
os.write(master, b'typed')
print('written', flush=True)
sys.stdin.read(1)
os.close(master)
print('closed', flush=True)
sys.stdin.read()`;
    const child = start('python3', ['-c', script]);
    const [slave] = (await child.line()).split(' ') as [string];
    const fd = openSync(slave, 'r+');
    onTestFinished(() => closeSync(fd));
    const epfd = watching(fd, EPOLLIN | EPOLLOUT);
    expect(ready(epfd)).toEqual([[fd, EPOLLOUT, 0]]);
    child.process.stdin?.write('1');
    await child.line();
    arrived(fd);
    expect(ready(epfd)).toEqual([[fd, EPOLLIN | EPOLLOUT, 0]]);
    const buffer = Buffer.alloc(16);
    expect(buffer.toString('latin1', 0, ok(sys.read(fd, buffer)))).toBe('typed');
    child.process.stdin?.write('2');
    await child.line();
    arrived(fd, 0);
    expect(ready(epfd)).toEqual([[fd, EPOLLIN | EPOLLOUT | EPOLLERR | EPOLLHUP, 0]]);
    child.process.stdin?.end();
    expect((await child.ended).code).toBe(0);
  });
});

describe('masks, tags and events', () => {
  test('a mask is taken modulo 2³², and handed back unsigned', () => {
    expect(EPOLLIN | EPOLLET).toBeLessThan(0);
    const [a] = pair();
    const epfd = epoll();
    for (const mask of [EPOLLOUT | EPOLLET, EPOLLOUT + EPOLLET, EPOLLOUT + 2 ** 32, -(2 ** 32) + EPOLLOUT]) {
      ok(sys.epoll_ctl(epfd, ADD, a, mask));
      expect(ready(epfd)).toEqual([[a, EPOLLOUT, 0]]);
      expect(ready(epfd)).toHaveLength(mask % 2 ** 32 === EPOLLOUT || mask + 2 ** 32 === EPOLLOUT ? 1 : 0);
      ok(sys.epoll_ctl(epfd, DEL, a));
    }
    expect(EPOLLET).toBe(2 ** 31);
  });

  test('a tag is any unsigned number of 32 bits, 0 unless given', () => {
    const [a] = pair();
    for (const tag of [0, 1, 0x7fffffff, 0x80000000, 0xffffffff]) {
      expect(ready(watching(a, EPOLLOUT, tag))).toEqual([[a, EPOLLOUT, tag]]);
    }
    expect(ready(watching(a, EPOLLOUT))).toEqual([[a, EPOLLOUT, 0]]);
    for (const tag of [-1, 2 ** 32, 0.5]) expect(() => sys.epoll_ctl(epoll(), ADD, a, 0, tag)).toThrow(RangeError);
  });

  test('an index outside the capacity is a RangeError', () => {
    const events = new sys.EpollEvents(2);
    expect(events.capacity).toBe(2);
    for (const i of [-1, 2, 0.5, Number.NaN, 2 ** 32]) {
      expect(() => events.fd(i)).toThrow(RangeError);
      expect(() => events.events(i)).toThrow(RangeError);
      expect(() => events.tag(i)).toThrow(RangeError);
    }
  });

  test('a closed descriptor stays in the set through its dup, and its tag tells it from the number’s new owner', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN, 1);
    const duplicate = keep(sys.dup(r));
    close(r);
    const [r2, w2] = pipe();
    expect(r2).toBe(r);
    ok(sys.epoll_ctl(epfd, ADD, r2, EPOLLIN, 2));
    ok(sys.write(w, byte));
    expect(ready(epfd)).toEqual([[r, EPOLLIN, 1]]);
    ok(sys.write(w2, byte));
    expect(ready(epfd).sort((a, b) => a[2] - b[2])).toEqual([
      [r, EPOLLIN, 1],
      [r2, EPOLLIN, 2],
    ]);
    close(duplicate);
    expect(ready(epfd)).toEqual([[r2, EPOLLIN, 2]]);
  });

  test('a descriptor leaves the set when its last copy is closed', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN);
    ok(sys.write(w, byte));
    close(r);
    expect(ready(epfd)).toEqual([]);
    expect(sys.epoll_ctl(epfd, DEL, r)).toBe(-sys.EBADF);
  });

  test('a descriptor and its dup are two members of a set', () => {
    const [r, w] = pipe();
    const epfd = watching(r, EPOLLIN, 1);
    const duplicate = keep(sys.dup(r));
    ok(sys.epoll_ctl(epfd, ADD, duplicate, EPOLLIN, 2));
    ok(sys.write(w, byte));
    expect(new Set(ready(epfd).map(([fd]) => fd))).toEqual(new Set([r, duplicate]));
  });
});

describe('a set inside a set', () => {
  test('is readable while one of its members is ready', () => {
    const [r, w] = pipe();
    const inner = watching(r, EPOLLIN);
    const outer = watching(inner, EPOLLIN);
    expect(ready(outer)).toEqual([]);
    ok(sys.write(w, byte));
    expect(ready(outer)).toEqual([[inner, EPOLLIN, 0]]);
    expect(ready(outer)).toEqual([[inner, EPOLLIN, 0]]);
    drain(r);
    expect(ready(outer)).toEqual([]);
  });

  test('and edge-triggered is reported once for each arrival', () => {
    const [r, w] = pipe();
    const inner = watching(r, EPOLLIN);
    const outer = watching(inner, EPOLLIN | EPOLLET);
    ok(sys.write(w, byte));
    expect(ready(outer)).toHaveLength(1);
    expect(ready(outer)).toHaveLength(0);
    ok(sys.write(w, byte));
    expect(ready(outer)).toHaveLength(1);
  });
});

describe('the kernel’s own errors', () => {
  test('EBADF for a number that is no descriptor', () => {
    const [r] = pipe();
    const epfd = epoll();
    const gone = unused();
    const events = new sys.EpollEvents(1);
    expect(sys.epoll_ctl(epfd, ADD, gone, EPOLLIN)).toBe(-sys.EBADF);
    expect(sys.epoll_ctl(gone, ADD, r, EPOLLIN)).toBe(-sys.EBADF);
    expect(sys.epoll_ctl(epfd, ADD, -1, EPOLLIN)).toBe(-sys.EBADF);
    expect(sys.epoll_wait(gone, events, 1, 0)).toBe(-sys.EBADF);
    expect(sys.epoll_pwait2(gone, events, 1, 0)).toBe(-sys.EBADF);
  });

  test('EEXIST for what is in the set, ENOENT for what is not', () => {
    const [r] = pipe();
    const epfd = watching(r, EPOLLIN);
    expect(sys.epoll_ctl(epfd, ADD, r, EPOLLIN)).toBe(-sys.EEXIST);
    ok(sys.epoll_ctl(epfd, DEL, r));
    expect(sys.epoll_ctl(epfd, DEL, r)).toBe(-sys.ENOENT);
    expect(sys.epoll_ctl(epfd, MOD, r, EPOLLIN)).toBe(-sys.ENOENT);
  });

  test('EINVAL for a set in itself, an unknown operation, another kind of descriptor as the set, unknown flags', () => {
    const [r, w] = pipe();
    const epfd = epoll();
    expect(sys.epoll_ctl(epfd, ADD, epfd, EPOLLIN)).toBe(-sys.EINVAL);
    expect(sys.epoll_ctl(epfd, 99, r, EPOLLIN)).toBe(-sys.EINVAL);
    expect(sys.epoll_ctl(w, ADD, r, EPOLLIN)).toBe(-sys.EINVAL);
    expect(sys.epoll_wait(r, new sys.EpollEvents(1), 1, 0)).toBe(-sys.EINVAL);
    expect(sys.epoll_create1(1)).toBe(-sys.EINVAL);
  });

  test('EINVAL for EPOLLEXCLUSIVE with MOD, on a set, or beside EPOLLONESHOT', () => {
    const [r] = pipe();
    const epfd = epoll();
    expect(sys.epoll_ctl(epfd, ADD, r, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT)).toBe(-sys.EINVAL);
    expect(sys.epoll_ctl(epfd, ADD, epoll(), EPOLLIN | EPOLLEXCLUSIVE)).toBe(-sys.EINVAL);
    ok(sys.epoll_ctl(epfd, ADD, r, EPOLLIN));
    expect(sys.epoll_ctl(epfd, MOD, r, EPOLLIN | EPOLLEXCLUSIVE)).toBe(-sys.EINVAL);
    ok(sys.epoll_ctl(epfd, DEL, r));
    ok(sys.epoll_ctl(epfd, ADD, r, EPOLLIN | EPOLLEXCLUSIVE));
    expect(sys.epoll_ctl(epfd, MOD, r, EPOLLIN)).toBe(-sys.EINVAL);
  });

  test('EINVAL for maxevents 0 or below, a RangeError beyond the capacity', () => {
    const epfd = epoll();
    const events = new sys.EpollEvents(4);
    for (const maxevents of [0, -1, -(2 ** 31)]) {
      expect(sys.epoll_wait(epfd, events, maxevents, 0)).toBe(-sys.EINVAL);
      expect(sys.epoll_pwait2(epfd, events, maxevents, 0)).toBe(-sys.EINVAL);
    }
    const beyond = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
    expect(() => sys.epoll_wait(epfd, events, 5, 0)).toThrow(beyond);
    expect(() => sys.epoll_pwait2(epfd, events, 5, 0)).toThrow(beyond);
  });

  test('ELOOP for sets in a circle', () => {
    const [a, b] = [epoll(), epoll()];
    ok(sys.epoll_ctl(a, ADD, b, EPOLLIN));
    expect(sys.epoll_ctl(b, ADD, a, EPOLLIN)).toBe(-sys.ELOOP);
  });

  test('EPERM for a regular file and for a folder', () => {
    for (const path of ['/proc/self/exe', '/']) {
      const fd = openSync(path, 'r');
      onTestFinished(() => closeSync(fd));
      expect(sys.epoll_ctl(epoll(), ADD, fd, EPOLLIN)).toBe(-sys.EPERM);
    }
  });
});
