import { AsyncLocalStorage } from 'node:async_hooks';
import { EPOLLET, EPOLLIN, EPOLLOUT, Epoll } from 'fdmux';
import { describe, expect, it } from 'vitest';
import { byte, pair, program, turns } from './support.js';

describe('Epoll.ready', () => {
  it('resolves with what is ready', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN);
    const ready = epoll.ready();
    a.send(byte);
    expect(await ready).toEqual([[b.fd, EPOLLIN]]);
    expect(await epoll.ready({ timeout: 1000 })).toEqual([[b.fd, EPOLLIN]]);
    a.close();
    b.close();
  });

  it('takes nothing out of the set while nobody waits', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN | EPOLLET);
    a.send(byte);
    await epoll.ready();
    a.send(byte);
    await turns(5);
    expect(await epoll.ready({ timeout: 0 })).toEqual([[b.fd, EPOLLIN]]);
    a.close();
    b.close();
  });

  it('is never early, and then gives an empty list', async () => {
    using epoll = new Epoll();
    for (const timeout of [0, 0.4, 1.7, 20]) {
      const start = performance.now();
      expect(await epoll.ready({ timeout })).toEqual([]);
      expect(performance.now() - start).toBeGreaterThanOrEqual(timeout);
    }
  });

  it('looks before time is up, even when the loop was blocked past the limit', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN);
    const ready = epoll.ready({ timeout: 1 });
    a.send(byte);
    const end = performance.now() + 10;
    while (performance.now() < end);
    expect(await ready).toEqual([[b.fd, EPOLLIN]]);
    a.close();
    b.close();
  });

  it('serves several in their order, a batch each', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN | EPOLLET);
    const order: number[] = [];
    const all = [0, 1, 2].map((i) => epoll.ready().then(() => order.push(i)));
    for (const one of all) {
      a.send(byte);
      await one;
    }
    expect(order).toEqual([0, 1, 2]);
    a.close();
    b.close();
  });

  it('keeps the async context of whoever awaits', async () => {
    const storage = new AsyncLocalStorage<number>();
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    const stores = await Promise.all(
      [1, 2].map((n) =>
        storage.run(n, async () => {
          await epoll.ready();
          return storage.getStore();
        }),
      ),
    );
    expect(stores).toEqual([1, 2]);
    a.close();
    b.close();
  });

  it('does not starve timers when it is awaited again and again', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    let ended = false;
    setTimeout(() => {
      ended = true;
    }, 2);
    while (!ended) await epoll.ready();
    a.close();
    b.close();
  });

  it('is aborted by its signal, with its reason as the cause', async () => {
    using epoll = new Epoll();
    const early = AbortSignal.abort('why');
    await expect(epoll.ready({ signal: early })).rejects.toMatchObject({ name: 'AbortError', cause: 'why' });
    const controller = new AbortController();
    const ready = epoll.ready({ signal: controller.signal });
    controller.abort('because');
    await expect(ready).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR', cause: 'because' });
  });

  it('is rejected when the set is closed', async () => {
    const epoll = new Epoll();
    const pending = [epoll.ready(), epoll.ready({ timeout: 1e9 })];
    epoll.close();
    for (const ready of pending) await expect(ready).rejects.toMatchObject({ code: 'ERR_EPOLL_CLOSED' });
    await expect(epoll.ready()).rejects.toMatchObject({ code: 'ERR_EPOLL_CLOSED' });
  });

  it('refuses what is no timeout and no signal, and leaves nothing waiting', async () => {
    using epoll = new Epoll();
    await expect(epoll.ready({ timeout: -1 })).rejects.toThrow(RangeError);
    await expect(epoll.ready({ timeout: Number.NaN })).rejects.toThrow(RangeError);
    // @ts-expect-error
    await expect(epoll.ready({ timeout: '5' })).rejects.toThrow(TypeError);
    // @ts-expect-error
    await expect(epoll.ready({ signal: {} })).rejects.toThrow(TypeError);
    expect(() => epoll.watch(() => {})).not.toThrow();
  });
});

describe('for await over an Epoll', () => {
  it('gives a batch at a time, until the set is closed', async () => {
    const epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(b, EPOLLIN | EPOLLET);
    a.send(byte);
    let batches = 0;
    for await (const batch of epoll) {
      expect(batch).toEqual([[b.fd, EPOLLIN]]);
      if (++batches === 5) setImmediate(() => epoll.close());
      else a.send(byte);
    }
    expect(batches).toBe(5);
    a.close();
    b.close();
  });

  it('can be left, which leaves the set open', async () => {
    using epoll = new Epoll();
    const [a, b] = pair();
    epoll.register(a, EPOLLOUT);
    for await (const _ of epoll) break;
    expect(epoll.poll(0)).toEqual([[a.fd, EPOLLOUT]]);
    a.close();
    b.close();
  });

  it('ends a pending next when it is told to return', async () => {
    using epoll = new Epoll();
    const batches = epoll[Symbol.asyncIterator]();
    const next = batches.next();
    await batches.return?.();
    expect(await next).toEqual({ value: undefined, done: true });
    expect(await batches.next()).toEqual({ value: undefined, done: true });
  });

  it('throws over a closed set', () => {
    const epoll = new Epoll();
    epoll.close();
    expect(() => epoll[Symbol.asyncIterator]()).toThrow(expect.objectContaining({ code: 'ERR_EPOLL_CLOSED' }));
  });
});

it('an idle set that is lost closes all of its descriptors, and warns once', async () => {
  const { out, err, code } = await program(`
    import { setFlagsFromString } from 'node:v8';
    import { runInNewContext } from 'node:vm';
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc');
    const count = () => sets().length;
    const before = count();
    await (async () => { await new fdmux.Epoll().ready({ timeout: 0 }); })();
    const open = count() - before;
    while (count() > before) {
      gc();
      await new Promise((resolve) => setImmediate(resolve));
    }
    console.log(open);`);
  expect({ code, out }).toEqual({ code: 0, out: '2\n' });
  expect(err.match(/ResourceWarning/g)?.length).toBe(1);
});
