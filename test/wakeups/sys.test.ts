import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import { failOnLeaks, keep } from '../support/fds.js';

failOnLeaks();

function pending(fd: number): number {
  const value = new BigUint64Array(1);
  const result = sys.read(fd, new Uint8Array(value.buffer));
  return result < 0 ? result : Number(value[0]);
}

describe('eventfd', () => {
  it('begins with its initial value', () => {
    const fd = keep(sys.eventfd(4294967295, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK));
    expect(pending(fd)).toBe(4294967295);
    expect(pending(fd)).toBe(-sys.EAGAIN);
  });

  it('returns what the kernel says', () => {
    expect(sys.eventfd(0, 0x40000000)).toBe(-sys.EINVAL);
  });

  it('refuses what is no C value', () => {
    for (const value of [-1, 1.5, Number.NaN, 2 ** 32]) expect(() => sys.eventfd(value, 0)).toThrow(RangeError);
    // @ts-expect-error
    expect(() => sys.eventfd('0', 0)).toThrow(TypeError);
    expect(() => sys.eventfd(0, 2 ** 31)).toThrow(RangeError);
  });
});

describe('timerfd', () => {
  it('fills the old value with what it was set to', () => {
    const fd = keep(sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC | sys.TFD_NONBLOCK));
    const old = new Float64Array(4).fill(7);
    expect(sys.timerfd_settime(fd, 0, Float64Array.of(3, 250, 100, 5), old)).toBe(0);
    expect([...old]).toEqual([0, 0, 0, 0]);
    expect(sys.timerfd_settime(fd, 0, Float64Array.of(0, 0, 0, 1), old)).toBe(0);
    expect([...old.subarray(0, 2)]).toEqual([3, 250]);
    expect((old[2] as number) <= 100 && (old[2] as number) >= 0).toBe(true);
    const one = new sys.PollFds(1);
    one.set(0, fd, sys.POLLIN);
    expect(sys.poll(one, 1, -1)).toBe(1);
    expect(pending(fd)).toBe(1);
  });

  it('returns what the kernel says', () => {
    expect(sys.timerfd_create(12345, 0)).toBe(-sys.EINVAL);
    const fd = keep(sys.timerfd_create(sys.CLOCK_REALTIME, sys.TFD_CLOEXEC));
    expect(sys.timerfd_settime(fd, 0, Float64Array.of(0, 0, 0, 1e9))).toBe(-sys.EINVAL);
    expect(sys.timerfd_settime(fd, 0, Float64Array.of(0, 0, 0, -1))).toBe(-sys.EINVAL);
    expect(sys.timerfd_settime(-1, 0, Float64Array.of(0, 0, 0, 1))).toBe(-sys.EBADF);
  });

  it('leaves the old value as it was when it fails', () => {
    const old = new Float64Array(4).fill(7);
    sys.timerfd_settime(-1, 0, new Float64Array(4), old);
    expect([...old]).toEqual([7, 7, 7, 7]);
  });

  it('refuses what is no itimerspec', () => {
    const fd = keep(sys.timerfd_create(sys.CLOCK_REALTIME, sys.TFD_CLOEXEC));
    const four = new Float64Array(4);
    expect(() => sys.timerfd_settime(fd, 0, new Float64Array(3))).toThrow(RangeError);
    expect(() => sys.timerfd_settime(fd, 0, four, new Float64Array(3))).toThrow(RangeError);
    for (const value of [Number.NaN, 0.5, 2 ** 60]) {
      expect(() => sys.timerfd_settime(fd, 0, Float64Array.of(0, 0, value, 0))).toThrow(RangeError);
      expect(() => sys.timerfd_settime(fd, 0, Float64Array.of(0, value, 0, 0))).toThrow(RangeError);
    }
    for (const value of [[0, 0, 0, 0], null, undefined, {}, new Int32Array(4), 'four']) {
      // @ts-expect-error
      expect(() => sys.timerfd_settime(fd, 0, value)).toThrow(TypeError);
    }
    // @ts-expect-error
    expect(() => sys.timerfd_settime(fd, 0, four, [])).toThrow(TypeError);
    expect(() => sys.timerfd_settime(fd, 0, four, new Float64Array(new SharedArrayBuffer(32)))).toThrow(TypeError);
  });
});

describe('pidfd_open', () => {
  it('is close-on-exec, and returns what the kernel says', () => {
    const fd = keep(sys.pidfd_open(process.pid, 0));
    expect(sys.fcntl(fd, sys.F_GETFD)).toBe(sys.FD_CLOEXEC);
    expect(sys.pidfd_open(2147483647, 0)).toBe(-sys.ESRCH);
    expect(sys.pidfd_open(0, 0)).toBe(-sys.EINVAL);
    expect(sys.pidfd_open(process.pid, 1)).toBe(-sys.EINVAL);
    expect(() => sys.pidfd_open(0.5, 0)).toThrow(RangeError);
  });
});

describe('inotify', () => {
  it('returns what the kernel says', () => {
    expect(sys.inotify_init1(1)).toBe(-sys.EINVAL);
    const fd = keep(sys.inotify_init1(sys.IN_CLOEXEC | sys.IN_NONBLOCK));
    expect(sys.inotify_add_watch(fd, '/no/such/file', sys.IN_OPEN)).toBe(-sys.ENOENT);
    expect(sys.inotify_add_watch(fd, '/', 0)).toBe(-sys.EINVAL);
    expect(sys.inotify_add_watch(-1, '/', sys.IN_OPEN)).toBe(-sys.EBADF);
    expect(sys.inotify_add_watch(fd, 'x'.repeat(5000), sys.IN_OPEN)).toBe(-sys.ENAMETOOLONG);
    expect(sys.inotify_rm_watch(fd, 99)).toBe(-sys.EINVAL);
  });

  it('refuses what is no path and no mask', () => {
    for (const path of [5, null, undefined, {}, 'a\0b']) {
      // @ts-expect-error
      expect(() => sys.inotify_add_watch(0, path, 1)).toThrow(TypeError);
    }
    expect(() => sys.inotify_add_watch(0, '/', Number.NaN)).toThrow(RangeError);
  });

  it('events are read from any part of any buffer, whatever lies in it', () => {
    for (const size of [0, 1, 15, 16, 17, 64, 4096]) {
      for (const byte of [0, 1, 0x7f, 0xff]) {
        const events = sys.inotify_events(new Uint8Array(size).fill(byte), size);
        expect(events.length).toBeLessThanOrEqual(size / 16);
      }
    }
    expect(() => sys.inotify_events(new Uint8Array(4), 5)).toThrow(RangeError);
    // @ts-expect-error
    expect(() => sys.inotify_events([], 0)).toThrow(TypeError);
  });
});
