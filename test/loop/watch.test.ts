import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, openSync } from 'node:fs';
import { Socket as NetSocket } from 'node:net';
import { fileURLToPath } from 'node:url';
import {
  EPOLLERR,
  EPOLLET,
  EPOLLEXCLUSIVE,
  EPOLLHUP,
  EPOLLIN,
  EPOLLONESHOT,
  EPOLLOUT,
  readable,
  type Socket,
  type Watch,
  watch,
  writable,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import { byte, descriptors, entry, pair, program, turns } from './support.js';

/** A socket that one can close behind everybody's back. */
function bare(): { own: number; peer: number } {
  const sv = new Int32Array(2);
  sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK, 0, sv);
  return { own: sv[0] as number, peer: sv[1] as number };
}

function next(fd: Parameters<typeof watch>[0], events: Parameters<typeof watch>[1]): Promise<number> {
  return new Promise((resolve) => {
    const one = watch(fd, events, (ready) => {
      one.close();
      resolve(ready);
    });
  });
}

describe('watch', () => {
  it('tells what a descriptor is ready for', async () => {
    const [a, b] = pair();
    expect(await next(a, 'writable')).toBe(EPOLLOUT);
    b.send(byte);
    expect(await next(a, 'readable')).toBe(EPOLLIN);
    expect(await next(a, EPOLLIN | EPOLLOUT)).toBe(EPOLLIN | EPOLLOUT);
    b.close();
    expect((await next(a, 'readable')) & EPOLLHUP).toBe(EPOLLHUP);
    a.close();
  });

  it('takes masks modulo 2³², and hands back unsigned ones', async () => {
    const [a, b] = pair();
    const one = watch(a, EPOLLOUT | EPOLLET, () => {});
    expect(one.events).toBe((EPOLLOUT | EPOLLET) >>> 0);
    one.close();
    a.close();
    b.close();
  });

  it('changes, pauses and goes on', async () => {
    const [a, b] = pair();
    const told: number[] = [];
    const one = watch(a, 'readable', (ready) => told.push(ready));
    await turns(3);
    expect(told).toEqual([]);
    one.events = 'writable';
    while (told.length === 0) await turns(1);
    expect(new Set(told)).toEqual(new Set([EPOLLOUT]));
    one.events = 0;
    b.close();
    const paused = told.length;
    await turns(5);
    expect(told.length).toBe(paused);
    one.events = EPOLLIN;
    while (told.length === paused) await turns(1);
    expect((told.at(-1) as number) & EPOLLHUP).toBe(EPOLLHUP);
    one.close();
    a.close();
  });

  it('tells several on one descriptor what each asked for', async () => {
    const [a, b] = pair();
    const told: string[] = [];
    const reader = watch(a, 'readable', (ready) => told.push(`reader ${ready}`));
    const writer = watch(a, 'writable', (ready) => told.push(`writer ${ready}`));
    while (told.length === 0) await turns(1);
    expect(new Set(told)).toEqual(new Set([`writer ${EPOLLOUT}`]));
    writer.close();
    told.length = 0;
    b.send(byte);
    while (told.length === 0) await turns(1);
    expect(new Set(told)).toEqual(new Set([`reader ${EPOLLIN}`]));
    const second = watch(a, 'readable', (ready) => told.push(`second ${ready}`));
    told.length = 0;
    while (told.length < 2) await turns(1);
    expect(told.slice(0, 2)).toEqual([`reader ${EPOLLIN}`, `second ${EPOLLIN}`]);
    reader.close();
    second.close();
    a.close();
    b.close();
  });

  it('is edge-triggered when all of a descriptor ask for it', async () => {
    const [a, b] = pair();
    let first = 0;
    let second = 0;
    const one = watch(a, EPOLLOUT | EPOLLET, () => first++);
    while (first === 0) await turns(1);
    await turns(5);
    expect(first).toBe(1);
    const two = watch(a, EPOLLOUT | EPOLLET, () => second++);
    while (second === 0) await turns(1);
    await turns(5);
    expect(second).toBe(1);
    two.close();
    const level = watch(a, EPOLLOUT, () => second++);
    while (second < 5) await turns(1);
    level.close();
    one.close();
    a.close();
    b.close();
  });

  it('tells an EPOLLONESHOT watch once until events is set, alone or beside another', async () => {
    const [a, b] = pair();
    for (const beside of [false, true]) {
      let other = 0;
      const neighbour = beside ? watch(a, 'writable', () => other++) : undefined;
      let calls = 0;
      const one = watch(a, EPOLLOUT | EPOLLONESHOT, () => calls++);
      for (const expected of [1, 2, 3]) {
        while (calls < expected) await turns(1);
        await turns(5);
        expect(calls).toBe(expected);
        one.events = EPOLLOUT | EPOLLONESHOT;
      }
      if (beside) expect(other).toBeGreaterThan(3);
      one.close();
      neighbour?.close();
    }
    a.close();
    b.close();
  });

  it('runs in its own async context, promises and ticks after each call', async () => {
    const storage = new AsyncLocalStorage<number>();
    const pairs = Array.from({ length: 3 }, () => pair());
    const seen: string[] = [];
    let left = pairs.length;
    await new Promise<void>((resolve) => {
      const watches = pairs.map(([a], i) =>
        storage.run(i, () =>
          watch(a, 'writable', () => {
            watches[i]?.close();
            seen.push(`call ${storage.getStore()}`);
            queueMicrotask(() => seen.push(`promise ${storage.getStore()}`));
            if (--left === 0) setImmediate(resolve);
          }),
        ),
      );
    });
    expect(seen).toEqual([0, 1, 2].flatMap((i) => [`call ${i}`, `promise ${i}`]));
    for (const socket of pairs.flat()) socket.close();
  });

  it('makes an exception an uncaught one, which costs neither itself nor others their turn', async () => {
    const { out, err, code } = await program(`
      const pairs = Array.from({ length: 4 }, () => fdmux.socketpair());
      const caught = [];
      process.on('uncaughtException', (error) => caught.push(error.message));
      const told = new Map();
      const edge = fdmux.EPOLLOUT | fdmux.EPOLLET;
      // The last one is watched twice.
      const watches = [...pairs, pairs[3]].map(([a], i) => fdmux.watch(a, edge, () => {
        told.set(i, (told.get(i) ?? 0) + 1);
        throw new Error('of ' + i);
      }));
      while (told.size < 5) await new Promise((resolve) => setImmediate(resolve));
      for (const one of watches) one.close();
      setImmediate(() => console.log(JSON.stringify([...told.keys()].sort()), JSON.stringify(caught.sort())));`);
    expect(err).toBe('');
    expect(out).toBe('[0,1,2,3,4] ["of 0","of 1","of 2","of 3","of 4"]\n');
    expect(code).toBe(0);
  });

  it('keeps the process alive unless unreferenced', async () => {
    const { code, out } = await program(`
      const [a, b] = fdmux.socketpair();
      const one = fdmux.watch(a, 'readable', () => {});
      const two = fdmux.watch(b, 'readable', () => {}).unref();
      setImmediate(() => { console.log('still here'); one.unref().ref().unref(); });`);
    expect({ code, out }).toEqual({ code: 0, out: 'still here\n' });
  });

  it('shares one hidden set, which goes with the last watch', async () => {
    const pairs = Array.from({ length: 20 }, () => pair());
    await turns(2);
    const before = descriptors();
    const watches = pairs.flat().map((socket) => watch(socket, 'readable', () => {}));
    expect(descriptors().length - before.length).toBe(2);
    for (const one of watches) one[Symbol.dispose]();
    for (const one of watches) one.close();
    await turns(2);
    expect(descriptors()).toEqual(before);
    for (const socket of pairs.flat()) socket.close();
  });

  it('says clearly what cannot be waited for', async () => {
    await turns(2);
    const before = descriptors();
    const fd = openSync(fileURLToPath(import.meta.url), 'r');
    expect(() => watch(fd, 'readable', () => {})).toThrow(
      expect.objectContaining({ code: 'EPERM', message: expect.stringContaining('regular file') }),
    );
    closeSync(fd);
    expect(() => watch(fd, 'readable', () => {})).toThrow(expect.objectContaining({ code: 'EBADF' }));
    await turns(2);
    expect(descriptors()).toEqual(before);
  });

  it('refuses what is no descriptor, no mask, no function', () => {
    const [a, b] = pair();
    // @ts-expect-error
    expect(() => watch('0', 'readable', () => {})).toThrow(TypeError);
    // @ts-expect-error
    expect(() => watch(a, 'readable')).toThrow(TypeError);
    // @ts-expect-error
    expect(() => watch(a, 'both', () => {})).toThrow(TypeError);
    expect(() => watch(a, 1.5, () => {})).toThrow(RangeError);
    expect(() => watch(a, EPOLLIN | EPOLLEXCLUSIVE, () => {})).toThrow(RangeError);
    expect(() => watch(-1, 'readable', () => {})).toThrow(RangeError);
    const one = watch(a, 'readable', () => {});
    one.close();
    expect([one.fd, one.closed]).toEqual([-1, true]);
    expect(() => {
      one.events = 'writable';
    }).toThrow(expect.objectContaining({ code: 'ERR_WATCH_CLOSED' }));
    one.ref().unref();
    a.close();
    b.close();
  });

  it('does not disturb what Node.js itself has on the descriptor', async () => {
    const { own, peer } = bare();
    const socket = new NetSocket({ fd: own });
    const data = new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
    const seen = next(peer, 'writable');
    let calls = 0;
    const one = watch(own, 'readable', () => calls++);
    await seen;
    sys.write(peer, Buffer.from('for both'));
    expect(await data).toBe('for both');
    one.close();
    socket.destroy();
    sys.close(peer);
  });
});

describe('within one batch', () => {
  /** Many ready at once; the first to be called does something to all. */
  async function firstOf(sockets: Socket[], act: (i: number) => void): Promise<number[]> {
    const called: number[] = [];
    const watches: Watch[] = sockets.map((socket, i) =>
      watch(socket, 'writable', () => {
        called.push(i);
        if (called.length > 1) return;
        for (const [j, one] of watches.entries()) {
          if (j !== i) one.close();
        }
        act(i);
      }),
    );
    while (called.length === 0) await turns(1);
    await turns(5);
    for (const one of watches) one.close();
    return called;
  }

  it('never tells a watch that was closed', async () => {
    const pairs = Array.from({ length: 16 }, () => pair());
    const called = await firstOf(
      pairs.map(([a]) => a),
      () => {},
    );
    expect(new Set(called).size).toBe(1);
    for (const socket of pairs.flat()) socket.close();
  });

  it('never tells the next owner of a number what its last owner did', async () => {
    const pairs = Array.from({ length: 16 }, () => pair());
    const told: [string, number][] = [];
    const newcomers: Socket[] = [];
    const fresh: Watch[] = [];
    const old = new Set(pairs.map(([a]) => a.fd));
    await firstOf(
      pairs.map(([a]) => a),
      (i) => {
        for (const [j, [a]] of pairs.entries()) if (j !== i) a.close();
        while (newcomers.length < 8) newcomers.push(...pair());
        // Same numbers, and nothing to read yet: an event would be the old owner's.
        for (const socket of newcomers) fresh.push(watch(socket, 'readable', (ready) => told.push(['new', ready])));
      },
    );
    expect(newcomers.filter(({ fd }) => old.has(fd)).length).toBeGreaterThan(0);
    expect(told).toEqual([]);
    for (const one of fresh) one.close();
    for (const socket of [...pairs.flat(), ...newcomers]) socket.close();
  });
});

describe('a descriptor closed behind its back', () => {
  it('is heard of no more, and its watch can be closed', async () => {
    const { own, peer } = bare();
    let calls = 0;
    const one = watch(own, 'writable', () => calls++);
    sys.close(own);
    await turns(5);
    expect(calls).toBe(0);
    one.close();
    sys.close(peer);
  });

  it('closes its watch, with a warning, when that is told to wait for something else', async () => {
    const { own, peer } = bare();
    const one = watch(own, 'readable', () => {});
    sys.close(own);
    const warning = new Promise<Error>((resolve) => process.once('warning', resolve));
    expect(() => {
      one.events = 'writable';
    }).toThrow(expect.objectContaining({ code: 'EBADF' }));
    expect(one.closed).toBe(true);
    expect((await warning).message).toContain(`descriptor ${own} was closed while it was being watched`);
    sys.close(peer);
  });

  it('closes its watch when the number is watched for its next owner', async () => {
    const first = bare();
    const told: string[] = [];
    const one = watch(first.own, 'readable', () => told.push('old'));
    sys.close(first.own);
    const second = bare();
    expect(second.own).toBe(first.own);
    const two = watch(second.own, 'readable', () => told.push('new'));
    expect([one.closed, two.closed]).toEqual([true, false]);
    sys.write(second.peer, byte);
    while (told.length === 0) await turns(1);
    one.close();
    told.length = 0;
    while (told.length === 0) await turns(1);
    expect(new Set(told)).toEqual(new Set(['new']));
    two.close();
    for (const fd of [first.peer, second.own, second.peer]) sys.close(fd);
  });

  it('that lives on as a duplicate is neither told to the next owner nor spins', async () => {
    await turns(2);
    const before = descriptors();
    const others = pair();
    const neighbour: number[] = [];
    const beside = watch(others[0], EPOLLIN | EPOLLET, (ready) => neighbour.push(ready));
    const first = bare();
    const told: string[] = [];
    watch(first.own, 'readable', () => told.push('old'));
    const duplicate = sys.fcntl(first.own, sys.F_DUPFD_CLOEXEC, first.own + 50);
    sys.close(first.own);
    const second = bare();
    const [number] = [first.own, second.own].filter((fd) => fd === first.own);
    expect(number).toBe(second.own);
    const two = watch(second.own, 'readable', () => told.push('new'));
    // News of the old owner only.
    sys.write(first.peer, byte);
    await turns(10);
    expect(told).toEqual([]);
    // Everyone else has moved to the new set.
    others[1].send(byte);
    sys.write(second.peer, byte);
    while (told.length === 0 || neighbour.length === 0) await turns(1);
    expect(new Set(told)).toEqual(new Set(['new']));
    two.close();
    beside.close();
    for (const fd of [first.peer, second.own, second.peer, duplicate]) sys.close(fd);
    for (const socket of others) socket.close();
    await turns(2);
    expect(descriptors()).toEqual(before);
  });

  it('that lives on, with nobody watching any more, does not keep the loop busy', async () => {
    const { out, err } = await program(`
      import * as sys from ${JSON.stringify(entry('sys/index'))};
      const [a, b] = fdmux.socketpair();
      fdmux.watch(a, 'readable', () => {});
      const sv = new Int32Array(2);
      sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM, 0, sv);
      const one = fdmux.watch(sv[0], 'readable', () => {});
      sys.dup(sv[0]);
      sys.close(sv[0]);
      one.close();
      sys.write(sv[1], Buffer.from('x'));
      const turns = () => performance.nodeTiming.uvMetricsInfo?.loopCount ?? 0;
      setTimeout(() => {
        const before = turns();
        setTimeout(() => {
          console.log(turns() - before < 50);
          process.exit();
        }, 100);
      }, 10);`);
    expect({ out, err }).toEqual({ out: 'true\n', err: '' });
  });
});

describe('readable and writable', () => {
  it('resolve once the descriptor is ready', async () => {
    const [a, b] = pair();
    expect(await writable(a)).toBe(EPOLLOUT);
    const ready = readable(a);
    b.send(byte);
    expect(await ready).toBe(EPOLLIN);
    expect(await Promise.all([readable(a), readable(a), writable(a)])).toEqual([EPOLLIN, EPOLLIN, EPOLLOUT]);
    a.close();
    b.close();
  });

  it('resolve with EPOLLERR on a pipe that nobody reads', async () => {
    const pipefd = new Int32Array(2);
    sys.pipe2(pipefd, sys.O_CLOEXEC);
    const [readFd, writeFd] = pipefd as unknown as [number, number];
    sys.close(readFd);
    expect((await writable(writeFd)) & EPOLLERR).toBe(EPOLLERR);
    sys.close(writeFd);
  });

  it('are aborted by their signal, and leave nothing behind', async () => {
    const [a, b] = pair();
    await turns(2);
    const before = descriptors();
    const controller = new AbortController();
    const ready = readable(a, { signal: controller.signal });
    controller.abort('enough');
    await expect(ready).rejects.toMatchObject({ name: 'AbortError', cause: 'enough' });
    await expect(readable(a, { signal: controller.signal })).rejects.toMatchObject({ name: 'AbortError' });
    await turns(2);
    expect(descriptors()).toEqual(before);
    a.close();
    b.close();
  });

  it('reject what cannot be waited for', async () => {
    const fd = openSync('/', 'r');
    await expect(readable(fd)).rejects.toMatchObject({ code: 'EPERM' });
    closeSync(fd);
    await expect(readable(fd)).rejects.toMatchObject({ code: 'EBADF' });
  });
});
