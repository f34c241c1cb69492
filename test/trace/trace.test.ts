import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { Worker } from 'node:worker_threads';
import { Epoll, Pipe, select, watch } from 'fdmux';
import { EVENT_READ, PollSelector } from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import { formatCall, type Trace, type TraceCall, type TraceOptions, trace } from 'fdmux/trace';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failOnLeaks, keep } from '../support/fds.js';
import { root } from '../support/processes.js';

failOnLeaks();

/** A trace that ends with the test. */
function traced(options?: TraceOptions): Trace {
  const made = trace(options);
  onTestFinished(() => made.stop());
  return made;
}

const names = (calls: Iterable<TraceCall>): string[] => [...calls].map(({ name }) => name);
const lines = (calls: Iterable<TraceCall>): string[] => [...calls].map((call) => formatCall(call));

describe('trace', () => {
  test('has the calls that objects, selectors and functions make, with what they held', () => {
    const made = traced();
    const pipe = new Pipe();
    pipe.write(Buffer.from('hello'));
    select([pipe], [], [], 0);
    const selector = new PollSelector();
    selector.register(pipe, EVENT_READ, undefined);
    selector.select(0);
    pipe.read(64);
    selector.close();
    pipe.close();
    made.stop();
    const [r, w] = (made.calls as [TraceCall])[0].args[0] as [number, number];
    expect(lines(made)).toEqual([
      `pipe2([${r}, ${w}], O_CLOEXEC) = 0`,
      `write(${w}, "hello", 5) = 5`,
      `pselect6(${r + 1}, [${r}], [], [], {tv_sec=0, tv_nsec=0}, {sigmask=NULL, sigsetsize=8}) = 1 (in [${r}], left {tv_sec=0, tv_nsec=0})`,
      `ppoll([{fd=${r}, events=POLLIN}], 1, {tv_sec=0, tv_nsec=0}, NULL, 8) = 1 ([{fd=${r}, revents=POLLIN}])`,
      `read(${r}, "hello", 64) = 5`,
      `close(${w}) = 0`,
      `close(${r}) = 0`,
    ]);
  });

  test('has what a watcher on the event loop asks by itself', async () => {
    const pipe = new Pipe(sys.O_NONBLOCK);
    const told: string[] = [];
    const made = traced({ onCall: ({ name }) => told.push(name) });
    await new Promise<void>((resolve) => {
      const watcher = watch(pipe, 'readable', () => {
        told.push('callback');
        pipe.read(64);
        watcher.close();
        resolve();
      });
      pipe.write(Buffer.from('x'));
    });
    made.stop();
    pipe.close();
    expect(names(made)).toEqual(told.filter((name) => name !== 'callback'));
    // The call that found the event was told before the callback that it led to.
    const found = told.indexOf('epoll_wait');
    expect(found).toBeGreaterThan(-1);
    expect(told.slice(found, found + 3)).toEqual(['epoll_wait', 'callback', 'read']);
    expect(lines(made).filter((line) => line.includes('F_DUPFD_CLOEXEC'))).toHaveLength(1);
  });

  test('says when a call was made and how long it took, and on which thread', () => {
    const made = traced();
    const epoll = new Epoll();
    epoll.poll(20);
    epoll.close();
    made.stop();
    const [create, wait] = made.calls as [TraceCall, TraceCall];
    expect(wait.start).toBeGreaterThanOrEqual(create.start + create.duration);
    expect(wait.duration).toBeGreaterThanOrEqual(20e6);
    expect(made.calls.map(({ thread }) => thread)).toEqual(made.calls.map(() => process.pid));
  });

  test('leaves out a call whose argument was refused', () => {
    const made = traced();
    expect(() => sys.read(0, new Uint8Array(4), 9)).toThrow(RangeError);
    expect(() => sys.epoll_wait(0, new sys.EpollEvents(1), 2, 0)).toThrow(RangeError);
    sys.close(-1);
    expect(lines(made)).toEqual(['close(-1) = -1 EBADF (Bad file descriptor)']);
  });

  test('stopped, gets no more calls and keeps what it has; stopping again is harmless', () => {
    const made = traced();
    expect(made.recording).toBe(true);
    sys.close(-1);
    made.stop();
    made.stop();
    sys.close(-1);
    expect(made.recording).toBe(false);
    expect(names(made)).toEqual(['close']);
    made.clear();
    expect([...made]).toEqual([]);
  });

  test('several at a time do not disturb each other, whichever ends first', () => {
    const first = traced();
    sys.close(-1);
    const second = traced();
    sys.dup(-1);
    first.stop();
    sys.close(-1);
    second.stop();
    expect(names(first)).toEqual(['close', 'dup']);
    expect(names(second)).toEqual(['dup', 'close']);
  });

  test('that nobody holds goes on, in memory that is its own', () => {
    setFlagsFromString('--expose-gc');
    const gc = runInNewContext('gc') as () => void;
    let told = 0;
    // Without a function to be told, nothing but the recording itself holds the ring.
    (() => trace({ memory: 65536 }))();
    const counting = traced({ onCall: () => told++ });
    for (let i = 0; i < 20; i++) {
      gc();
      // Small memories, which would be given the ring's place.
      const address = new sys.SockAddr({ family: 'IPv4', address: '127.0.0.1', port: i + 1 });
      for (let j = 0; j < 200; j++) sys.close(-1);
      expect(address.port).toBe(i + 1);
    }
    expect([told, counting.size]).toEqual([4000, 4000]);
  });

  test('using ends it with its block', () => {
    let kept: Trace;
    {
      using made = trace();
      kept = made;
    }
    sys.close(-1);
    expect(kept.size).toBe(0);
  });
});

describe('memory', () => {
  test('is bounded: the latest calls stay, the others are counted', () => {
    const made = traced({ memory: 65536 });
    const buffer = new Uint8Array(33);
    const pipe = new Pipe();
    const fds = new sys.PollFds(100);
    // Records of many sizes, so that they meet the end of the ring everywhere.
    for (let i = 0; i < 20_000; i++) {
      if (i % 7 === 0) sys.poll(fds, i % 100, 0);
      else if (i % 3 === 0) sys.close(-1 - i);
      else {
        sys.write(pipe.writer.fd, buffer, 0, 1 + (i % 33));
        sys.read(pipe.fd, buffer);
      }
    }
    made.stop();
    const { calls, size, dropped } = made;
    pipe.close();
    expect(calls).toHaveLength(size);
    expect(size).toBeGreaterThan(300);
    const polls = 2858;
    const closes = 5714;
    expect(size + dropped).toBe(1 + polls + closes + 2 * (20_000 - polls - closes));
    const starts = calls.map(({ start }) => start);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
    // 19,998 is a multiple of 3, and 19,999 of 7.
    expect(names(calls.slice(-2))).toEqual(['close', 'poll']);
    expect(made.toText()).toMatch(new RegExp(`^\\+\\+\\+ ${dropped} calls dropped: .*\\n$`, 'm'));
  });

  test('a call larger than all of it is dropped, and costs no other its place', () => {
    const told: string[] = [];
    const made = traced({ memory: 65536, onCall: ({ name }) => told.push(name) });
    sys.close(-1);
    sys.poll(new sys.PollFds(9000), 9000, 0);
    sys.dup(-1);
    expect([names(made), made.dropped, told]).toEqual([['close', 'dup'], 1, ['close', 'dup']]);
  });
});

describe('filters', () => {
  test('only takes calls by their own names or by the kernel’s', () => {
    const made = traced({ only: ['close', 'recvfrom'] });
    sys.close(-1);
    sys.recv(-1, new Uint8Array(1));
    sys.recvfrom(-1, new Uint8Array(1));
    sys.send(-1, new Uint8Array(1));
    sys.dup(-1);
    expect(names(made)).toEqual(['close', 'recv', 'recvfrom']);
  });

  test('fd takes calls about a descriptor: argument, waited for, ready, opened', () => {
    const [r, w] = [keep(sys.eventfd(0, 0)), keep(sys.eventfd(1, 0))];
    const made = traced({ fd: w });
    const epfd = keep(sys.epoll_create1(0));
    sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, r, sys.EPOLLIN);
    sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, w, sys.EPOLLIN);
    const events = new sys.EpollEvents(4);
    sys.epoll_wait(epfd, events, 4, 0);
    sys.read(w, new Uint8Array(8));
    sys.epoll_wait(epfd, events, 4, 0);
    const fds = new sys.PollFds(2);
    fds.set(0, r, sys.POLLIN);
    sys.poll(fds, 1, 0);
    fds.set(1, w, sys.POLLIN);
    sys.poll(fds, 2, 0);
    const set = new sys.FdSet().add(r);
    sys.select(r + 1, set, null, null, 0);
    sys.select(w + 1, null, new sys.FdSet().add(w), null, 0);
    const copy = keep(sys.dup(r));
    made.stop();
    expect(names(made)).toEqual(['epoll_ctl', 'epoll_wait', 'read', 'poll', 'select']);
    const opening = traced({ fd: [copy + 1, copy + 2] });
    const pair = new Int32Array(2);
    sys.pipe2(pair, 0);
    keep(pair[0] as number);
    keep(pair[1] as number);
    expect(names(opening)).toEqual(['pipe2']);
  });

  test.each([
    [{ only: ['fork'] }, /^'fork' is no system call of fdmux: it has accept4, .*epoll_wait/],
    [{ only: 'close' as unknown as string[] }, /^The "only" argument must be an array of names/],
    [{ fd: 1.5 }, /^The value of "fd" is out of range/],
    [{ fd: '7' as unknown as number }, /^The "fd" argument must be of type number/],
    [{ memory: 100 }, /^The value of "memory" is out of range/],
    [{ onCall: 1 as unknown as () => void }, /^The "onCall" argument must be of type function/],
    [null as unknown as object, /^The "options" argument must be of type object/],
  ])('%j is refused, and nothing is traced', (options, message) => {
    expect(() => trace(options as TraceOptions)).toThrow(message);
  });
});

describe('onCall', () => {
  test('gets each call before the program goes on; its own calls are in other traces only', () => {
    const other = traced();
    const told: string[] = [];
    const made = traced({
      onCall: (call) => {
        told.push(formatCall(call));
        sys.dup(-1);
      },
    });
    expect(sys.close(-1)).toBe(-sys.EBADF);
    expect(told).toEqual(['close(-1) = -1 EBADF (Bad file descriptor)']);
    expect(names(made)).toEqual(['close']);
    expect(names(other)).toEqual(['close', 'dup']);
  });

  test('may stop its own trace, and begin another', () => {
    let inner: Trace | undefined;
    const made = traced({
      onCall: () => {
        made.stop();
        inner = traced();
      },
    });
    sys.close(-1);
    sys.dup(-1);
    expect(names(made)).toEqual(['close']);
    expect(names(inner ?? [])).toEqual(['dup']);
  });

  test('may close the watcher whose wait it hears of', async () => {
    const epoll = new Epoll();
    const pipe = new Pipe();
    epoll.register(pipe, sys.EPOLLIN);
    pipe.write(Buffer.from('x'));
    let heard: () => void;
    const closed = new Promise<void>((resolve) => {
      heard = resolve;
    });
    let called = 0;
    epoll.watch(() => called++);
    const made = traced({
      only: ['epoll_wait'],
      onCall: () => {
        epoll.close();
        heard();
      },
    });
    await closed;
    await new Promise((resolve) => setImmediate(resolve));
    made.stop();
    pipe.close();
    expect(called).toBe(0);
  });

  test('that throws costs the call nothing: what it throws is an uncaught exception', async () => {
    const worker = new Worker(
      `const { parentPort } = require('node:worker_threads');
       const { trace } = require('fdmux/trace');
       const sys = require('fdmux/sys');
       process.on('uncaughtException', (error) => parentPort.postMessage(error.message));
       trace({ onCall: () => { throw new Error('mine') } });
       parentPort.postMessage(sys.close(-1));`,
      { eval: true, filename: `${root}/test.js` } as object,
    );
    const messages: unknown[] = [];
    worker.on('message', (message) => messages.push(message));
    await once(worker, 'exit');
    expect(messages).toEqual([-sys.EBADF, 'mine']);
  });
});
