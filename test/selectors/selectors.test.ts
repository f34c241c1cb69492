/** What holds of every selector, whichever call it makes. */
import { inspect } from 'node:util';
import { Socket } from 'fdmux';
import {
  DefaultSelector,
  EpollSelector,
  EVENT_READ,
  EVENT_WRITE,
  PollSelector,
  Selector,
  type SelectorKey,
  SelectSelector,
} from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  byte,
  close,
  closing,
  codeOf,
  duplicate,
  hasStrace,
  listening,
  noDescriptors,
  noTimeouts,
  openFiles,
  pair,
  pipe,
  reuse,
  runUnderFire,
  strace,
  timed,
  writeLater,
} from '../support/objects.js';

const BOTH = EVENT_READ | EVENT_WRITE;

describe.each([
  { name: 'SelectSelector', Made: SelectSelector, call: 'pselect6' },
  { name: 'PollSelector', Made: PollSelector, call: 'ppoll' },
  { name: 'EpollSelector', Made: EpollSelector, call: 'epoll_pwait2' },
  { name: 'DefaultSelector', Made: DefaultSelector, call: 'epoll_pwait2' },
])('$name', ({ name, Made, call }) => {
  let selector: Selector;
  beforeEach(() => {
    selector = new Made();
  });
  afterEach(() => selector.close());

  const unknown = (fileobj: unknown) => fileobj as number;

  describe('the book', () => {
    it('hands out one and the same frozen key by register, getKey, select and unregister', () => {
      const [r, w] = pipe();
      const data = { any: 'thing' };
      const key = selector.register(r, EVENT_READ, data);
      expect(key).toEqual({ fileobj: r, fd: r, events: EVENT_READ, data });
      expect(Object.isFrozen(key)).toBe(true);
      byte(w);
      expect(selector.getKey(r)).toBe(key);
      expect(selector.select(0)[0]?.[0]).toBe(key);
      expect(selector.getMap().get(r)).toBe(key);
      expect(selector.unregister(r)).toBe(key);
      expect(key.data).toBe(data);
    });

    it('keeps the very object that was registered, and its descriptor', () => {
      const [a] = pair();
      const key = selector.register(a, EVENT_WRITE);
      expect(key.fileobj).toBe(a);
      expect(key.fd).toBe(a.fd);
      expect(key.data).toBeUndefined();
    });

    it('takes a descriptor for its object, and an object for its descriptor', () => {
      const [a, b] = pair();
      const ka = selector.register(a, EVENT_READ, 'a');
      const kb = selector.register(b.fd, EVENT_READ, 'b');
      expect(selector.getKey(a.fd)).toBe(ka);
      expect(selector.getKey({ fd: a.fd })).toBe(ka);
      expect(selector.getKey(b)).toBe(kb);
      expect(selector.getMap().has(b)).toBe(true);
      expect(selector.modify(a.fd, EVENT_WRITE).fileobj).toBe(a);
      expect(selector.modify(b, EVENT_WRITE).fileobj).toBe(b.fd);
      expect(selector.unregister(a.fd).fileobj).toBe(a);
      expect(selector.unregister(b).fileobj).toBe(b.fd);
      expect(selector.getMap().size).toBe(0);
    });

    it('refuses what is registered already, as a number or as an object, and keeps what it has', () => {
      const [a] = pair();
      const key = selector.register(a, EVENT_READ, 1);
      for (const again of [a, a.fd, { fd: a.fd }]) {
        expect(() => selector.register(again, EVENT_WRITE, 2)).toThrow(
          expect.objectContaining({ code: 'EEXIST', errno: -sys.EEXIST, syscall: 'register' }),
        );
      }
      expect(selector.getKey(a)).toBe(key);
      expect(selector.select(0)).toEqual([]);
    });

    it.each(noDescriptors.map((value) => [inspect(value), value]))('refuses %s as a descriptor', (_, value) => {
      for (const use of [
        () => selector.register(unknown(value), EVENT_READ),
        () => selector.modify(unknown(value), EVENT_READ),
        () => selector.unregister(unknown(value)),
        () => selector.getKey(unknown(value)),
      ]) {
        expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
      }
      expect(selector.getMap().has(unknown(value))).toBe(false);
      expect(selector.getMap().get(unknown(value))).toBeUndefined();
      expect(selector.getMap().size).toBe(0);
    });

    it.each(
      [0, 4, 7, -1, 1.5, Number.NaN, undefined, null, '1', 1n, true, [1]].map((value) => [inspect(value), value]),
    )('refuses %s as events, and changes nothing', (_, value) => {
      const [a, b] = pair();
      const key = selector.register(b, EVENT_READ, 'data');
      expect(codeOf(() => selector.register(a, unknown(value)))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
      expect(codeOf(() => selector.modify(b, unknown(value)))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
      expect([...selector.getMap().values()]).toEqual([key]);
      expect(selector.getKey(b)).toBe(key);
    });

    it('says ENOENT of what is not registered', () => {
      const [a, b] = pair();
      selector.register(b, EVENT_READ);
      for (const use of [
        () => selector.getKey(a),
        () => selector.getKey(a.fd),
        () => selector.unregister(a),
        () => selector.modify(a, EVENT_READ, 'data'),
      ]) {
        expect(use).toThrow(expect.objectContaining({ code: 'ENOENT', message: expect.stringContaining(`${a.fd}`) }));
      }
      selector.unregister(b);
      expect(codeOf(() => selector.unregister(b))).toBe('ENOENT');
    });

    it('unregisters an object that has been closed, and a number that has been closed', () => {
      const [a, b] = pair();
      const [r] = pipe();
      const ka = selector.register(a, BOTH);
      const kb = selector.register(b, BOTH);
      const kr = selector.register(r, BOTH);
      const { fd } = b;
      a.close();
      b.close();
      close(r);
      expect(selector.getKey(a)).toBe(ka);
      expect(selector.unregister(a)).toBe(ka);
      expect(selector.unregister(fd)).toBe(kb);
      expect(selector.unregister(r)).toBe(kr);
      expect(selector.select(0)).toEqual([]);
    });
  });

  describe('modify', () => {
    it('makes a new key and leaves the one in hand', () => {
      const [a, b] = pair();
      const key = selector.register(a, EVENT_READ, 'first');
      const modified = selector.modify(a, EVENT_WRITE, 'second');
      expect(key).toEqual({ fileobj: a, fd: a.fd, events: EVENT_READ, data: 'first' });
      expect(modified).toEqual({ fileobj: a, fd: a.fd, events: EVENT_WRITE, data: 'second' });
      expect(Object.isFrozen(modified)).toBe(true);
      expect(selector.getKey(a)).toBe(modified);
      expect(selector.select(0)).toEqual([[modified, EVENT_WRITE]]);
      const back = selector.modify(a, EVENT_READ);
      expect(selector.select(0)).toEqual([]);
      b.send(Buffer.from('x'));
      expect(selector.select(0)).toEqual([[back, EVENT_READ]]);
      expect(selector.unregister(a)).toBe(back);
    });

    it('keeps the data unless some is given: null, 0 and the empty string are some', () => {
      const [a] = pair();
      selector.register(a, EVENT_READ, 'kept');
      expect(selector.modify(a, EVENT_WRITE).data).toBe('kept');
      expect(selector.modify(a, EVENT_WRITE).data).toBe('kept');
      expect(selector.modify(a, EVENT_WRITE, 0).data).toBe(0);
      expect(selector.modify(a, EVENT_READ).data).toBe(0);
      expect(selector.modify(a, EVENT_READ, '').data).toBe('');
      expect(selector.modify(a, EVENT_READ, null).data).toBeNull();
      expect(selector.modify(a, BOTH).data).toBeNull();
    });
  });

  describe('getMap', () => {
    it('is one live Map from descriptor to key, in the order of registration', () => {
      const map = selector.getMap();
      expect(map).toBeInstanceOf(Map);
      expect(map.size).toBe(0);
      const [a, b] = pair();
      const kb = selector.register(b, EVENT_READ);
      const ka = selector.register(a, EVENT_READ);
      expect(selector.getMap()).toBe(map);
      expect([...map]).toEqual([
        [b.fd, kb],
        [a.fd, ka],
      ]);
      expect([...map.keys()]).toEqual([b.fd, a.fd]);
      expect([...map.values()]).toEqual([kb, ka]);
      expect(map.get(a)).toBe(ka);
      expect(map.get(a.fd)).toBe(ka);
      const modified = selector.modify(a, EVENT_WRITE);
      expect(map.get(a)).toBe(modified);
      selector.unregister(a);
      expect(map.has(a)).toBe(false);
      expect(map.size).toBe(1);
      selector.close();
      expect(map.size).toBe(0);
      expect(map.has(b)).toBe(false);
    });

    it('cannot be changed', () => {
      const [a] = pair();
      const key = selector.register(a, EVENT_READ);
      const map = selector.getMap() as unknown as Map<number, unknown>;
      for (const change of [() => map.set(a.fd, 1), () => map.delete(a.fd), () => map.clear()]) {
        expect(change).toThrow(TypeError);
      }
      const own = Object.getOwnPropertyNames(Object.getPrototypeOf(map));
      expect(own.sort()).toEqual(['clear', 'constructor', 'delete', 'get', 'has', 'set']);
      expect(selector.getKey(a)).toBe(key);
    });
  });

  describe('select', () => {
    it('tells reading from writing, and only what was asked', () => {
      const [a, b] = pair();
      const ka = selector.register(a, EVENT_READ);
      const kb = selector.register(b, BOTH);
      expect(selector.select(0)).toEqual([[kb, EVENT_WRITE]]);
      b.send(Buffer.from('x'));
      expect(new Map(selector.select(0))).toEqual(
        new Map([
          [ka, EVENT_READ],
          [kb, EVENT_WRITE],
        ]),
      );
      a.send(Buffer.from('x'));
      expect(new Map(selector.select(0)).get(kb)).toBe(BOTH);
      expect(selector.select(0)).toHaveLength(2);
    });

    it('tells a connection as EVENT_READ, and a finished connect as EVENT_WRITE', () => {
      const [listener, address] = listening();
      const client = closing(new Socket());
      client.setBlocking(false);
      selector.register(listener, EVENT_READ, 'listener');
      expect(codeOf(() => client.connect(address))).toBe('EINPROGRESS');
      selector.register(client, EVENT_WRITE, 'client');
      const came = new Map<unknown, number>();
      while (came.size < 2) for (const [key, mask] of selector.select()) came.set(key.data, mask);
      expect(Object.fromEntries(came)).toEqual({ listener: EVENT_READ, client: EVENT_WRITE });
      expect(client.getOption(sys.SOL_SOCKET, sys.SO_ERROR)).toBe(0);
      closing(listener.accept()[0]);
    });

    it('tells the end of a stream as EVENT_READ', () => {
      const [a, b] = pair();
      const key = selector.register(a, EVENT_READ);
      b.close();
      expect(selector.select()).toEqual([[key, EVENT_READ]]);
    });

    it('tells a hang-up and an error as whatever was asked, and as nothing else', () => {
      const [r, w] = pipe();
      const [r2, w2] = pipe();
      close(w);
      close(r2);
      // POLLHUP alone on r, POLLOUT and POLLERR on w2.
      const kr = selector.register(r, EVENT_READ);
      const kw = selector.register(w2, EVENT_WRITE);
      expect(new Map(selector.select())).toEqual(
        new Map([
          [kr, EVENT_READ],
          [kw, EVENT_WRITE],
        ]),
      );
      selector.unregister(r);
      // select(2) puts POLLERR among the readable, as the two others do here.
      const read = selector.modify(w2, EVENT_READ);
      expect(selector.select(0)).toEqual([[read, EVENT_READ]]);
      const both = selector.modify(w2, BOTH);
      expect(selector.select(0)).toEqual([[both, BOTH]]);
    });

    it('tells what stays ready again and again', () => {
      const [r, w] = pipe();
      const key = selector.register(r, EVENT_READ);
      byte(w);
      for (let i = 0; i < 3; i++) expect(selector.select()).toEqual([[key, EVENT_READ]]);
    });

    it('reports no one who has been unregistered, and whoever comes back', () => {
      const [r, w] = pipe();
      byte(w);
      selector.register(r, EVENT_READ);
      selector.unregister(r);
      expect(selector.select(0)).toEqual([]);
      const key = selector.register(r, EVENT_READ, 'again');
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
    });

    it('serves 200 pairs at once, each told once', () => {
      const readers = new Map<number, number>();
      for (let i = 0; i < 200; i++) {
        const [r, w] = pipe();
        readers.set(r, w);
        selector.register(r, EVENT_READ, i);
      }
      for (const w of readers.values()) byte(w);
      const ready = selector.select();
      expect(ready.map(([key]) => key.fd).sort((x, y) => x - y)).toEqual([...readers.keys()].sort((x, y) => x - y));
      expect(ready.every(([, mask]) => mask === EVENT_READ)).toBe(true);
      for (const [key] of ready) {
        expect(sys.read(key.fd, Buffer.alloc(8))).toBe(1);
        selector.unregister(key.fd);
      }
      expect(selector.select(0)).toEqual([]);
    });

    it('echoes between twenty sockets, driven by the callback in key.data', () => {
      const driven = new Made<(mask: number) => void, Socket>();
      closing(driven);
      const answers: string[] = [];
      for (let i = 0; i < 20; i++) {
        const [client, server] = pair();
        driven.register(server, EVENT_READ, () => server.sendAll(server.recv(64)));
        driven.register(client, EVENT_WRITE, () => {
          client.sendAll(Buffer.from(`message ${i}`));
          driven.modify(client, EVENT_READ, () => {
            answers.push(client.recv(64).toString());
            driven.unregister(client);
          });
        });
      }
      while (answers.length < 20) for (const [key, mask] of driven.select()) key.data(mask);
      expect(answers.sort()).toEqual(Array.from({ length: 20 }, (_, i) => `message ${i}`).sort());
    });
  });

  describe('the timeout', () => {
    it.each([0, -0, -1, -0.5, -(2 ** 31) - 1, Number.NEGATIVE_INFINITY])('%d looks and returns', (timeout) => {
      const [r, w] = pipe();
      const key = selector.register(r, EVENT_READ);
      expect(selector.select(timeout)).toEqual([]);
      byte(w);
      expect(selector.select(timeout)).toEqual([[key, EVENT_READ]]);
    });

    it.each([0.001, 0.3, 1, 10.7, 120])('of %d ms never ends early', (timeout) => {
      selector.register(pipe()[0], EVENT_READ);
      for (let i = 0; i < 5; i++) {
        const [ready, ms] = timed(() => selector.select(timeout));
        expect(ready).toEqual([]);
        expect(ms).toBeGreaterThanOrEqual(timeout);
      }
    });

    it('is kept when nothing is registered', () => {
      expect(selector.select(0)).toEqual([]);
      expect(selector.select(-1)).toEqual([]);
      const [ready, ms] = timed(() => selector.select(20));
      expect(ready).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(20);
    });

    it.each([undefined, null, Number.POSITIVE_INFINITY, 2 ** 32 + 10, 2 ** 53, Number.MAX_VALUE])(
      'of %s waits until there is something',
      async (timeout) => {
        const [r, w] = pipe();
        const key = selector.register(r, EVENT_READ);
        const written = writeLater(w, 100);
        expect(selector.select(timeout)).toEqual([[key, EVENT_READ]]);
        await written;
      },
    );

    it.each(noTimeouts.map((value) => [inspect(value), value]))('cannot be %s', (_, value) => {
      byte(pipe()[1]);
      expect(codeOf(() => selector.select(unknown(value)))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    });

    it('goes on with the time left when signals interrupt it', async () => {
      const child = await runUnderFire(
        `import { ${name}, EVENT_READ } from 'fdmux/selectors';
         import { socketpair } from 'fdmux';
         let signals = 0;
         process.on('SIGUSR1', () => signals++);
         const [a, b] = socketpair();
         const selector = new ${name}();
         selector.register(a, EVENT_READ);
         process.stdout.write('waiting\\n');
         while (signals === 0) await new Promise(setImmediate);
         const before = signals;
         const start = performance.now();
         const ready = selector.select(300);
         const ms = performance.now() - start;
         // Node.js tells of signals when it gets to it.
         setInterval(() => {
           if (signals === before) return;
           console.log(JSON.stringify({ ready, ms }));
           process.exit();
         }, 1);`,
        'SIGUSR1',
      );
      expect(child).toMatchObject({ status: 0, signal: null, stderr: '' });
      const { ready, ms } = JSON.parse(child.stdout.split('\n')[1] as string);
      expect(ready).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(300);
    });

    it(`reaches the kernel whole: beyond 2³¹ ms, and with its fraction (${call})`, (ctx) => {
      if (!hasStrace()) return ctx.skip('no strace here that may trace');
      const child = strace(
        ['-e', `trace=${call}`],
        `import { ${name}, EVENT_READ } from 'fdmux/selectors';
         import { socketpair } from 'fdmux';
         const [a, b] = socketpair();
         const selector = new ${name}();
         selector.register(a, EVENT_READ);
         b.send(Buffer.from('x'));
         selector.select(2 ** 31 + 0.25);
         selector.select(0.0005);`,
      );
      expect(child).toMatchObject({ status: 0, stderr: '' });
      const waits = child?.trace.filter((line) => line.includes(call)).join('\n');
      // The time that is left when the call is made is a little less.
      expect(waits).toMatch(/tv_sec=2147483, tv_nsec=64[78]\d{6}/);
      expect(waits).toMatch(/tv_sec=0, tv_nsec=500}/);
    });
  });

  describe('a number with another owner', () => {
    it('is not mixed up with its earlier owner, whose file a duplicate keeps open', () => {
      const [r, w] = pipe();
      byte(w);
      const earlier = selector.register(r, EVENT_READ, 'earlier');
      duplicate(r);
      close(r);
      expect(selector.unregister(r)).toBe(earlier);
      const w2 = reuse(r);
      const later = selector.register(r, EVENT_READ, 'later');
      const [ready, ms] = timed(() => selector.select(50));
      expect(ready).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(50);
      byte(w2);
      expect(selector.select()).toEqual([[later, EVENT_READ]]);
      byte(w);
      expect(selector.select()).toEqual([[later, EVENT_READ]]);
      expect(sys.read(r, Buffer.alloc(8))).toBe(1);
      expect(selector.select(0)).toEqual([]);
    });

    it('can be registered though the earlier owner, an object, was closed without being unregistered', () => {
      const [a, b] = pair();
      const { fd } = a;
      const earlier = selector.register(a, EVENT_READ, 'earlier');
      b.send(Buffer.from('x'));
      duplicate(fd);
      a.close();
      const w = reuse(fd);
      const owner = { fd };
      // Registered is the closed object, not whoever has its number.
      expect(codeOf(() => selector.getKey(owner))).toBe('ENOENT');
      expect(selector.getKey(a)).toBe(earlier);
      const later = selector.register(owner, EVENT_READ, 'later');
      expect(codeOf(() => selector.getKey(a))).toBe('ERR_OUT_OF_RANGE');
      expect(selector.select(0)).toEqual([]);
      byte(w);
      expect(selector.select()).toEqual([[later, EVENT_READ]]);
      expect([...selector.getMap().values()]).toEqual([later]);
    });

    it('is refused while the number itself is registered: nothing says that it was closed', () => {
      const [r] = pipe();
      const key = selector.register(r, EVENT_READ);
      close(r);
      reuse(r);
      expect(codeOf(() => selector.register(r, EVENT_READ))).toBe('EEXIST');
      expect(selector.getKey(r)).toBe(key);
    });

    it('does not hold an object back that has another number by now', () => {
      const [r, w] = pipe();
      const [r2, w2] = pipe();
      const object = { fd: r };
      selector.register(object, EVENT_READ, 'first');
      object.fd = r2;
      const key = selector.register(object, EVENT_READ, 'second');
      byte(w);
      expect(selector.select(0)).toEqual([]);
      byte(w2);
      expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
      expect(selector.getMap().size).toBe(1);
      expect(selector.unregister(object)).toBe(key);
    });
  });

  describe('close', () => {
    it('gives back every descriptor of the selector and none of what was registered', () => {
      const [a] = pair();
      const before = openFiles();
      const other = new Made();
      other.register(a, BOTH);
      other.select(0);
      other.close();
      expect(openFiles()).toEqual(before);
      expect(a.closed).toBe(false);
    });

    it('is harmless twice, and ends all use', () => {
      const [a] = pair();
      selector.register(a, EVENT_READ);
      expect(selector.closed).toBe(false);
      selector.close();
      selector.close();
      selector[Symbol.dispose]();
      expect(selector.closed).toBe(true);
      for (const use of [
        () => selector.register(a, EVENT_READ),
        () => selector.modify(a, EVENT_READ),
        () => selector.unregister(a),
        () => selector.select(0),
        () => selector.getKey(a),
        () => selector.getMap(),
      ]) {
        expect(codeOf(use)).toBe('ERR_SELECTOR_CLOSED');
      }
    });

    it('happens at the end of a using block', () => {
      let seen: Selector;
      {
        using inner = new Made();
        seen = inner;
        expect(inner.closed).toBe(false);
      }
      expect(seen.closed).toBe(true);
    });
  });

  it('is a Selector, and types its keys by their data and objects', () => {
    expect(selector).toBeInstanceOf(Selector);
    const typed = new Made<(socket: Socket) => string, Socket>();
    closing(typed);
    const [a] = pair();
    const key: SelectorKey<(socket: Socket) => string, Socket> = typed.register(a, EVENT_WRITE, (s) => `${s.fd}`);
    expect(key.data(key.fileobj)).toBe(`${a.fd}`);
    // @ts-expect-error data is missing, of the wrong type, on no Socket
    const wrong = () => [typed.register(a, EVENT_READ), typed.register(a, EVENT_READ, 1), typed.register(0, 1, String)];
    expect(wrong).toThrow();
  });
});
