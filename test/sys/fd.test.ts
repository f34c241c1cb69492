// read, write, close, pipe2, dup, fcntl, ioctl, and the limit on descriptors.
import {
  closeSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as sys from 'fdmux/sys';
import { describe, expect, onTestFinished, test } from 'vitest';
import { close, drain, failOnLeaks, fill, keep, ok, pair, pipe, resizable, tcp, unused } from '../support/fds.js';
import { startNode } from '../support/processes.js';

failOnLeaks();

describe('read and write', () => {
  test('what is written is read, in order', () => {
    const [r, w] = pipe();
    expect(sys.write(w, Buffer.from('one'))).toBe(3);
    expect(sys.write(w, new Uint8Array([33]))).toBe(1);
    const buffer = Buffer.alloc(8, '.');
    expect(sys.read(r, buffer)).toBe(4);
    expect(buffer.toString()).toBe('one!....');
  });

  test('only the window is written', () => {
    const [r, w] = pipe();
    const text = Buffer.from('0123456789');
    expect(sys.write(w, text, 7)).toBe(3);
    expect(sys.write(w, text, 2, 3)).toBe(3);
    expect(sys.write(w, text, 10)).toBe(0);
    expect(sys.write(w, text, 0, 0)).toBe(0);
    expect(drain(r).toString()).toBe('789234');
  });

  test('only the window is filled', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('abcdef')));
    const buffer = Buffer.alloc(6, '.');
    expect(sys.read(r, buffer, 2, 3)).toBe(3);
    expect(buffer.toString()).toBe('..abc.');
    expect(sys.read(r, buffer, 5)).toBe(1);
    expect(buffer.toString()).toBe('..abcd');
    expect(sys.read(r, buffer, 6)).toBe(0);
    expect(drain(r).toString()).toBe('ef');
  });

  test('a view of a part of its memory is taken as that part', () => {
    const [r, w] = pipe();
    const memory = new ArrayBuffer(16);
    new Uint8Array(memory).fill(46);
    ok(sys.write(w, Buffer.from('abcd')));
    expect(sys.read(r, new Uint8Array(memory, 4, 8), 1, 4)).toBe(4);
    expect(Buffer.from(memory).toString()).toBe('.....abcd.......');
  });

  test('a resizable buffer is taken at its length of the moment', () => {
    const [r, w] = pipe();
    const memory = resizable(4, 64);
    const view = new Uint8Array(memory);
    memory.resize(64);
    expect(sys.write(w, view)).toBe(64);
    memory.resize(2);
    expect(sys.read(r, view)).toBe(2);
    expect(() => sys.read(r, view, 0, 3)).toThrow(RangeError);
    memory.resize(0);
    expect(sys.read(r, view)).toBe(0);
  });

  test('a window outside the buffer is a RangeError, and nothing is read or written', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('x')));
    const buffer = Buffer.alloc(4);
    const outside: [number, number?][] = [
      [5],
      [0, 5],
      [4, 1],
      [2, 3],
      [-1],
      [0, -1],
      [0.5],
      [2 ** 53 - 1],
      [0, 2 ** 32],
    ];
    for (const [offset, length] of outside) {
      const beyond = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
      expect(() => sys.read(r, buffer, offset, length), `${offset}, ${length}`).toThrow(beyond);
      expect(() => sys.write(w, buffer, offset, length), `${offset}, ${length}`).toThrow(beyond);
    }
    expect(drain(r).toString()).toBe('x');
  });

  test('an empty pipe is EAGAIN, one without a writer is the end', () => {
    const [r, w] = pipe();
    expect(sys.read(r, Buffer.alloc(1))).toBe(-sys.EAGAIN);
    close(w);
    expect(sys.read(r, Buffer.alloc(1))).toBe(0);
  });

  test('a full pipe takes a part, and then is EAGAIN', () => {
    const [r, w] = pipe();
    const capacity = ok(sys.fcntl(w, sys.F_GETPIPE_SZ));
    expect(sys.write(w, Buffer.alloc(capacity + 1000))).toBe(capacity);
    expect(sys.write(w, Buffer.alloc(1))).toBe(-sys.EAGAIN);
    expect(drain(r)).toHaveLength(capacity);
  });

  test('EPIPE without a reader', () => {
    const [r, w] = pipe();
    close(r);
    expect(sys.write(w, Buffer.from('x'))).toBe(-sys.EPIPE);
  });

  test('EBADF for what is closed, and for the other end', () => {
    const [r, w] = pipe();
    expect(sys.read(w, Buffer.alloc(1))).toBe(-sys.EBADF);
    expect(sys.write(r, Buffer.alloc(1))).toBe(-sys.EBADF);
    expect(sys.read(unused(), Buffer.alloc(1))).toBe(-sys.EBADF);
    expect(sys.write(-1, Buffer.alloc(1))).toBe(-sys.EBADF);
  });

  test('EISDIR for a folder', () => {
    const fd = openSync('/', 'r');
    onTestFinished(() => closeSync(fd));
    expect(sys.read(fd, Buffer.alloc(1))).toBe(-sys.EISDIR);
  });
});

describe('close', () => {
  test('gives the number back, and is EBADF the second time', () => {
    const fd = ok(sys.dup(pipe()[0]));
    expect(sys.close(fd)).toBe(0);
    expect(sys.close(fd)).toBe(-sys.EBADF);
    expect(sys.close(-1)).toBe(-sys.EBADF);
  });
});

describe('pipe2', () => {
  test('its flags are those of both ends', () => {
    for (const [flags, nonblock, cloexec] of [
      [0, 0, 0],
      [sys.O_CLOEXEC, 0, sys.FD_CLOEXEC],
      [sys.O_NONBLOCK, sys.O_NONBLOCK, 0],
      [sys.O_CLOEXEC | sys.O_NONBLOCK, sys.O_NONBLOCK, sys.FD_CLOEXEC],
    ] as const) {
      for (const fd of pipe(flags)) {
        expect(sys.fcntl(fd, sys.F_GETFL) & sys.O_NONBLOCK).toBe(nonblock);
        expect(sys.fcntl(fd, sys.F_GETFD)).toBe(cloexec);
      }
    }
  });

  test('fills the first two elements and no other', () => {
    const pipefd = new Int32Array(4).fill(-7);
    expect(sys.pipe2(pipefd.subarray(1))).toBe(0);
    keep(pipefd[1] as number);
    keep(pipefd[2] as number);
    expect([pipefd[0], pipefd[3]]).toEqual([-7, -7]);
  });

  test('keeps writes apart with O_DIRECT', () => {
    const [r, w] = pipe(sys.O_CLOEXEC | sys.O_NONBLOCK | sys.O_DIRECT);
    ok(sys.write(w, Buffer.from('one')));
    ok(sys.write(w, Buffer.from('two')));
    const buffer = Buffer.alloc(16);
    expect(sys.read(r, buffer)).toBe(3);
    expect(sys.read(r, buffer)).toBe(3);
  });

  test('EINVAL for an unknown flag; a RangeError for an array of one', () => {
    const pipefd = new Int32Array(2).fill(-7);
    expect(sys.pipe2(pipefd, 1)).toBe(-sys.EINVAL);
    expect([...pipefd]).toEqual([-7, -7]);
    expect(() => sys.pipe2(new Int32Array(1))).toThrow(RangeError);
  });
});

describe('dup and fcntl', () => {
  test('a duplicate is the lowest number free, and stays open on exec', () => {
    const [r, w] = pipe();
    const lowest = unused();
    const duplicate = keep(sys.dup(r));
    expect(duplicate).toBe(lowest);
    expect(sys.fcntl(duplicate, sys.F_GETFD)).toBe(0);
    ok(sys.write(w, Buffer.from('x')));
    expect(sys.read(duplicate, Buffer.alloc(4))).toBe(1);
    expect(sys.dup(unused())).toBe(-sys.EBADF);
  });

  test('F_DUPFD finds a number from the one given on, F_DUPFD_CLOEXEC closes it on exec', () => {
    const [r] = pipe();
    const plain = keep(sys.fcntl(r, sys.F_DUPFD, 200));
    const closing = keep(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, 200));
    expect([plain >= 200, closing >= 200]).toEqual([true, true]);
    expect([plain, closing].map((fd) => sys.fcntl(fd, sys.F_GETFD))).toEqual([0, sys.FD_CLOEXEC]);
    expect(sys.fcntl(r, sys.F_DUPFD, -1)).toBe(-sys.EINVAL);
  });

  test('F_SETFD and F_SETFL change what F_GETFD and F_GETFL say', () => {
    const [r, w] = pipe(0);
    expect(sys.fcntl(r, sys.F_SETFD, sys.FD_CLOEXEC)).toBe(0);
    expect(sys.fcntl(r, sys.F_GETFD)).toBe(sys.FD_CLOEXEC);
    expect(sys.fcntl(r, sys.F_GETFL) & sys.O_ACCMODE).toBe(sys.O_RDONLY);
    expect(sys.fcntl(w, sys.F_GETFL) & sys.O_ACCMODE).toBe(sys.O_WRONLY);
    expect(sys.fcntl(r, sys.F_SETFL, sys.O_NONBLOCK)).toBe(0);
    expect(sys.read(r, Buffer.alloc(1))).toBe(-sys.EAGAIN);
  });

  test('F_SETPIPE_SZ changes how much a pipe holds', () => {
    const [, w] = pipe();
    expect(sys.fcntl(w, sys.F_SETPIPE_SZ, 4096)).toBe(4096);
    expect(sys.fcntl(w, sys.F_GETPIPE_SZ)).toBe(4096);
    expect(fill(w)).toBe(4096);
    expect(sys.fcntl(w, sys.F_SETPIPE_SZ, 2 ** 31 - 1)).toBeLessThan(0);
  });

  test('another command is a RangeError', () => {
    const F_GETLK = 5;
    for (const command of [F_GETLK, -1, 2 ** 31 - 1]) {
      expect(() => sys.fcntl(0, command)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
    }
    expect(sys.fcntl(unused(), sys.F_GETFL)).toBe(-sys.EBADF);
  });
});

describe('ioctl', () => {
  const argp = new Int32Array(1);

  test('FIONREAD counts the bytes that wait', () => {
    for (const [r, w] of [pipe(), pair()]) {
      expect([sys.ioctl(r, sys.FIONREAD, argp), argp[0]]).toEqual([0, 0]);
      ok(sys.write(w, Buffer.from('four')));
      expect([sys.ioctl(r, sys.FIONREAD, argp), argp[0]]).toEqual([0, 4]);
      drain(r);
      expect([sys.ioctl(r, sys.FIONREAD, argp), argp[0]]).toEqual([0, 0]);
    }
  });

  test('TIOCOUTQ counts the bytes that have not left', () => {
    const [a] = tcp();
    expect([sys.ioctl(a, sys.TIOCOUTQ, argp), argp[0]]).toEqual([0, 0]);
    const sent = fill(a);
    ok(sys.ioctl(a, sys.TIOCOUTQ, argp));
    expect(argp[0]).toBeGreaterThan(0);
    expect(argp[0]).toBeLessThanOrEqual(sent);
  });

  test('ENOTTY where it means nothing; a RangeError for another request', () => {
    const fd = openSync('/dev/null', 'r');
    onTestFinished(() => closeSync(fd));
    expect(sys.ioctl(fd, sys.FIONREAD, argp)).toBe(-sys.ENOTTY);
    expect(sys.ioctl(unused(), sys.FIONREAD, argp)).toBe(-sys.EBADF);
    for (const request of [0, 0x5401, 2 ** 32 + sys.FIONREAD]) {
      expect(() => sys.ioctl(0, request, argp)).toThrow(RangeError);
    }
    expect(() => sys.ioctl(0, sys.FIONREAD, new Int32Array(0))).toThrow(RangeError);
  });
});

describe('the limit on descriptors', () => {
  test('is asked with getrlimit', () => {
    const limit = new Float64Array(2);
    expect(sys.getrlimit(sys.RLIMIT_NOFILE, limit)).toBe(0);
    expect(limit[0]).toBeGreaterThan(0);
    expect(limit[1]).toBeGreaterThanOrEqual(limit[0] as number);
    expect(() => sys.getrlimit(sys.RLIMIT_NOFILE + 1, limit)).toThrow(RangeError);
    expect(() => sys.getrlimit(sys.RLIMIT_NOFILE, new Float64Array(1))).toThrow(RangeError);
  });

  test('is changed with setrlimit, and soft above hard is EINVAL', async () => {
    const child = startNode(`
      const limit = new Float64Array(2);
      sys.getrlimit(sys.RLIMIT_NOFILE, limit);
      const results = [sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([128, limit[1]]))];
      results.push(sys.getrlimit(sys.RLIMIT_NOFILE, limit), limit[0]);
      results.push(sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([200, 100])) === -sys.EINVAL);
      results.push(sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([sys.RLIM_INFINITY, 100])) === -sys.EINVAL);
      for (const wrong of [-1, 0.5, NaN, -Infinity, 2 ** 53]) {
        try {
          sys.setrlimit(sys.RLIMIT_NOFILE, new Float64Array([wrong, wrong]));
        } catch (error) {
          results.push(error.code);
        }
      }
      console.log(JSON.stringify(results));
    `);
    expect(JSON.parse(await child.line())).toEqual([0, 0, 128, true, true, ...Array(5).fill('ERR_OUT_OF_RANGE')]);
    expect((await child.ended).code).toBe(0);
  });

  test('EMFILE for every call that makes a descriptor, once it is reached', async () => {
    const child = startNode(`
      const [a, b] = [sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0), sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0)];
      sys.bind(a, { family: 'IPv4', address: '127.0.0.1', port: 0 });
      sys.listen(a, 4);
      const address = new sys.SockAddr();
      sys.getsockname(a, address);
      sys.connect(b, address);
      const limit = new Float64Array(2);
      sys.getrlimit(sys.RLIMIT_NOFILE, limit);
      const before = limit[0];
      limit[0] = 100;
      sys.setrlimit(sys.RLIMIT_NOFILE, limit);
      while (sys.dup(0) >= 0);
      const two = new Int32Array(2).fill(-7);
      const results = [
        sys.dup(0), sys.fcntl(0, sys.F_DUPFD, 0), sys.pipe2(two), sys.epoll_create1(0),
        sys.socket(sys.AF_INET, sys.SOCK_STREAM, 0), sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM, 0, two), sys.accept4(a),
      ];
      const untouched = [...two].join();
      limit[0] = before;
      sys.setrlimit(sys.RLIMIT_NOFILE, limit);
      const accepted = sys.accept4(a);
      console.log(results.every((result) => result === -sys.EMFILE), untouched, accepted >= 0);
    `);
    expect(await child.line()).toBe('true -7,-7 true');
    expect((await child.ended).code).toBe(0);
  });
});

describe('openat2', () => {
  /** A folder with a file, a link out of it and one within. */
  function folder(): { path: string; fd: number } {
    const path = mkdtempSync(join(tmpdir(), 'fdmux-openat2-'));
    onTestFinished(() => rmSync(path, { recursive: true }));
    mkdirSync(join(path, 'inside'));
    writeFileSync(join(path, 'file'), 'outside');
    writeFileSync(join(path, 'inside', 'file'), 'inside');
    symlinkSync('file', join(path, 'inside', 'within'));
    symlinkSync('../file', join(path, 'inside', 'out'));
    symlinkSync('/proc/self/fd/0', join(path, 'inside', 'magic'));
    const fd = keep(ok(sys.openat2(sys.AT_FDCWD, join(path, 'inside'), sys.O_PATH | sys.O_DIRECTORY | sys.O_CLOEXEC)));
    return { path: join(path, 'inside'), fd };
  }

  function content(fd: number): string {
    const buffer = Buffer.alloc(64);
    const count = ok(sys.read(ok(fd), buffer));
    close(fd);
    return buffer.toString('latin1', 0, count);
  }

  test('opens from a folder, from the working directory and from the root', () => {
    const { path, fd } = folder();
    expect(content(sys.openat2(fd, 'file', sys.O_RDONLY | sys.O_CLOEXEC))).toBe('inside');
    expect(content(sys.openat2(-1, join(path, 'file'), sys.O_RDONLY | sys.O_CLOEXEC))).toBe('inside');
    const here = ok(sys.openat2(sys.AT_FDCWD, '.', sys.O_PATH | sys.O_CLOEXEC));
    expect(readlinkSync(`/proc/self/fd/${here}`)).toBe(process.cwd());
    close(here);
  });

  test('makes a file with its mode, once', () => {
    const { path, fd } = folder();
    const flags = sys.O_WRONLY | sys.O_CREAT | sys.O_EXCL | sys.O_CLOEXEC;
    close(ok(sys.openat2(fd, 'made', flags, 0o640)));
    expect(statSync(join(path, 'made')).mode & 0o777 & ~process.umask()).toBe(0o640 & ~process.umask());
    expect(sys.openat2(fd, 'made', flags, 0o640)).toBe(-sys.EEXIST);
  });

  test('goes out of the folder unless RESOLVE_BENEATH says no', () => {
    const { path, fd } = folder();
    const open = (name: string, resolve: number): number =>
      sys.openat2(fd, name, sys.O_RDONLY | sys.O_CLOEXEC, 0, resolve);
    for (const name of ['out', '../file', join(path, '../file')]) {
      expect(content(open(name, 0)), name).toBe('outside');
      expect(open(name, sys.RESOLVE_BENEATH), name).toBe(-sys.EXDEV);
    }
    expect(content(open('within', sys.RESOLVE_BENEATH))).toBe('inside');
    // Not with '..', which is EAGAIN when anybody renames anything meanwhile.
    expect(content(open('/file', sys.RESOLVE_IN_ROOT))).toBe('inside');
    expect(open('within', sys.RESOLVE_NO_SYMLINKS)).toBe(-sys.ELOOP);
    expect(open('magic', sys.RESOLVE_NO_MAGICLINKS)).toBe(-sys.ELOOP);
    expect(open('/proc/self/status', sys.RESOLVE_NO_XDEV)).toBe(-sys.EXDEV);
  });

  test('says what is wrong', () => {
    const { fd } = folder();
    expect(sys.openat2(fd, 'none', sys.O_RDONLY)).toBe(-sys.ENOENT);
    expect(sys.openat2(fd, '', sys.O_RDONLY)).toBe(-sys.ENOENT);
    expect(sys.openat2(fd, 'file/x', sys.O_RDONLY)).toBe(-sys.ENOTDIR);
    expect(sys.openat2(unused(), 'file', sys.O_RDONLY)).toBe(-sys.EBADF);
    expect(sys.openat2(fd, 'x'.repeat(300), sys.O_RDONLY)).toBe(-sys.ENAMETOOLONG);
    // Unlike open(2), it knows which flags there are, and what goes with what.
    expect(sys.openat2(fd, 'file', sys.O_RDONLY, 0o600)).toBe(-sys.EINVAL);
    expect(sys.openat2(fd, 'file', sys.O_RDONLY, 0, 0x80000000)).toBe(-sys.EINVAL);
    expect(sys.openat2(fd, 'file', 0x80000000)).toBe(-sys.EINVAL);
  });

  test('takes nothing for a path that C would cut short', () => {
    for (const path of ['a\0b', 5, null, undefined, Buffer.from('/')]) {
      expect(() => sys.openat2(0, path as never, 0)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
    expect(() => sys.openat2(0.5, '/', 0)).toThrow(RangeError);
    expect(() => sys.openat2(0, '/', Number.NaN)).toThrow(RangeError);
  });
});
