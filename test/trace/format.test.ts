import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import * as sys from '../../src/sys/index.js';
import { callNames, epollMask, formatCall, formatResult, pollMask } from '../../src/trace/format.js';
import { recording } from '../../src/trace/record.js';
import { comparable, haveStrace } from '../support/strace.js';

const folder = mkdtempSync(join(tmpdir(), 'fdmux-format-'));
afterAll(() => rmSync(folder, { recursive: true }));

const RECORD = fileURLToPath(new URL('../../dist/src/trace/record.js', import.meta.url));
const FORMAT = fileURLToPath(new URL('../../dist/src/trace/format.js', import.meta.url));

/** Makes calls of every kind between two lines on stderr, and prints them as fdmux writes them. */
const CALLS = `
import { recording } from '${RECORD}';
import { formatCall } from '${FORMAT}';
const lines = [];
const sys = recording((call) => lines.push(formatCall(call)));
process.stderr.write('begin\\n');
const p = new Int32Array(2);
const e = new sys.EpollEvents(8);
const b = Buffer.alloc(64);
const v = new Int32Array(1);
const text = (s) => Buffer.from(s, 'latin1');
const ep = sys.epoll_create1(sys.EPOLL_CLOEXEC);
sys.epoll_create1(0);
sys.pipe2(p, sys.O_CLOEXEC | sys.O_NONBLOCK);
const [r, w] = p;
sys.pipe2(p);
sys.epoll_ctl(ep, sys.EPOLL_CTL_ADD, r, sys.EPOLLIN | sys.EPOLLET, 3);
sys.epoll_ctl(ep, sys.EPOLL_CTL_ADD, r, sys.EPOLLIN);
sys.epoll_ctl(ep, sys.EPOLL_CTL_MOD, r, 0);
sys.epoll_ctl(ep, sys.EPOLL_CTL_MOD, r, sys.EPOLLIN | sys.EPOLLPRI | sys.EPOLLRDHUP | sys.EPOLLONESHOT, 4294967295);
sys.epoll_wait(ep, e, 8, 0);
sys.write(w, text('hello\\n'));
sys.epoll_wait(ep, e, 8, -1);
sys.epoll_pwait2(ep, e, 8, 1500000);
sys.epoll_pwait2(ep, e, 8, 0);
sys.epoll_wait(ep, e, -1, 0);
sys.epoll_ctl(ep, sys.EPOLL_CTL_DEL, r);
const f = new sys.PollFds(3);
f.set(0, r, sys.POLLIN | sys.POLLPRI | sys.POLLRDNORM);
f.set(1, w, 0);
sys.poll(f, 3, 0);
sys.ppoll(f, 2, 1000);
sys.ppoll(f, 2, null);
f.set(0, 999, sys.POLLOUT);
sys.poll(f, 1, -1);
f.set(0, w, sys.POLLIN);
sys.poll(f, 1, 1);
const s = new sys.FdSet().add(r);
const t = new sys.FdSet().add(w);
sys.select(w + 1, s, t, null, 0);
sys.select(w + 1, s, t, null, 1500000);
sys.pselect(w + 1, s, null, t, 1000000);
sys.pselect(w + 1, s, null, null, null);
s.clear();
s.add(60);
sys.select(61, s, null, null, null);
sys.select(0, null, null, null, 1000);
sys.select(100, new sys.FdSet(), null, null, 0);
sys.read(r, b);
sys.read(r, b);
sys.write(w, Buffer.alloc(100, 'x'));
sys.read(r, Buffer.alloc(200));
sys.write(w, text('\\0\\x001\\x07\\x1b\\xff"\\\\\\t\\r'));
sys.read(r, b, 10, 20);
const l = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
sys.setsockopt(l, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1);
sys.bind(l, { family: 'IPv4', address: '127.0.0.1', port: 0 });
sys.listen(l, 128);
const a = new sys.SockAddr();
sys.getsockname(l, a);
sys.accept4(l, sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, new sys.SockAddr());
sys.accept4(l);
const c = sys.socket(sys.AF_INET, sys.SOCK_STREAM, sys.IPPROTO_TCP);
sys.getpeername(c, new sys.SockAddr());
sys.connect(c, { family: 'IPv4', address: '127.0.0.1', port: a.port });
sys.connect(c, { family: 'IPv4', address: '127.0.0.1', port: a.port });
const d = sys.accept4(l, sys.SOCK_CLOEXEC, a);
sys.getpeername(c, a);
sys.send(c, text('h"i\\0\\xff'));
sys.recv(d, b, 0, 10, sys.MSG_PEEK);
sys.send(c, text('!'), 0, 1, sys.MSG_OOB | sys.MSG_NOSIGNAL);
sys.recv(d, b, 0, undefined, sys.MSG_OOB | sys.MSG_DONTWAIT);
sys.getsockopt(c, sys.SOL_SOCKET, sys.SO_ERROR, v);
sys.getsockopt(c, sys.IPPROTO_TCP, sys.TCP_NODELAY, v);
sys.getsockopt(999, sys.IPPROTO_TCP, sys.TCP_NODELAY, v);
sys.setsockopt(c, sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
sys.setsockopt(c, sys.SOL_SOCKET, sys.SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
sys.ioctl(d, sys.FIONREAD, v);
sys.ioctl(ep, sys.FIONREAD, v);
sys.fcntl(d, sys.F_GETFL);
sys.fcntl(d, sys.F_DUPFD_CLOEXEC, 100);
sys.fcntl(d, sys.F_DUPFD, 100);
sys.fcntl(d, sys.F_GETFD);
sys.fcntl(r, sys.F_GETFD);
sys.fcntl(c, sys.F_GETFD);
sys.fcntl(d, sys.F_SETFD, sys.FD_CLOEXEC);
sys.fcntl(d, sys.F_SETFL, sys.O_NONBLOCK);
sys.fcntl(r, sys.F_GETPIPE_SZ);
sys.dup(d);
sys.dup(999);
sys.shutdown(c, sys.SHUT_WR);
sys.close(c);
sys.close(999);
sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0, p);
sys.recvfrom(p[0], b, 0, 5, 0, new sys.SockAddr());
sys.sendto(p[0], text('abc'), 0, 3, 0, null);
sys.setsockopt(p[0], sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
const u = sys.socket(sys.AF_UNIX, sys.SOCK_STREAM, 0);
sys.bind(u, { family: 'unix', path: '\\0fdmux-' + process.pid });
sys.connect(u, { family: 'unix', path: '/no/such/socket' });
const u6 = sys.socket(sys.AF_INET6, sys.SOCK_DGRAM, 0);
sys.bind(u6, { family: 'IPv6', address: '::1', port: 0 });
sys.getsockname(u6, a);
sys.sendto(u6, text('to myself'), 0, 9, 0, { family: 'IPv6', address: '::1', port: a.port });
sys.recvfrom(u6, b, 0, 64, 0, a);
const limit = new Float64Array(2);
sys.getrlimit(sys.RLIMIT_NOFILE, limit);
sys.setrlimit(sys.RLIMIT_NOFILE, limit);
const n = sys.eventfd(3, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK);
sys.eventfd(0, 0);
sys.write(n, text('\\x01\\0\\0\\0\\0\\0\\0\\0'));
const m = sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC | sys.TFD_NONBLOCK);
sys.timerfd_create(sys.CLOCK_MONOTONIC, 1);
sys.timerfd_settime(m, 0, Float64Array.of(1, 5, 3600, 7));
sys.timerfd_settime(m, 0, Float64Array.of(0, 0, 0, 0), new Float64Array(4));
sys.timerfd_settime(m, sys.TFD_TIMER_ABSTIME, Float64Array.of(0, 0, 1, 0), new Float64Array(4));
sys.timerfd_settime(999, 0, Float64Array.of(0, 0, 0, 0), new Float64Array(4));
sys.pidfd_open(process.pid, 0);
sys.pidfd_open(-1, 0);
const i = sys.inotify_init1(sys.IN_CLOEXEC | sys.IN_NONBLOCK);
const wd = sys.inotify_add_watch(i, '/', sys.IN_CREATE | sys.IN_DELETE | sys.IN_ONLYDIR);
sys.inotify_add_watch(i, '/no/such/file', sys.IN_MODIFY);
sys.openat2(sys.AT_FDCWD, '/', sys.O_RDONLY | sys.O_CLOEXEC | sys.O_DIRECTORY, 0, 0);
const o = sys.openat2(sys.AT_FDCWD, '/', sys.O_PATH | sys.O_CLOEXEC, 0, 0);
sys.openat2(o, 'etc/passwd', sys.O_RDONLY | sys.O_NONBLOCK | sys.O_NOCTTY, 0, sys.RESOLVE_BENEATH | sys.RESOLVE_NO_MAGICLINKS);
sys.openat2(o, '/etc/passwd', sys.O_RDONLY, 0, sys.RESOLVE_BENEATH);
sys.openat2(sys.AT_FDCWD, '/no/such/file', sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL, 0o640, sys.RESOLVE_NO_XDEV);
sys.inotify_rm_watch(i, wd);
sys.inotify_rm_watch(i, 99);
const many = new sys.PollFds(40);
const all = new sys.EpollEvents(64);
for (let at = 0; at < 40; at++) {
  many.set(at, sys.eventfd(1, 0), sys.POLLIN);
  sys.epoll_ctl(ep, sys.EPOLL_CTL_ADD, many.fd(at), sys.EPOLLIN);
}
sys.epoll_wait(ep, all, 64, 0);
sys.epoll_wait(ep, all, 32, 0);
sys.poll(many, 40, 0);
sys.poll(many, 32, 0);
for (let at = 0; at < 8; at++) sys.read(many.fd(at), b, 0, 8);
sys.poll(many, 40, 0);
process.stderr.write('end\\n');
process.stdout.write(JSON.stringify(lines));
`;

describe('strace', () => {
  test.skipIf(!haveStrace)('writes every call the same', () => {
    const file = join(folder, 'strace.txt');
    const { stdout, stderr } = spawnSync('strace', ['-o', file, process.execPath, '--input-type=module', '-e', CALLS], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(stderr).toBe('begin\nend\n');
    const all = readFileSync(file, 'utf8').split('\n');
    const from = all.findIndex((line) => line.startsWith('write(2, "begin'));
    const to = all.findIndex((line) => line.startsWith('write(2, "end'));
    // Node.js allocates and collects garbage meanwhile.
    const theirs = all
      .slice(from + 1, to)
      .filter((line) => !/^(mmap|munmap|mprotect|madvise|brk|futex|sched_|getpid)/.test(line));
    const ours = JSON.parse(stdout) as string[];
    expect(ours.map(comparable)).toEqual(theirs.map(comparable));
  });
});

describe('formatCall', () => {
  test('knows every system call of fdmux/sys', () => {
    const calls = Object.entries(sys).filter(([name, value]) => typeof value === 'function' && /^[a-z]/.test(name));
    const others = ['signalNumber', 'signal_pipe_add', 'signal_pipe_remove', 'inotify_events'];
    expect(calls.map(([name]) => name).filter((name) => !others.includes(name) && !callNames.has(name))).toEqual([]);
  });

  test('names descriptors, results that are descriptors too, and aligns what follows', () => {
    const nameOf = (fd: number) => (fd === 7 ? 'client' : undefined);
    expect(formatCall({ name: 'dup', args: [7], result: 8 }, { nameOf })).toBe('dup(7<client>) = 8');
    expect(formatCall({ name: 'dup', args: [8], result: 7 }, { nameOf })).toBe('dup(8) = 7<client>');
    expect(formatCall({ name: 'close', args: [8], result: 0 }, { align: 40 })).toBe(`${'close(8)'.padEnd(39)} = 0`);
  });

  test('refuses what is no call', () => {
    expect(() => formatCall({ name: 'fork', args: [], result: 0 })).toThrow('no system call of fdmux: fork');
    expect(() => formatCall({ name: 'constructor', args: [], result: 0 })).toThrow(
      'no system call of fdmux: constructor',
    );
  });
});

test('formatResult gives an error its name and its text', () => {
  expect(formatResult(5)).toBe('5');
  expect(formatResult(-sys.EAGAIN)).toBe('-1 EAGAIN (Resource temporarily unavailable)');
  expect(formatResult(-sys.EOPNOTSUPP)).toBe('-1 EOPNOTSUPP (Operation not supported)');
});

test('masks are names, and what has none is a number', () => {
  expect(epollMask(0)).toBe('0');
  expect(epollMask(sys.EPOLLIN | sys.EPOLLET)).toBe('EPOLLIN|EPOLLET');
  expect(epollMask(0x4000000)).toBe('0x4000000');
  expect(pollMask(sys.POLLHUP | sys.POLLIN)).toBe('POLLIN|POLLHUP');
});

describe('recording', () => {
  test('tells a call with the memory it had then, and not one that threw', () => {
    const told: unknown[] = [];
    const recorded = recording((call) => told.push(call));
    const fds = new Int32Array(2);
    recorded.pipe2(fds, recorded.O_CLOEXEC);
    const [reader, writer] = fds as unknown as [number, number];
    const buffer = Buffer.from('hello');
    recorded.write(writer, buffer, 1, 3);
    buffer.fill(0);
    expect(() => recorded.write(writer, buffer, 9)).toThrow(RangeError);
    recorded.close(reader);
    recorded.close(writer);
    expect(told).toEqual([
      { name: 'pipe2', args: [[reader, writer], sys.O_CLOEXEC], result: 0 },
      { name: 'write', args: [writer, { bytes: expect.anything(), length: 3 }, 1, 3], result: 3 },
      { name: 'close', args: [reader], result: 0 },
      { name: 'close', args: [writer], result: 0 },
    ]);
    const [, write] = told as { args: { bytes: Uint8Array }[] }[];
    expect(Buffer.from(write?.args[1]?.bytes ?? []).toString()).toBe('ell');
  });

  test('has every constant and class of fdmux/sys', () => {
    expect(Object.keys(recording(() => {})).sort()).toEqual(Object.keys(sys).sort());
  });
});
