// No argument, of any kind, crashes the process: a result, or an error that names the argument.
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { frame, native } from '../../src/sys/native.js';
import { abstractName, drain, failOnLeaks, listener, ok, pair, pipe, resizable, socket } from '../support/fds.js';
import { root, start, startNode } from '../support/processes.js';

failOnLeaks();

describe('hostile arguments', () => {
  test('every function, with every hostile value in each place, answers or throws an error with a code', async () => {
    const child = start(process.execPath, [`${root}/test/support/hostile.mjs`]);
    const ended = await child.ended;
    expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' });
    const { wrong, ...counted } = JSON.parse(ended.stdout);
    expect(wrong).toEqual([]);
    expect(counted.calls).toBe(counted.results + counted.TypeError + counted.RangeError);
    expect(Math.min(counted.results, counted.TypeError, counted.RangeError)).toBeGreaterThan(100);
  });

  test('an error says which argument, what was expected and what came', () => {
    const refused: [() => unknown, string, string][] = [
      [
        () => sys.close('5' as never),
        'ERR_INVALID_ARG_TYPE',
        'The "fd" argument must be of type number. Received type string ("5")',
      ],
      [
        () => sys.close(1.5),
        'ERR_OUT_OF_RANGE',
        'The value of "fd" is out of range. It must be an integer >= -2147483648 && <= 2147483647. Received 1.5',
      ],
      [
        () => sys.epoll_wait(0, new sys.PollFds(1) as never, 1, 0),
        'ERR_INVALID_ARG_TYPE',
        'The "events" argument must be an instance of EpollEvents. Received an instance of PollFds',
      ],
      [
        () => sys.read(-1, new Uint8Array(4), 5),
        'ERR_OUT_OF_RANGE',
        'The value of "offset" is out of range. It must be >= 0 && <= 4 (buffer.length). Received 5',
      ],
      [
        () => sys.read(-1, new Uint8Array(4), 1, 4),
        'ERR_OUT_OF_RANGE',
        'The value of "length" is out of range. It must be >= 0 && <= 3 (buffer.length - offset). Received 4',
      ],
    ];
    for (const [call, code, message] of refused) expect(call).toThrow(expect.objectContaining({ code, message }));
  });
});

describe('memory', () => {
  test('a buffer whose memory is gone is no end of file: it is refused, and nothing is read', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('x')));
    const gone = new Uint8Array(8);
    structuredClone(gone.buffer, { transfer: [gone.buffer] });
    expect(() => sys.read(r, gone)).toThrow(/"buffer".*detached/);
    const memory = resizable(16, 16);
    const outside = new Uint8Array(memory, 8, 8);
    memory.resize(4);
    expect(() => sys.read(r, outside)).toThrow(/"buffer".*shrunk/);
    expect(sys.read(r, new Uint8Array(0))).toBe(0);
    expect(drain(r).toString()).toBe('x');
  });

  test('a buffer that comes again is asked again how long it is', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('0123456789')));
    const gone = new Uint8Array(2);
    expect(sys.read(r, gone)).toBe(2);
    const kept = structuredClone(gone, { transfer: [gone.buffer] });
    expect(() => sys.read(r, gone)).toThrow(/"buffer".*detached/);
    expect(Buffer.from(kept).toString()).toBe('01');

    const memory = resizable(2, 4096);
    const [whole, outside] = [new Uint8Array(memory), new Uint8Array(memory, 1, 1)];
    expect(sys.read(r, whole)).toBe(2);
    memory.resize(1);
    expect(() => sys.read(r, whole, 1, 1)).toThrow(/"length".*out of range/);
    expect(sys.read(r, whole)).toBe(1);
    memory.resize(4096);
    expect(sys.read(r, outside)).toBe(1);
    memory.resize(1);
    expect(() => sys.read(r, outside)).toThrow(/"buffer".*shrunk/);
    memory.resize(4096);
    expect(sys.read(r, outside)).toBe(1);
    expect(sys.read(r, whole, 2)).toBe(3);
    expect(Buffer.from(memory).toString('latin1', 0, 5)).toBe('46789');
  });

  test('a subclass may say what it likes of its length', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('0123456789')));
    class Longer extends Uint8Array {
      override get length(): number {
        return 1000;
      }
    }
    const longer = new Longer(2);
    expect(sys.read(r, longer)).toBe(2);
    expect(sys.read(r, longer)).toBe(2);
    expect(() => sys.read(r, longer, 0, 1000)).toThrow(/"length".*<= 2/);
    expect(sys.read(r, longer)).toBe(2);
    structuredClone(longer.buffer, { transfer: [longer.buffer] });
    expect(() => sys.read(r, longer)).toThrow(/"buffer".*detached/);
    expect(drain(r).toString()).toBe('6789');
  });

  test('of two copies of the library, each has buffers of its own', async () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('0123')));
    // Vite makes two modules of it, with a `read` each; both share the addon.
    const modules = ['../../src/sys/window.ts?1', '../../src/sys/window.ts?2'];
    const copies: typeof import('../../src/sys/window.js')[] = await Promise.all(modules.map((file) => import(file)));
    const [mine, its] = [Buffer.alloc(4), Buffer.alloc(4)];
    for (let i = 0; i < 4; i++) {
      frame[0] = r;
      copies[i % 2]?.window(i % 2 ? its : mine, i, 1);
      native.read(i % 2 ? its : mine);
    }
    expect([mine.toString(), its.toString()]).toEqual(['0\0' + '2\0', '\0' + '1\0' + '3']);
  });

  test('a buffer’s own methods are never run', () => {
    const [a, b] = pair();
    ok(sys.send(b, Buffer.from('x')));
    const buffer = Object.assign(new Uint8Array(0), {
      at() {
        throw new Error('run');
      },
    });
    expect(sys.recvfrom(a, buffer, 0, 0, sys.MSG_DONTWAIT, new sys.SockAddr())).toBe(0);
  });

  test('a call that reads an address may be called again while it does', () => {
    const [a, b] = pair();
    const name = abstractName();
    listener(sys.SOCK_STREAM, { family: 'unix', path: name });
    const address = {
      family: 'unix' as const,
      get path() {
        sys.close(-1);
        sys.bind(-1, { family: 'IPv4', address: '127.0.0.1', port: 9 });
        return name;
      },
    };
    expect(sys.connect(socket(sys.AF_UNIX), address)).toBe(0);
    expect(sys.sendto(a, Buffer.from('xyz'), 1, 1, 0, null)).toBe(1);
    expect(sys.recv(b, Buffer.alloc(4))).toBe(1);
    expect(sys.sendto(-1, Buffer.from('x'), 0, 1, 0, address)).toBe(-sys.EBADF);
  });

  test('what the kernel fills outlives its collection, and its number is given to the next', async () => {
    const child = startNode(`
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      setFlagsFromString('--expose-gc');
      const gc = runInNewContext('gc');
      const pipefd = new Int32Array(2);
      sys.pipe2(pipefd, sys.O_CLOEXEC);
      const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
      sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, pipefd[1], sys.EPOLLOUT, 7);
      const kept = Array.from({ length: 8 }, () => new sys.EpollEvents(64));
      for (let round = 0; round < 200; round++) {
        const events = new sys.EpollEvents(64 + round);
        const fds = new sys.PollFds(64);
        const set = new sys.FdSet(2048).add(pipefd[1]);
        const address = new sys.SockAddr({ family: 'IPv4', address: '127.0.0.1', port: round });
        fds.set(0, pipefd[1], sys.POLLOUT);
        if (round % 20 === 0) gc();
        if (round % 20 === 10) await new Promise((resolve) => setImmediate(resolve));
        const right =
          sys.epoll_wait(epfd, events, 64, 0) === 1 && events.tag(0) === 7 && sys.poll(fds, 64, 0) === 1 &&
          sys.select(2048, null, set, null, 0) === 1 && set.has(pipefd[1]) && address.port === round &&
          kept.every((one) => sys.epoll_wait(epfd, one, 64, 0) === 1 && one.fd(0) === pipefd[1]);
        if (!right) throw new Error('round ' + round);
      }
      console.log('right');
    `);
    expect(await child.ended).toMatchObject({ code: 0, stderr: '', stdout: 'right\n' });
  });

  test('no more than 64 KiB of a caller’s is kept alive for having come last', async () => {
    const child = startNode(`
      import { setFlagsFromString } from 'node:v8';
      import { runInNewContext } from 'node:vm';
      setFlagsFromString('--expose-gc');
      const gc = runInNewContext('gc');
      const last = async (make) => {
        let array = make();
        sys.write(-1, array);
        sys.write(-1, array);
        const memory = new WeakRef(array.buffer);
        array = undefined;
        await new Promise((resolve) => setImmediate(resolve));
        gc();
        return memory.deref() === undefined ? 'let go' : 'kept';
      };
      const big = 1 << 20;
      console.log(await last(() => new Uint8Array(1 << 16)), await last(() => new Uint8Array(big)),
        await last(() => new Uint8Array(new ArrayBuffer(big), 0, 16)));
    `);
    expect(await child.ended).toMatchObject({ code: 0, stderr: '', stdout: 'kept let go let go\n' });
  });

  test('is alive while a worker waits with it, though nothing else holds it', async () => {
    const child = startNode(`
      import { Worker } from 'node:worker_threads';
      const pipefd = new Int32Array(2);
      sys.pipe2(pipefd, sys.O_CLOEXEC);
      const worker = new Worker(\`
        import('fdmux/sys').then((sys) => {
          const { parentPort, workerData: fd } = require('node:worker_threads');
          const epfd = sys.epoll_create1(0);
          const wait = (timeout) => sys.epoll_wait(epfd, new sys.EpollEvents(4096), 4096, timeout);
          for (let i = 0; i < 20000; i++) wait(0);
          sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
          parentPort.postMessage('waiting');
          parentPort.postMessage(wait(-1));
        });
      \`, { eval: true, execArgv: [], workerData: pipefd[0] });
      worker.on('message', async (message) => {
        if (message !== 'waiting') return console.log('result', message);
        // A snapshot is taken at the worker's next slice, and begins with a collection.
        const snapshot = await worker.getHeapSnapshot();
        for await (const _ of snapshot);
        sys.write(pipefd[1], Buffer.from('x'));
      });
    `);
    expect(await child.ended).toMatchObject({ code: 0, stderr: '', stdout: 'result 1\n' });
  });
});
