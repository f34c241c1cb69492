/** The forms of a trace: JSON lines and back, Chrome's trace events. */
import * as sys from 'fdmux/sys';
import { chromeTrace, jsonLine, NoTrace, parseTrace, TraceText, trace } from 'fdmux/trace';
import { describe, expect, onTestFinished, test } from 'vitest';
import { failOnLeaks, keep } from '../support/fds.js';

failOnLeaks();

/** Calls with memory of every kind, failed ones too. */
function everyKind() {
  const made = trace();
  onTestFinished(() => made.stop());
  const pair = new Int32Array(2);
  sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0, pair);
  const [left, right] = [keep(pair[0] as number), keep(pair[1] as number)];
  const epfd = keep(sys.epoll_create1(0));
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, left, sys.EPOLLIN | sys.EPOLLET, 7);
  sys.send(right, Buffer.alloc(100, 'ÿ'));
  sys.epoll_wait(epfd, new sys.EpollEvents(8), 8, -1);
  const fds = new sys.PollFds(2);
  fds.set(0, left, sys.POLLIN);
  sys.ppoll(fds, 2, null);
  const set = new sys.FdSet().add(left);
  sys.select(left + 1, set, null, null, 1000);
  sys.recv(left, Buffer.alloc(200));
  sys.recv(left, Buffer.alloc(200));
  const address = new sys.SockAddr();
  sys.getsockname(left, address);
  sys.getsockname(-1, address);
  sys.bind(-1, { family: 'IPv6', address: '::1', port: 80 });
  const socket = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0));
  sys.accept4(socket, 0, address);
  sys.accept4(socket);
  sys.getsockopt(socket, sys.SOL_SOCKET, sys.SO_TYPE, new Int32Array(1));
  sys.setsockopt(socket, sys.SOL_SOCKET, sys.SO_LINGER, new Uint8Array(8));
  sys.setrlimit(sys.RLIMIT_NOFILE, Float64Array.of(Infinity, 1));
  sys.inotify_add_watch(-1, '/etc/ümlaut', sys.IN_CREATE);
  sys.timerfd_settime(-1, 0, Float64Array.of(0, 0, 1, 5), new Float64Array(4));
  made.stop();
  return made;
}

describe('JSON lines', () => {
  test('give back every call as it was', () => {
    const made = everyKind();
    const { header, calls, end } = parseTrace(made.toJSONLines());
    expect(header).toEqual(made.header);
    expect(calls).toEqual(made.calls);
    expect(calls).toHaveLength(20);
    expect(end).toEqual({ dropped: 0 });
    const text = new TraceText(header);
    expect(calls.map((call) => text.line(call)).join('')).toBe(made.toText());
  });

  test('that were cut off are read as far as they go', () => {
    const whole = everyKind().toJSONLines();
    const { calls, end } = parseTrace(whole.slice(0, -5));
    expect([calls.length, end]).toEqual([20, undefined]);
    expect(parseTrace(whole.slice(0, whole.lastIndexOf('{"name"') + 10)).calls).toHaveLength(19);
  });

  const begun = trace();
  begun.stop();
  const header = jsonLine(begun.header);
  const call = { name: 'close', args: [1], result: 0, thread: 1, start: 0, duration: 0 };
  test.each([
    ['', /^line 1 is no header of a trace$/],
    ['{}\n', /^line 1 is no header of a trace$/],
    ['null\n', /^line 1 is no header of a trace$/],
    [header.replace('"version":1', '"version":2'), /^a trace of version 2: this fdmux knows version 1$/],
    [`${header}x\n`, /^line 2 is no JSON$/],
    [`${header}{"name":"fork","args":[]}\n`, /^line 2 is neither a system call/],
    [`${header}null\n`, /^line 2 is neither a system call/],
    [
      `${header}${JSON.stringify({ ...call, name: 'epoll_wait', result: 1 })}\n`,
      /^line 2 is no call of epoll_wait that/,
    ],
    [`${header}${JSON.stringify({ ...call, start: 'x' })}\n`, /^line 2 is no call of close that can be read$/],
  ])('%j are none', (text, message) => {
    expect(() => parseTrace(text)).toThrow(NoTrace);
    expect(() => parseTrace(text)).toThrow(message);
  });
});

describe('Chrome’s trace events', () => {
  test('have what the format asks of each kind', () => {
    const made = everyKind();
    const { traceEvents, displayTimeUnit } = chromeTrace(made.header, made.calls, { dropped: 0, code: 0 });
    expect(displayTimeUnit).toBe('ns');
    for (const event of traceEvents) {
      expect(event).toMatchObject({ name: expect.any(String), pid: process.pid, tid: expect.any(Number) });
      expect(Number.isFinite(event.ts) && event.ts >= 0).toBe(true);
      if (event.ph === 'X') expect(event.dur).toBeGreaterThanOrEqual(0);
      if ('besf'.includes(event.ph)) expect(event).toMatchObject({ id: expect.any(String), cat: expect.any(String) });
    }
    const named = traceEvents.filter(({ ph }) => ph === 'M').map(({ name, args }) => [name, args?.name]);
    expect(named).toEqual([
      ['process_name', process.argv.join(' ')],
      ['thread_name', 'main thread'],
    ]);
    const calls = traceEvents.filter(({ ph }) => ph === 'X');
    expect(calls.map(({ ts }) => ts * 1000)).toEqual(made.calls.map(({ start }) => expect.closeTo(start, 0)));
    expect(calls.at(-1)?.args).toMatchObject({ error: 'EBADF', result: -sys.EBADF });
    expect(traceEvents.filter(({ ph }) => ph === 'i')).toMatchObject([{ name: 'exited with 0', s: 'p' }]);
    expect(JSON.parse(JSON.stringify(traceEvents))).toEqual(traceEvents);
  });

  test('span each descriptor, and lead from a write into the wait that it woke', () => {
    const made = everyKind();
    const { traceEvents } = chromeTrace(made.header, made.calls);
    const begins = traceEvents.filter(({ ph }) => ph === 'b');
    const ends = traceEvents.filter(({ ph }) => ph === 'e');
    expect(ends.map(({ id }) => id)).toEqual(begins.map(({ id }) => id));
    const [start] = traceEvents.filter(({ ph }) => ph === 's');
    const [finish] = traceEvents.filter(({ ph }) => ph === 'f');
    expect(finish?.id).toBe(start?.id);
    const within = (ts = -1) => traceEvents.filter((x) => x.ph === 'X' && x.ts <= ts && ts < x.ts + (x.dur ?? 0));
    expect(within(start?.ts).map(({ name }) => name)).toEqual(['sendto']);
    expect(within(finish?.ts).map(({ name }) => name)).toEqual(['epoll_wait']);
    expect(finish?.bp).toBe('e');
  });
});
