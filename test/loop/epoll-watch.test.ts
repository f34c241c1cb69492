import { AsyncLocalStorage, createHook, executionAsyncId } from 'node:async_hooks';
import { EPOLLET, EPOLLIN, EPOLLONESHOT, EPOLLOUT, Epoll } from 'fdmux';
import { describe, expect, it } from 'vitest';
import { byte, descriptors, pair, program, turns } from './support.js';

describe('Epoll.watch', () => {
  it('hands a whole batch to one call', async () => {
    const pairs = Array.from({ length: 64 }, () => pair());
    const epoll = new Epoll();
    for (const [a, b] of pairs) {
      a.send(byte);
      epoll.register(b, EPOLLIN);
    }
    const [fds, count] = await new Promise<[number[], number]>((resolve) => {
      epoll.watch((events, number) => {
        epoll.unwatch();
        resolve([Array.from({ length: number }, (_, i) => events.fd(i)), number]);
      });
    });
    expect(count).toBe(64);
    expect(new Set(fds)).toEqual(new Set(pairs.map(([, b]) => b.fd)));
    epoll.close();
    for (const socket of pairs.flat()) socket.close();
  });

  it('gives the same events object every time, and the set as this', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    const seen: unknown[] = [];
    await new Promise<void>((resolve) => {
      epoll.watch(function (this: unknown, events) {
        seen.push(this, events);
        if (seen.length >= 6) {
          epoll.unwatch();
          resolve();
        }
      });
    });
    expect(new Set(seen.filter((_, i) => i % 2 === 0))).toEqual(new Set([epoll]));
    expect(new Set(seen.filter((_, i) => i % 2 === 1)).size).toBe(1);
    a.close();
    b.close();
  });

  it('tells an edge once, and a level again and again', async () => {
    for (const [events, more] of [
      [EPOLLIN | EPOLLET, false],
      [EPOLLIN | EPOLLONESHOT, false],
      [EPOLLIN, true],
    ] as const) {
      const epoll = new Epoll();
      const [a, b] = pair();
      epoll.register(b, events);
      a.send(byte);
      let calls = 0;
      epoll.watch(() => calls++);
      while (calls === 0) await turns(1);
      const before = calls;
      await turns(20);
      expect(calls > before).toBe(more);
      epoll.close();
      a.close();
      b.close();
    }
  });

  it('does not keep timers, ticks, promises and other sockets from their turn while descriptors stay ready', async () => {
    using epoll = new Epoll();
    const pairs = Array.from({ length: 200 }, () => pair());
    for (const [a] of pairs) epoll.register(a, EPOLLOUT);
    let calls = 0;
    epoll.watch(() => calls++);
    using other = new Epoll();
    const [c, d] = pair();
    other.register(d, EPOLLIN);
    c.send(byte);
    await new Promise((resolve) => setTimeout(resolve, 5));
    await new Promise((resolve) => process.nextTick(resolve));
    await turns(3);
    expect(await other.ready()).toEqual([[d.fd, EPOLLIN]]);
    expect(calls).toBeGreaterThan(0);
    for (const socket of [...pairs.flat(), c, d]) socket.close();
  });

  it('hands over few batches a turn, however quick the callback', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    let calls = 0;
    let turn = 0;
    let most = 0;
    epoll.watch(() => (most = Math.max(most, ++calls)));
    while (turn < 200) {
      await turns(1);
      turn++;
      calls = 0;
    }
    expect(most).toBeGreaterThan(0);
    expect(most).toBeLessThanOrEqual(32);
    a.close();
    b.close();
  });

  it('runs promises and ticks after each call', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    const order: string[] = [];
    await new Promise<void>((resolve) => {
      let calls = 0;
      epoll.watch(() => {
        order.push(`call ${++calls}`);
        Promise.resolve().then(() => order.push(`promise ${calls}`));
        process.nextTick(() => order.push(`tick ${calls}`));
        if (calls === 3) {
          epoll.unwatch();
          setImmediate(resolve);
        }
      });
    });
    expect(order).toEqual([1, 2, 3].flatMap((n) => [`call ${n}`, `tick ${n}`, `promise ${n}`]));
    a.close();
    b.close();
  });

  it('runs in the async context of the moment of the call', async () => {
    const storage = new AsyncLocalStorage<string>();
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN);
    const types: string[] = [];
    const ids = new Set<number>();
    const hook = createHook({
      init(id, type) {
        if (type === 'Epoll') {
          types.push(type);
          ids.add(id);
        }
      },
    }).enable();
    const seen = new Promise<[string | undefined, boolean]>((resolve) => {
      storage.run('mine', () => {
        epoll.watch(() => {
          epoll.unwatch();
          resolve([storage.getStore(), ids.has(executionAsyncId())]);
        });
      });
    });
    storage.run('another', () => a.send(byte));
    expect(await seen).toEqual(['mine', true]);
    expect(types).toEqual(['Epoll']);
    hook.disable();
    a.close();
    b.close();
  });

  it('makes an exception an uncaught one, and goes on', async () => {
    const { out, code, err } = await program(`
      const epoll = new fdmux.Epoll();
      const [a, b] = fdmux.socketpair();
      epoll.register(a, fdmux.EPOLLOUT);
      let calls = 0;
      const caught = [];
      process.on('uncaughtException', (error, origin) => caught.push(error.message, origin));
      epoll.watch(() => {
        calls++;
        if (calls === 1) throw new Error('first');
        epoll.close();
        setImmediate(() => console.log(JSON.stringify({ calls, caught })));
      });`);
    expect(err).toBe('');
    expect(JSON.parse(out)).toEqual({ calls: 2, caught: ['first', 'uncaughtException'] });
    expect(code).toBe(0);
  });

  it('ends the process with an exception that nobody catches', async () => {
    const { code, err, signal } = await program(`
      const epoll = new fdmux.Epoll();
      const [a, b] = fdmux.socketpair();
      epoll.register(a, fdmux.EPOLLOUT);
      epoll.watch(() => { throw new Error('nobody is there'); });`);
    expect({ code, signal }).toEqual({ code: 1, signal: null });
    expect(err).toContain('nobody is there');
  });

  it('has one reader at a time', async () => {
    using epoll = new Epoll();
    epoll.watch(() => {});
    const watched = expect.objectContaining({ code: 'ERR_EPOLL_WATCHED' });
    expect(() => epoll.watch(() => {})).toThrow(watched);
    await expect(epoll.ready()).rejects.toThrow(watched);
    epoll.unwatch();
    const pending = epoll.ready();
    expect(() => epoll.watch(() => {})).toThrow(watched);
    epoll.close();
    await expect(pending).rejects.toMatchObject({ code: 'ERR_EPOLL_CLOSED' });
  });

  it('can be closed, and opened anew, in its own callback', async () => {
    for (let i = 0; i < 100; i++) {
      const epoll = new Epoll();
      const [a, b] = pair();
      epoll.register(a, EPOLLOUT);
      let calls = 0;
      await new Promise<void>((resolve) => {
        epoll.watch(() => {
          calls++;
          epoll.close();
          setImmediate(resolve);
        });
      });
      expect(calls).toBe(1);
      a.close();
      b.close();
    }
  });

  it('leaves no descriptor behind', async () => {
    await turns(1);
    const before = descriptors();
    for (let i = 0; i < 50; i++) {
      const epoll = new Epoll();
      epoll.watch(() => {});
      epoll.close();
      const lazy = new Epoll();
      lazy.ready().catch(() => {});
      lazy.close();
    }
    expect(descriptors()).toEqual(before);
  });

  it('refuses what it cannot do', () => {
    using epoll = new Epoll();
    // @ts-expect-error
    expect(() => epoll.watch(undefined)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    epoll.close();
    expect(() => epoll.watch(() => {})).toThrow(expect.objectContaining({ code: 'ERR_EPOLL_CLOSED' }));
    expect(() => epoll.unwatch()).not.toThrow();
  });

  it('says what is wrong with a descriptor that is no set', async () => {
    const { out } = await program(`
      const [a, b] = fdmux.socketpair();
      const epoll = fdmux.Epoll.fromFd(a);
      await epoll.ready({ timeout: 0 }).catch((error) => console.log(error.code));
      b.send(Buffer.from('x'));
      process.on('uncaughtException', (error) => console.log(error.code, error.syscall));
      epoll.watch(() => console.log('events?'));`);
    expect(out).toBe('EINVAL\nEINVAL epoll_wait\n');
  });
});

describe('what keeps the process alive', () => {
  const cases = {
    'a watch does, until it is unreferenced': `
      const epoll = new fdmux.Epoll();
      epoll.watch(() => {});
      setImmediate(() => { console.log('still here'); epoll.unref(); });`,
    'unref before the watch counts': `
      new fdmux.Epoll().unref().watch(() => {});
      console.log('still here');`,
    'a pending ready does, a settled one does not': `
      const epoll = new fdmux.Epoll();
      const [a, b] = fdmux.socketpair();
      epoll.register(a, fdmux.EPOLLIN);
      setTimeout(() => b.send(Buffer.from('x')), 5);
      await epoll.ready();
      console.log('still here');`,
    'a left iterator does not': `
      const epoll = new fdmux.Epoll();
      const [a, b] = fdmux.socketpair();
      epoll.register(a, fdmux.EPOLLOUT);
      for await (const batch of epoll) break;
      console.log('still here');`,
    'a closed set does not': `
      const epoll = new fdmux.Epoll();
      epoll.watch(() => {});
      setImmediate(() => { epoll.close(); console.log('still here'); });`,
  };
  for (const [name, source] of Object.entries(cases)) {
    it(name, async () => {
      const { code, out } = await program(source);
      expect({ code, out }).toEqual({ code: 0, out: 'still here\n' });
    });
  }
});
