import { spawn } from 'node:child_process';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CLOCK_REALTIME,
  EPOLLIN,
  EPOLLOUT,
  Epoll,
  EventFd,
  IN_CLOSE_WRITE,
  IN_CREATE,
  IN_IGNORED,
  IN_ISDIR,
  IN_MOVED_FROM,
  IN_MOVED_TO,
  IN_Q_OVERFLOW,
  Inotify,
  O_NONBLOCK,
  PidFd,
  Pipe,
  POLLIN,
  POLLOUT,
  Poll,
  readable,
  SignalPipe,
  select,
  TimerFd,
  Waker,
  writable,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it, onTestFinished } from 'vitest';
import { failOnLeaks } from '../support/fds.js';
import { thread } from '../support/objects.js';

failOnLeaks();

/** Whether each of the three calls, and the event loop, says that `fd` is readable; it must be when one says so. */
async function readableBy(object: { fd: number }, timeout: number): Promise<boolean[]> {
  const poll = new Poll();
  poll.register(object, POLLIN);
  using epoll = new Epoll();
  epoll.register(object, EPOLLIN);
  return [
    select([object], [], [], timeout)[0].length === 1,
    poll.poll(timeout).length === 1,
    epoll.poll(timeout).length === 1,
    (await epoll.ready({ timeout })).length === 1,
  ];
}

const ALL = [true, true, true, true];
const NONE = [false, false, false, false];

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'fdmux-'));
  onTestFinished(() => rmSync(path, { recursive: true }));
  return path;
}

describe('EventFd', () => {
  it('is readable while it is more than 0, to select, poll, epoll and the loop', async () => {
    using counter = new EventFd();
    expect(await readableBy(counter, 0)).toEqual(NONE);
    counter.write();
    counter.write(2n);
    expect(await readableBy(counter, 1000)).toEqual(ALL);
    expect(counter.read()).toBe(3n);
    expect(counter.read()).toBe(0n);
    expect(await readableBy(counter, 0)).toEqual(NONE);
  });

  it('gives 1 at a time as a semaphore', () => {
    using counter = new EventFd(2, { semaphore: true });
    expect([counter.read(), counter.read(), counter.read()]).toEqual([1n, 1n, 0n]);
  });

  it('counts to 2⁶⁴ − 2, and is not writable beyond', () => {
    using counter = new EventFd();
    counter.write(2n ** 64n - 2n);
    expect(() => counter.write(1)).toThrow(expect.objectContaining({ code: 'EAGAIN', syscall: 'write' }));
    expect(select([], [counter], [], 0)[1]).toEqual([]);
    expect(counter.read()).toBe(2n ** 64n - 2n);
  });

  it('refuses what is no count', () => {
    using counter = new EventFd();
    for (const value of [-1, 2n ** 64n - 1n, -1n]) expect(() => counter.write(value)).toThrow(RangeError);
    for (const value of [1.5, Number.NaN]) expect(() => counter.write(value)).toThrow(RangeError);
    // @ts-expect-error
    expect(() => counter.write('1')).toThrow(TypeError);
    expect(() => new EventFd(2 ** 32)).toThrow(RangeError);
    counter.close();
    expect(() => counter.read()).toThrow(expect.objectContaining({ code: 'ERR_EVENTFD_CLOSED' }));
  });
});

describe('TimerFd', () => {
  it('is readable once it has expired, to select, poll, epoll and the loop, never early', async () => {
    using timer = new TimerFd();
    expect(await readableBy(timer, 0)).toEqual(NONE);
    for (const value of [0.3, 5, 20.5]) {
      const start = performance.now();
      timer.set(value);
      select([timer], [], []);
      expect(performance.now() - start).toBeGreaterThanOrEqual(value);
      expect(await readableBy(timer, 1000)).toEqual(ALL);
      expect(timer.read()).toBe(1);
      expect(timer.read()).toBe(0);
    }
  });

  it('expires again and again with an interval, and counts', () => {
    using timer = new TimerFd();
    timer.set(0.5, 0.5);
    let expirations = 0;
    while (expirations < 5) {
      select([timer], [], []);
      expirations += timer.read();
    }
    const { interval, value } = timer.disarm();
    expect(interval).toBe(0.5);
    expect(value).toBeLessThanOrEqual(0.5);
    expect(select([timer], [], [], 2)[0]).toEqual([]);
  });

  it('takes a time of day', () => {
    using timer = new TimerFd(CLOCK_REALTIME);
    timer.set(Date.now() - 1000, 0, { absolute: true });
    select([timer], [], []);
    expect(timer.read()).toBe(1);
    const at = Date.now() + 10;
    timer.set(at, 0, { absolute: true });
    select([timer], [], []);
    expect(Date.now()).toBeGreaterThanOrEqual(at);
  });

  it('refuses what is no time', () => {
    using timer = new TimerFd();
    for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(() => timer.set(value)).toThrow(RangeError);
    expect(() => timer.set(1, -1)).toThrow(RangeError);
    // @ts-expect-error
    expect(() => timer.set('1')).toThrow(TypeError);
    expect(() => new TimerFd(12345)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'timerfd_create' }));
  });
});

describe('Pipe', () => {
  it('is readable once it was written to, and at its end, to select, poll, epoll and the loop', async () => {
    using pipe = new Pipe();
    expect(await readableBy(pipe, 0)).toEqual(NONE);
    expect(pipe.write(Buffer.from('hello'))).toBe(5);
    expect(await readableBy(pipe, 1000)).toEqual(ALL);
    expect(pipe.read(1024).toString()).toBe('hello');
    pipe.writer.close();
    expect(await readable(pipe)).toBeGreaterThan(0);
    expect(pipe.read(1024).length).toBe(0);
  });

  it('takes flags that are a C int, and makes none of what is no number', () => {
    for (const flags of [null, '2048', 1n, {}, 0.5, 2 ** 31]) {
      expect(() => new Pipe(flags as never)).toThrow(/^The (value of )?"flags"/);
    }
  });

  it('throws EAGAIN when it is non-blocking and empty or full, and its writer can be waited for', async () => {
    using pipe = new Pipe(O_NONBLOCK);
    const again = expect.objectContaining({ code: 'EAGAIN' });
    expect(() => pipe.read(1)).toThrow(again);
    const chunk = Buffer.alloc(65536);
    expect(() => {
      for (;;) pipe.write(chunk);
    }).toThrow(again);
    const poll = new Poll();
    poll.register(pipe.writer, POLLOUT);
    expect(poll.poll(0)).toEqual([]);
    while (poll.poll(0).length === 0) pipe.read(65536);
    expect(await writable(pipe.writer)).toBe(EPOLLOUT);
  });

  it('closes both ends, and is then closed for both', () => {
    const pipe = new Pipe();
    pipe.close();
    pipe.close();
    const closed = expect.objectContaining({ code: 'ERR_PIPE_CLOSED' });
    expect(() => pipe.read(1)).toThrow(closed);
    expect(() => pipe.write(Buffer.alloc(1))).toThrow(closed);
  });

  it('throws EPIPE once nobody can read', () => {
    const sv = new Int32Array(2);
    sys.pipe2(sv, sys.O_CLOEXEC);
    sys.close(sv[0] as number);
    expect(sys.write(sv[1] as number, Buffer.alloc(1))).toBe(-sys.EPIPE);
    sys.close(sv[1] as number);
  });
});

describe('PidFd', () => {
  it('is readable once its process has ended, to select, poll, epoll and the loop', async () => {
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
    using process_ = new PidFd(child.pid as number);
    expect(process_.pid).toBe(child.pid);
    expect(process_.ended).toBe(false);
    expect(await readableBy(process_, 0)).toEqual(NONE);
    child.stdin.end();
    await readable(process_);
    expect(await readableBy(process_, 1000)).toEqual(ALL);
    expect(process_.ended).toBe(true);
  });

  it('says that there is no such process', () => {
    expect(() => new PidFd(2147483647)).toThrow(expect.objectContaining({ code: 'ESRCH' }));
    for (const pid of [0, -1, 1.5]) expect(() => new PidFd(pid)).toThrow(RangeError);
  });
});

describe('Inotify', () => {
  it('is readable once something has happened, to select, poll, epoll and the loop, and tells what', async () => {
    const path = folder();
    using inotify = new Inotify();
    const wd = inotify.add(path, IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO);
    expect(await readableBy(inotify, 0)).toEqual(NONE);
    expect(inotify.read()).toEqual([]);
    writeFileSync(join(path, 'a name, with ünicode'), 'x');
    renameSync(join(path, 'a name, with ünicode'), join(path, 'b'));
    expect(await readableBy(inotify, 1000)).toEqual(ALL);
    const events = inotify.read();
    expect(events.map(({ wd, mask, name }) => [wd, mask, name])).toEqual([
      [wd, IN_CREATE, 'a name, with ünicode'],
      [wd, IN_CLOSE_WRITE, 'a name, with ünicode'],
      [wd, IN_MOVED_FROM, 'a name, with ünicode'],
      [wd, IN_MOVED_TO, 'b'],
    ]);
    expect(events[2]?.cookie).toBe(events[3]?.cookie);
    expect(events[2]?.cookie).not.toBe(0);
    mkdtempSync(join(path, 'c'));
    expect(inotify.read()[0]?.mask).toBe((IN_CREATE | IN_ISDIR) >>> 0);
    inotify.remove(wd);
    expect(inotify.read()).toEqual([{ wd, mask: IN_IGNORED, cookie: 0, name: '' }]);
    expect(() => inotify.remove(wd)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
  });

  it('reads more than one buffer holds, and the longest name', () => {
    const path = folder();
    using inotify = new Inotify();
    inotify.add(path, IN_CREATE);
    const names = Array.from({ length: 300 }, (_, i) => String(i).padStart(255, 'n'));
    for (const name of names) writeFileSync(join(path, name), '');
    expect(inotify.read().map(({ name }) => name)).toEqual(names);
  });

  it('refuses what is no path', () => {
    using inotify = new Inotify();
    expect(() => inotify.add('/no/such/file', IN_CREATE)).toThrow(expect.objectContaining({ code: 'ENOENT' }));
    expect(() => inotify.add('/tmp\0/x', IN_CREATE)).toThrow(TypeError);
    // @ts-expect-error
    expect(() => inotify.add(5, IN_CREATE)).toThrow(TypeError);
    expect(IN_Q_OVERFLOW).toBeGreaterThan(0);
  });
});

describe('Waker', () => {
  it('is readable from wake to clear, however often it is told', async () => {
    using waker = new Waker();
    using other = Waker.fromFd(waker);
    expect(await readableBy(waker, 0)).toEqual(NONE);
    for (let i = 0; i < 1000; i++) other.wake();
    expect(await readableBy(waker, 1000)).toEqual(ALL);
    expect([waker.clear(), waker.clear(), other.clear()]).toEqual([true, false, false]);
    waker.close();
    other.wake();
    expect(() => waker.wake()).toThrow(expect.objectContaining({ code: 'ERR_WAKER_CLOSED' }));
  });

  it('takes nothing else for one', () => {
    using pipe = new Pipe();
    expect(() => Waker.fromFd(pipe)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    expect(() => Waker.fromFd(pipe.fd + 5000)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  for (const [name, wait] of Object.entries({
    select: 'fdmux.select([waker], [], [])',
    Poll: 'const poll = new fdmux.Poll(); poll.register(waker, fdmux.POLLIN); poll.poll()',
    Epoll: 'const epoll = new fdmux.Epoll(); epoll.register(waker, fdmux.EPOLLIN); epoll.poll(); epoll.close()',
  })) {
    it(`ends a wait of ${name} in another thread`, async () => {
      using waker = new Waker();
      using ready = new Waker();
      const ended = thread<boolean>(
        `const waker = fdmux.Waker.fromFd(data.waker);
        const ready = fdmux.Waker.fromFd(data.ready);
        ready.wake();
        ready.close();
        ${wait};
        const woken = waker.clear();
        waker.close();
        return woken;`,
        { waker: waker.fd, ready: ready.fd },
      );
      await readable(ready);
      waker.wake();
      expect(await ended).toBe(true);
    });
  }

  it('wakes the thread that made it, from another', async () => {
    using waker = new Waker();
    const ended = thread('const waker = fdmux.Waker.fromFd(data); waker.wake(); waker.close();', waker.fd);
    select([waker], [], []);
    expect(waker.clear()).toBe(true);
    await ended;
  });
});

it('a SignalPipe is readable once its signal has come, to select, poll, epoll and the loop', async () => {
  using signals = new SignalPipe(['SIGUSR2']);
  expect(await readableBy(signals, 0)).toEqual(NONE);
  process.kill(process.pid, 'SIGUSR2');
  expect(await readableBy(signals, 1000)).toEqual(ALL);
  expect(signals.read()).toEqual(['SIGUSR2']);
});
