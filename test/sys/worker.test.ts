// A worker that is blocked: it can be ended, and its calls answer as they do on the main thread.
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { abstractName, failOnLeaks, fill, keep, listener, ok, pair, pipe, socket } from '../support/fds.js';
import { compiled, startNode, startWorker } from '../support/processes.js';

failOnLeaks();

const BLOCKING = sys.O_CLOEXEC;

/** A socket whose other end takes no more. */
function full(type = sys.SOCK_STREAM): number {
  const [a] = pair(type | sys.SOCK_NONBLOCK);
  fill(a);
  ok(sys.fcntl(a, sys.F_SETFL, 0));
  return a;
}

/** Every call that can block: what it is given, and how it is called with it as `data`. */
const blocking: Record<string, [() => unknown, string]> = {
  epoll_wait: [() => keep(sys.epoll_create1(BLOCKING)), 'sys.epoll_wait(data, new sys.EpollEvents(1), 1, -1)'],
  'epoll_wait with a time': [
    () => keep(sys.epoll_create1(BLOCKING)),
    'sys.epoll_wait(data, new sys.EpollEvents(1), 1, 2 ** 31 - 1)',
  ],
  epoll_pwait2: [() => keep(sys.epoll_create1(BLOCKING)), 'sys.epoll_pwait2(data, new sys.EpollEvents(1), 1, null)'],
  poll: [() => null, 'sys.poll(new sys.PollFds(1), 1, -1)'],
  ppoll: [() => null, 'sys.ppoll(new sys.PollFds(1), 1, null)'],
  select: [() => null, 'sys.select(0, null, null, null, null)'],
  'select with a time': [() => null, 'sys.select(0, null, null, null, 2 ** 53 - 1)'],
  pselect: [() => pipe()[0], 'sys.pselect(data + 1, new sys.FdSet().add(data), null, null, null)'],
  'read of a pipe': [() => pipe(BLOCKING)[0], 'sys.read(data, new Uint8Array(1))'],
  'read of a socket': [() => pair(sys.SOCK_STREAM)[0], 'sys.read(data, new Uint8Array(1))'],
  'write to a full pipe': [() => pipe(BLOCKING)[1], 'sys.write(data, new Uint8Array(1_000_000))'],
  'write to a full socket': [() => full(), 'sys.write(data, new Uint8Array(1))'],
  recv: [() => pair(sys.SOCK_STREAM)[0], 'sys.recv(data, new Uint8Array(1))'],
  recvfrom: [() => pair(sys.SOCK_DGRAM)[0], 'sys.recvfrom(data, new Uint8Array(1), 0, 1, 0, new sys.SockAddr())'],
  'send to a full socket': [() => full(), 'sys.send(data, new Uint8Array(1))'],
  'send of more than fits': [() => pair(sys.SOCK_STREAM)[0], 'sys.send(data, new Uint8Array(10_000_000))'],
  'sendto a full unix datagram socket': [
    () => {
      const there = socket(sys.AF_UNIX, sys.SOCK_DGRAM);
      const path = abstractName();
      ok(sys.bind(there, { family: 'unix', path }));
      const fd = socket(sys.AF_UNIX, sys.SOCK_DGRAM);
      while (sys.sendto(fd, Buffer.alloc(1), 0, 1, sys.MSG_DONTWAIT, { family: 'unix', path }) > 0);
      return [fd, path];
    },
    "sys.sendto(data[0], new Uint8Array(1), 0, 1, 0, { family: 'unix', path: data[1] })",
  ],
  accept4: [() => listener()[0], 'sys.accept4(data, 0, new sys.SockAddr())'],
  'connect to a full backlog': [
    () => {
      const [server, address] = listener(sys.SOCK_STREAM, { family: 'unix', path: abstractName() });
      ok(sys.listen(server, 0));
      ok(sys.connect(socket(sys.AF_UNIX), address));
      return [socket(sys.AF_UNIX), address.path];
    },
    "sys.connect(data[0], { family: 'unix', path: data[1] })",
  ],
};

describe('terminate() ends a worker that is blocked', () => {
  test.each(Object.entries(blocking))('in %s', async (_, [given, call]) => {
    const thread = startWorker(call, given());
    await thread.blocked();
    expect(await thread.worker.terminate()).toBe(1);
    expect(await thread.exited).toBe(1);
  });
});

describe('process.exit() ends a process whose workers are blocked', () => {
  // Each child blocks a worker in every call of a kind; its exit code says that it came to its own end.
  const kinds = {
    waits: [
      'sys.epoll_wait(sys.epoll_create1(0), new sys.EpollEvents(1), 1, -1)',
      'sys.epoll_pwait2(sys.epoll_create1(0), new sys.EpollEvents(1), 1, null)',
      'sys.poll(new sys.PollFds(1), 1, -1)',
      'sys.ppoll(new sys.PollFds(1), 1, null)',
      'sys.select(0, null, null, null, null)',
      'sys.pselect(0, null, null, null, null)',
    ],
    calls: [
      'sys.read(pipe()[0], new Uint8Array(1))',
      'sys.write(pipe()[1], new Uint8Array(1_000_000))',
      'sys.recv(pair()[0], new Uint8Array(1))',
      'sys.send(pair()[0], new Uint8Array(10_000_000))',
      'sys.recvfrom(pair()[0], new Uint8Array(1))',
      'sys.accept4(listener())',
    ],
  };

  test.each(Object.entries(kinds))('in %s', async (_, calls) => {
    const child = startNode(`
      import { Worker } from 'node:worker_threads';
      let ready = 0;
      for (const call of ${JSON.stringify(calls)}) {
        const worker = new Worker(\`
          import(${JSON.stringify(compiled)}).then((sys) => {
            const two = new Int32Array(2);
            const pipe = () => (sys.pipe2(two), two);
            const pair = () => (sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM, 0, two), two);
            const listener = () => {
              const fd = sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0);
              sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 });
              sys.listen(fd, 4);
              return fd;
            };
            require('node:worker_threads').parentPort.postMessage('ready');
            \${call};
            process._rawDebug('came back', \${JSON.stringify(call)});
          });
        \`, { eval: true, execArgv: [] });
        worker.on('message', () => { if (++ready === ${calls.length}) setImmediate(() => process.exit(7)); });
      }
    `);
    expect(await child.ended).toMatchObject({ code: 7, signal: null, stderr: '' });
  });
});

describe('several workers that wait for one thing', () => {
  test('can all be ended when one of them got it', async () => {
    const [r, w] = pipe(BLOCKING);
    const [server, address] = listener();
    const [a, b] = pair(sys.SOCK_STREAM);
    const wants: [number, string, () => unknown][] = [
      [r, 'sys.read(data, new Uint8Array(1))', () => sys.write(w, Buffer.from('x'))],
      [a, 'sys.recv(data, new Uint8Array(1))', () => sys.send(b, Buffer.from('x'))],
      [server, 'sys.close(sys.accept4(data))', () => sys.connect(socket(), address)],
    ];
    for (const [fd, call, give] of wants) {
      const threads = Array.from({ length: 3 }, () => startWorker(`return ${call}`, fd));
      for (const thread of threads) await thread.blocked();
      give();
      await Promise.race(threads.map((thread) => thread.result));
      for (const thread of threads) await thread.blocked().catch(() => {});
      for (const thread of threads) await thread.worker.terminate();
    }
  });

  test('get one each, as many as there are', async () => {
    const [r, w] = pipe(BLOCKING);
    const threads = Array.from({ length: 3 }, () => startWorker('return sys.read(data, new Uint8Array(1))', r));
    for (const thread of threads) await thread.blocked();
    ok(sys.write(w, Buffer.from('xyz')));
    expect(await Promise.all(threads.map((thread) => thread.result))).toEqual([1, 1, 1]);
  });
});

describe('a worker that waits for more than a slice', () => {
  /** Until several slices have passed: the property is about what happens after them. */
  const slices = () => new Promise((resolve) => setTimeout(resolve, 230));

  test.each(['select', 'pselect'])('%s: its sets come through', async (name) => {
    const [r, w] = pipe();
    const [quiet] = pipe();
    const [filled] = [full()];
    const thread = startWorker(
      `const [r, quiet, filled] = data;
       const sets = [new sys.FdSet().add(r).add(quiet), new sys.FdSet().add(filled), new sys.FdSet().add(quiet)];
       const count = sys.${name}(Math.max(...data) + 1, ...sets, null);
       return [count, ...sets.map((set) => [...set])];`,
      [r, quiet, filled],
    );
    await thread.blocked();
    await slices();
    ok(sys.write(w, Buffer.from('x')));
    expect(await thread.result).toEqual([1, [r], [], []]);
  });

  test.each(['poll(fds, 3, -1)', 'ppoll(fds, 3, null)'])('%s: its entries come through', async (call) => {
    const [r, w] = pipe();
    const [quiet] = pipe();
    const thread = startWorker(
      `const fds = new sys.PollFds(3);
       data.forEach((fd, i) => fds.set(i, fd, sys.POLLIN));
       return [sys.${call}, fds.revents(0), fds.revents(1), fds.revents(2)];`,
      [quiet, -1, r],
    );
    await thread.blocked();
    await slices();
    ok(sys.write(w, Buffer.from('x')));
    expect(await thread.result).toEqual([1, 0, 0, sys.POLLIN]);
  });

  test.each(['epoll_wait(epfd, events, 4, -1)', 'epoll_pwait2(epfd, events, 4, null)'])(
    '%s: an edge is not lost',
    async (call) => {
      const [r, w] = pipe();
      const thread = startWorker(
        `const epfd = sys.epoll_create1(0);
         sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, data, sys.EPOLLIN | sys.EPOLLET, 9);
         const events = new sys.EpollEvents(4);
         const count = sys.${call};
         sys.close(epfd);
         return [count, events.fd(0), events.events(0), events.tag(0)];`,
        r,
      );
      await thread.blocked();
      await slices();
      ok(sys.write(w, Buffer.from('x')));
      expect(await thread.result).toEqual([1, r, sys.EPOLLIN, 9]);
    },
  );

  test('a descriptor that becomes ready wakes blocking calls, and they do their work', async () => {
    const [r, w] = pipe(BLOCKING);
    const [server, address] = listener();
    const thread = startWorker(
      `const [r, server] = data;
       const buffer = new Uint8Array(8);
       const peer = new sys.SockAddr();
       const read = sys.read(r, buffer);
       const accepted = sys.accept4(server, 0, peer);
       const received = sys.recv(accepted, buffer);
       sys.close(accepted);
       return [read, received, peer.toJSON()];`,
      [r, server],
    );
    await thread.blocked();
    await slices();
    ok(sys.write(w, Buffer.from('abc')));
    const client = socket();
    ok(sys.connect(client, address));
    const own = new sys.SockAddr();
    ok(sys.getsockname(client, own));
    ok(sys.send(client, Buffer.from('hello')));
    expect(await thread.result).toEqual([3, 5, own.toJSON()]);
  });
});

describe('a blocking call in a worker', () => {
  test('writes and sends all, as on the main thread', async () => {
    const [r, w] = pipe(BLOCKING);
    const [a, b] = pair(sys.SOCK_STREAM);
    const thread = startWorker(
      `const bytes = new Uint8Array(1_000_000).map((_, i) => i % 251);
       return [sys.write(data[0], bytes), sys.send(data[1], bytes), sys.write(data[1], bytes)];`,
      [w, a],
    );
    await thread.blocked();
    const expected = Buffer.from(new Uint8Array(1_000_000).map((_, i) => i % 251));
    for (const fd of [r, b, b]) {
      const all = Buffer.alloc(expected.length);
      for (let at = 0; at < all.length; ) at += ok(sys.read(fd, all, at));
      expect(all.equals(expected)).toBe(true);
    }
    expect(await thread.result).toEqual([1_000_000, 1_000_000, 1_000_000]);
  });

  test('writes a datagram as one', async () => {
    const [a, b] = pair(sys.SOCK_DGRAM);
    const thread = startWorker('return sys.write(data, new Uint8Array(20_000))', a);
    await thread.result;
    expect(sys.recv(b, Buffer.alloc(30_000))).toBe(20_000);
    expect(await thread.result).toBe(20_000);
  });

  test('waits for all with MSG_WAITALL, and for what there is at the end', async () => {
    const [a, b] = pair(sys.SOCK_STREAM);
    const body = `const buffer = new Uint8Array(6);
      return [sys.recv(data, buffer, 1, 4, sys.MSG_WAITALL), Buffer.from(buffer).toString('latin1')];`;
    const thread = startWorker(body, a);
    await thread.blocked();
    ok(sys.send(b, Buffer.from('ab')));
    await thread.blocked();
    ok(sys.send(b, Buffer.from('cdef')));
    expect(await thread.result).toEqual([4, '\0abcd\0']);
    const second = startWorker(body, a);
    await second.blocked();
    ok(sys.shutdown(b, sys.SHUT_WR));
    expect(await second.result).toEqual([2, '\0ef\0\0\0']);
  });

  test('that cannot succeed fails at once, as on the main thread', async () => {
    const [r, w] = pipe(BLOCKING);
    const [connected] = pair(sys.SOCK_STREAM);
    const udp = socket(sys.AF_INET, sys.SOCK_DGRAM);
    const MSG_ERRQUEUE = 0x2000;
    const body = `
      const [r, w, connected, udp] = data;
      const one = new Uint8Array(1);
      return [
        sys.read(w, one), sys.write(r, one), sys.read(r, one, 0, 0), sys.write(w, one, 0, 0), sys.accept4(r),
        sys.accept4(connected), sys.recv(connected, one, 0, 1, sys.MSG_OOB), sys.recv(udp, one, 0, 1, ${MSG_ERRQUEUE}),
        sys.recv(connected, one, 0, 1, sys.MSG_DONTWAIT), sys.recv(r, one), sys.read(-1, one),
      ];`;
    const data = [r, w, connected, udp];
    const here = new Function('sys', 'data', body)(sys, data);
    expect(await startWorker(body, data).result).toEqual(here);
    expect(here.slice(0, 6)).toEqual([-sys.EBADF, -sys.EBADF, 0, 0, -sys.ENOTSOCK, -sys.EINVAL]);
  });

  test('connects, or says why not, and leaves the socket’s mode as it was', async () => {
    const [server, address] = listener();
    // Bound, so that nobody else gets its port, and not listening.
    const gone = socket();
    const nobody = new sys.SockAddr();
    ok(sys.bind(gone, { family: 'IPv4', address: '127.0.0.1', port: 0 }));
    ok(sys.getsockname(gone, nobody));
    const thread = startWorker(
      `const [a, b, there, nobody] = data;
       const results = [sys.connect(a, there), sys.connect(b, nobody), sys.connect(a, there)];
       return [...results, sys.fcntl(a, sys.F_GETFL) & sys.O_NONBLOCK, sys.fcntl(b, sys.F_GETFL) & sys.O_NONBLOCK];`,
      [socket(), socket(), address.toJSON(), nobody.toJSON()],
    );
    expect(await thread.result).toEqual([0, -sys.ECONNREFUSED, -sys.EISCONN, 0, 0]);
    keep(sys.accept4(server, sys.SOCK_CLOEXEC));
  });

  test('connects to a full backlog once there is room', async () => {
    const [server, address] = listener(sys.SOCK_STREAM, { family: 'unix', path: abstractName() });
    ok(sys.listen(server, 0));
    ok(sys.connect(socket(sys.AF_UNIX), address));
    const thread = startWorker("return sys.connect(data[0], { family: 'unix', path: data[1] })", [
      socket(sys.AF_UNIX),
      address.path,
    ]);
    await thread.blocked();
    keep(sys.accept4(server, sys.SOCK_CLOEXEC));
    expect(await thread.result).toBe(0);
    keep(sys.accept4(server, sys.SOCK_CLOEXEC));
  });

  test('on a descriptor that does not block is EAGAIN', async () => {
    const [r, w] = pipe();
    const [a] = pair();
    const [server] = listener(sys.SOCK_STREAM | sys.SOCK_NONBLOCK);
    fill(w);
    fill(a);
    const thread = startWorker(
      `const [r, w, a, server] = data;
       const one = new Uint8Array(1);
       while (sys.read(r, new Uint8Array(65536)) > 0);
       const results = [sys.read(r, one), sys.recv(a, one), sys.send(a, one), sys.write(a, one), sys.accept4(server)];
       while (sys.write(w, new Uint8Array(65536)) > 0);
       return [...results, sys.write(w, one)];`,
      [r, w, a, server],
    );
    expect(await thread.result).toEqual(Array(6).fill(-sys.EAGAIN));
  });
});
