/** Epoll: a set of descriptors in the kernel. */
import { readFileSync } from 'node:fs';
import { inspect } from 'node:util';
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  EPOLLPRI,
  EPOLLRDHUP,
  Epoll,
  POLLIN,
  Poll,
  SHUT_WR,
  select,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import {
  byte,
  close,
  closing,
  codeOf,
  duplicate,
  noDescriptors,
  openFiles,
  pair,
  pipe,
  regularFile,
  reuse,
  thread,
} from '../support/objects.js';

const UNASKED = EPOLLERR | EPOLLHUP;

/** What the kernel says is in a set: fd → events and data. */
function inKernel(epoll: Epoll): Map<number, { events: number; data: bigint }> {
  const text = readFileSync(`/proc/self/fdinfo/${epoll.fd}`, 'utf8');
  const lines = text.matchAll(/^tfd: +(\d+) events: +([0-9a-f]+) data: +([0-9a-f]+)/gm);
  return new Map(
    [...lines].map(([, fd, events, data]) => [
      Number(fd),
      { events: Number.parseInt(events as string, 16), data: BigInt(`0x${data}`) },
    ]),
  );
}

describe('a mask', () => {
  it.each([
    ['EPOLLIN', EPOLLIN],
    ['EPOLLIN | EPOLLET, negative in JavaScript', EPOLLIN | EPOLLET],
    ['EPOLLET + EPOLLOUT, unsigned', EPOLLET + EPOLLOUT],
    ['EPOLLONESHOT', EPOLLIN | EPOLLONESHOT],
    ['EPOLLEXCLUSIVE', EPOLLIN | EPOLLEXCLUSIVE],
    ['EPOLLEXCLUSIVE | EPOLLET', EPOLLIN | EPOLLOUT | EPOLLEXCLUSIVE | EPOLLET],
    ['EPOLLRDHUP | EPOLLPRI', EPOLLRDHUP | EPOLLPRI],
    ['0', 0],
  ])('of %s reaches the kernel unchanged', (_, events) => {
    const epoll = closing(new Epoll());
    const [r] = pipe();
    epoll.register(r, events);
    expect(inKernel(epoll).get(r)?.events).toBe((events | UNASKED) >>> 0);
  });

  it('is EPOLLIN, EPOLLOUT and EPOLLPRI unless given', () => {
    const epoll = closing(new Epoll());
    const [r] = pipe();
    epoll.register(r);
    expect(inKernel(epoll).get(r)?.events).toBe(EPOLLIN | EPOLLOUT | EPOLLPRI | UNASKED);
  });

  it('is changed by modify, and gone with unregister', () => {
    const epoll = closing(new Epoll());
    const [a] = pair();
    epoll.register(a, EPOLLIN);
    epoll.modify(a, EPOLLOUT | EPOLLET);
    expect(inKernel(epoll).get(a.fd)?.events).toBe((EPOLLOUT | EPOLLET | UNASKED) >>> 0);
    epoll.unregister(a);
    expect(inKernel(epoll).size).toBe(0);
  });

  it.each([0.5, Number.NaN, Number.POSITIVE_INFINITY, '1', null, 1n, {}, true])('cannot be %s', (value) => {
    const epoll = closing(new Epoll());
    const [a, b] = pair();
    epoll.register(a, EPOLLIN);
    const events = value as number;
    for (const use of [() => epoll.register(b, events), () => epoll.modify(a, events)]) {
      expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    }
    expect([...inKernel(epoll).keys()]).toEqual([a.fd]);
    expect(inKernel(epoll).get(a.fd)?.events).toBe(EPOLLIN | UNASKED);
  });
});

describe('a tag', () => {
  it('travels in the upper half of epoll_data, the descriptor in the lower', () => {
    const epoll = closing(new Epoll());
    const [r] = pipe();
    epoll.register(r, EPOLLIN, 0xfedcba98);
    expect(inKernel(epoll).get(r)?.data).toBe((0xfedcba98n << 32n) | BigInt(r));
    epoll.modify(r, EPOLLIN);
    expect(inKernel(epoll).get(r)?.data).toBe(BigInt(r));
  });

  it.each([-1, 2 ** 32, 0.5, Number.NaN, '1', null, 1n])('cannot be %s', (value) => {
    const epoll = closing(new Epoll());
    const [r] = pipe();
    expect(codeOf(() => epoll.register(r, EPOLLIN, value as number))).toMatch(/^ERR_/);
    expect(inKernel(epoll).size).toBe(0);
  });
});

describe('level, edge, one-shot', () => {
  it('level-triggered, what stays ready is told every time', () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    epoll.register(r, EPOLLIN);
    byte(w);
    for (let i = 0; i < 3; i++) expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    sys.read(r, Buffer.alloc(8));
    expect(epoll.poll(0)).toEqual([]);
  });

  it('edge-triggered, each change is told once, read or not', () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    byte(w);
    epoll.register(r, EPOLLIN | EPOLLET);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    expect(epoll.poll(0)).toEqual([]);
    byte(w);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    expect(epoll.poll(0)).toEqual([]);
  });

  it('one-shot, nothing is told until modify arms it again', () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    epoll.register(r, EPOLLIN | EPOLLONESHOT);
    byte(w);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    byte(w);
    expect(epoll.poll(0)).toEqual([]);
    epoll.modify(r, EPOLLIN | EPOLLONESHOT);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    expect(epoll.poll(0)).toEqual([]);
  });

  it('exclusive, the kernel takes neither modify nor one-shot with it: EINVAL', () => {
    const epoll = closing(new Epoll());
    const [a, b] = pair();
    epoll.register(a, EPOLLIN | EPOLLEXCLUSIVE);
    expect(codeOf(() => epoll.modify(a, EPOLLIN))).toBe('EINVAL');
    expect(codeOf(() => epoll.register(b, EPOLLIN | EPOLLEXCLUSIVE | EPOLLONESHOT))).toBe('EINVAL');
    b.send(Buffer.from('x'));
    expect(epoll.poll()).toEqual([[a.fd, EPOLLIN]]);
  });

  it('a half-close, a hang-up and an error are told for what they are', () => {
    const epoll = closing(new Epoll());
    const [a, b] = pair();
    const [r, w] = pipe();
    const [r2, w2] = pipe();
    epoll.register(a, EPOLLIN | EPOLLRDHUP);
    epoll.register(r, 0);
    epoll.register(w2, EPOLLOUT);
    b.shutdown(SHUT_WR);
    close(w);
    close(r2);
    expect(new Map(epoll.poll())).toEqual(
      new Map([
        [a.fd, EPOLLIN | EPOLLRDHUP],
        [r, EPOLLHUP],
        [w2, EPOLLOUT | EPOLLERR],
      ]),
    );
    b.close();
    expect(new Map(epoll.poll()).get(a.fd)).toBe(EPOLLIN | EPOLLRDHUP | EPOLLHUP);
  });

  it('masks handed out are unsigned', () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    byte(w);
    epoll.register(r, EPOLLIN | EPOLLET);
    for (const [, events] of epoll.poll()) expect(events).toBeGreaterThan(0);
  });
});

describe('misuse', () => {
  const errnos = sys as unknown as Record<string, number>;
  const refused = (use: () => void, code: string) =>
    expect(use).toThrow(expect.objectContaining({ code, errno: -Number(errnos[code]), syscall: 'epoll_ctl' }));

  it("throws the kernel's own error, in the form of Node.js", () => {
    const epoll = closing(new Epoll());
    const inner = closing(new Epoll());
    const [a] = pair();
    const [r] = pipe();
    close(r);
    epoll.register(a, EPOLLIN);
    refused(() => epoll.register(a, EPOLLIN), 'EEXIST');
    refused(() => epoll.register(a.fd, EPOLLOUT), 'EEXIST');
    refused(() => epoll.modify(inner, EPOLLIN), 'ENOENT');
    refused(() => epoll.unregister(inner), 'ENOENT');
    refused(() => epoll.register(r, EPOLLIN), 'EBADF');
    refused(() => epoll.register(regularFile(), EPOLLIN), 'EPERM');
    refused(() => epoll.register(epoll, EPOLLIN), 'EINVAL');
    epoll.register(inner, EPOLLIN);
    refused(() => inner.register(epoll, EPOLLIN), 'ELOOP');
    expect(inKernel(epoll).get(a.fd)?.events).toBe(EPOLLIN | UNASKED);
  });

  it.each(noDescriptors.map((value) => [inspect(value), value]))('refuses %s as a descriptor', (_, value) => {
    const epoll = closing(new Epoll());
    const before = openFiles();
    const fd = value as number;
    for (const use of [
      () => epoll.register(fd),
      () => epoll.modify(fd, EPOLLIN),
      () => epoll.unregister(fd),
      () => Epoll.fromFd(fd),
    ]) {
      expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    }
    expect(openFiles()).toEqual(before);
  });

  it.each([0, -1, 0.5, Number.NaN, 2 ** 31, '1', null, 1n, {}])('refuses %s as maxEvents', (value) => {
    const epoll = closing(new Epoll());
    expect(codeOf(() => epoll.poll(0, value as number))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
  });
});

describe('poll', () => {
  it('takes maxEvents at most, and tells the others next time', () => {
    const epoll = closing(new Epoll());
    const readers = Array.from({ length: 6 }, () => {
      const [r, w] = pipe();
      byte(w);
      epoll.register(r, EPOLLIN);
      return r;
    });
    const told = [epoll.poll(0, 2), epoll.poll(0, 2), epoll.poll(0, 2)];
    expect(told.map((batch) => batch.length)).toEqual([2, 2, 2]);
    expect(
      told
        .flat()
        .map(([fd]) => fd)
        .sort(),
    ).toEqual(readers.sort());
    expect(epoll.poll(0, 100)).toHaveLength(6);
    expect(epoll.poll(0, 1)).toHaveLength(1);
  });

  it('tells the events of a set within a set: the outer one is readable as the inner one is ready', () => {
    const outer = closing(new Epoll());
    const inner = closing(new Epoll());
    const [r, w] = pipe();
    outer.register(inner, EPOLLIN);
    inner.register(r, EPOLLIN);
    const poll = new Poll();
    poll.register(outer, POLLIN);
    expect(outer.poll(0)).toEqual([]);
    byte(w);
    expect(outer.poll()).toEqual([[inner.fd, EPOLLIN]]);
    expect(poll.poll()).toEqual([[outer.fd, POLLIN]]);
    expect(select([inner], [], [])[0]).toEqual([inner]);
    expect(inner.poll()).toEqual([[r, EPOLLIN]]);
  });

  it('is woken by what another thread puts into the set', async () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    byte(w);
    const other = thread(
      `const epoll = fdmux.Epoll.fromFd(data.epfd);
       Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60);
       epoll.register(data.r, fdmux.EPOLLIN);
       epoll.close();`,
      { epfd: epoll.fd, r },
    );
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    await other;
  });

  it('reports a closed number while a duplicate keeps its file open, and not once that is closed, too', () => {
    const epoll = closing(new Epoll());
    const [r, w] = pipe();
    byte(w);
    epoll.register(r, EPOLLIN);
    const kept = duplicate(r);
    close(r);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    reuse(r);
    expect(codeOf(() => epoll.unregister(r))).toBe('ENOENT');
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    close(kept);
    expect(epoll.poll(0)).toEqual([]);
  });
});

describe('fromFd', () => {
  it('owns a duplicate: the same set, closed on its own', () => {
    const epoll = new Epoll();
    const [r, w] = pipe();
    const second = closing(Epoll.fromFd(epoll.fd));
    const third = closing(Epoll.fromFd(epoll));
    expect(new Set([epoll.fd, second.fd, third.fd]).size).toBe(3);
    second.register(r, EPOLLIN);
    byte(w);
    expect(epoll.poll()).toEqual([[r, EPOLLIN]]);
    epoll.close();
    expect(second.poll()).toEqual([[r, EPOLLIN]]);
    expect(third.poll()).toEqual([[r, EPOLLIN]]);
    third.close();
    expect(second.closed).toBe(false);
  });

  it('refuses a descriptor that is not open, and leaves it to the first call to find another kind: EINVAL', () => {
    const [r] = pipe();
    const before = openFiles();
    const wrong = Epoll.fromFd(r);
    expect(() => wrong.poll(0)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'epoll_wait' }));
    expect(codeOf(() => wrong.register(r))).toBe('EINVAL');
    wrong.close();
    expect(openFiles()).toEqual(before);
    close(r);
    expect(() => Epoll.fromFd(r)).toThrow(expect.objectContaining({ code: 'EBADF', syscall: 'fcntl' }));
  });
});
