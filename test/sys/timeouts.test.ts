// How long a wait waits: as long as it was told, and never less.
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { epoll, failOnLeaks, ok, pipe } from '../support/fds.js';
import { asleep, startNode, startWorker } from '../support/processes.js';

failOnLeaks();

const MS = 1_000_000;
const LONGEST = Number.MAX_SAFE_INTEGER;

interface Wait {
  name: string;
  /** How many nanoseconds its timeout counts in. */
  unit: number;
  longest: number;
  /** Waits for `fd`, which may be none, to be readable. */
  wait(fd: number | null, timeout: number | null): number;
  negative: 'for ever' | 'EINVAL';
}

function set(fd: number | null): [number, sys.FdSet | null] {
  return fd === null ? [0, null] : [fd + 1, new sys.FdSet().add(fd)];
}

function entries(fd: number | null): sys.PollFds {
  const fds = new sys.PollFds(1);
  if (fd !== null) fds.set(0, fd, sys.POLLIN);
  return fds;
}

function members(fd: number | null): number {
  const epfd = epoll();
  if (fd !== null) ok(sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN));
  return epfd;
}

const events = new sys.EpollEvents(1);
const waits: Wait[] = [
  {
    name: 'epoll_wait',
    unit: MS,
    longest: 2 ** 31 - 1,
    wait: (fd, timeout) => sys.epoll_wait(members(fd), events, 1, timeout === null ? -1 : timeout),
    negative: 'for ever',
  },
  {
    name: 'epoll_pwait2',
    unit: 1,
    longest: LONGEST,
    wait: (fd, timeout) => sys.epoll_pwait2(members(fd), events, 1, timeout),
    negative: 'EINVAL',
  },
  {
    name: 'poll',
    unit: MS,
    longest: 2 ** 31 - 1,
    wait: (fd, timeout) => sys.poll(entries(fd), 1, timeout === null ? -1 : timeout),
    negative: 'for ever',
  },
  {
    name: 'ppoll',
    unit: 1,
    longest: LONGEST,
    wait: (fd, timeout) => sys.ppoll(entries(fd), 1, timeout),
    negative: 'EINVAL',
  },
  {
    name: 'select',
    unit: 1000,
    longest: LONGEST,
    wait: (fd, timeout) => sys.select(...set(fd), null, null, timeout),
    negative: 'EINVAL',
  },
  {
    name: 'pselect',
    unit: 1,
    longest: LONGEST,
    wait: (fd, timeout) => sys.pselect(...set(fd), null, null, timeout),
    negative: 'EINVAL',
  },
];

describe.each(waits)('$name', ({ name, unit, longest, wait, negative }) => {
  test('returns 0 when the time is up, never early', () => {
    const finest = [1, 10 * 1000, 100 * 1000, 999 * 1000].filter((ns) => ns % unit === 0);
    for (const ns of [...finest, MS, 2 * MS, 7 * MS, 60 * MS]) {
      const start = process.hrtime.bigint();
      expect(wait(null, ns / unit)).toBe(0);
      expect(Number(process.hrtime.bigint() - start)).toBeGreaterThanOrEqual(ns);
    }
  });

  test('looks and returns with a time of 0', () => {
    const [r, w] = pipe();
    expect(wait(r, 0)).toBe(0);
    ok(sys.write(w, Buffer.from('x')));
    expect(wait(r, 0)).toBe(1);
  });

  test('returns at once for what is ready, however long it might wait', () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('x')));
    for (const timeout of [1, longest, null]) expect(wait(r, timeout)).toBe(1);
    for (const timeout of [2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 43]) {
      if (timeout <= longest) expect(wait(r, timeout)).toBe(1);
      else expect(() => wait(r, timeout)).toThrow(RangeError);
    }
  });

  test(`takes a negative time for ${negative}`, () => {
    const [r, w] = pipe();
    ok(sys.write(w, Buffer.from('x')));
    for (const timeout of [-1, -999, -1000, -1_000_000_000, -(2 ** 31)]) {
      expect(wait(r, timeout)).toBe(negative === 'EINVAL' ? -sys.EINVAL : 1);
    }
    if (negative === 'EINVAL') expect(wait(r, -LONGEST)).toBe(-sys.EINVAL);
  });

  test('takes whole numbers only', () => {
    for (const timeout of [0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53]) {
      expect(() => wait(null, timeout)).toThrow(RangeError);
    }
    for (const timeout of ['1', 1n, undefined, {}]) {
      expect(() => wait(null, timeout as number)).toThrow(TypeError);
    }
  });

  // A process that would wait for months is caught waiting, and ended; one that took the time for a short one ends.
  test('waits for long times without wrapping them round', async () => {
    const call = {
      epoll_wait: 'sys.epoll_wait(sys.epoll_create1(0), new sys.EpollEvents(1), 1, timeout)',
      epoll_pwait2: 'sys.epoll_pwait2(sys.epoll_create1(0), new sys.EpollEvents(1), 1, timeout)',
      poll: 'sys.poll(new sys.PollFds(1), 0, timeout)',
      ppoll: 'sys.ppoll(new sys.PollFds(1), 0, timeout)',
      select: 'sys.select(0, null, null, null, timeout)',
      pselect: 'sys.pselect(0, null, null, null, timeout)',
    }[name];
    const long = [2 ** 31 - 1, 2 ** 32 * MS, longest].filter(
      (timeout) => timeout <= longest && timeout * unit > 1000 * MS,
    );
    const children = [...new Set(long)].map((timeout) =>
      startNode(
        `const timeout = ${timeout}; process.stdout.write('waiting\\n'); ${call}; process.stdout.write('ended\\n');`,
      ),
    );
    for (const child of children) {
      expect(await child.line()).toBe('waiting');
      await asleep(child.pid);
      child.process.kill('SIGKILL');
      expect((await child.ended).stdout).toBe('waiting\n');
    }
  });
});

describe('in a worker', () => {
  const calls = {
    epoll_wait: 'sys.epoll_wait(data, new sys.EpollEvents(1), 1, 170)',
    epoll_pwait2: 'sys.epoll_pwait2(data, new sys.EpollEvents(1), 1, 170_000_000)',
    poll: 'sys.poll(new sys.PollFds(1), 1, 170)',
    ppoll: 'sys.ppoll(new sys.PollFds(1), 1, 170_000_000)',
    select: 'sys.select(data + 1, new sys.FdSet().add(data), null, null, 170_000)',
    pselect: 'sys.pselect(data + 1, new sys.FdSet().add(data), null, null, 170_000_000)',
  };

  test.each(Object.entries(calls))('%s with a time longer than a slice returns 0, never early', async (_, call) => {
    const thread = startWorker(
      `const start = process.hrtime.bigint();
       const result = ${call};
       return [result, Number(process.hrtime.bigint() - start)];`,
      epoll(),
    );
    const [result, ns] = (await thread.result) as [number, number];
    expect(result).toBe(0);
    expect(ns).toBeGreaterThanOrEqual(170 * MS);
  });

  test.each(Object.entries(calls))(
    '%s with a time of 0, of a slice or negative does what it does elsewhere',
    async (name, call) => {
      const times =
        name.includes('_wait') || name === 'poll' ? [0, 1, 50] : [0, 1, 50_000, -1, -1_000_000_000, -(2 ** 53 - 1)];
      const thread = startWorker(
        `return ${JSON.stringify(times)}.map((timeout) => ${call.replace(/170[_0]*/, 'timeout')});`,
        epoll(),
      );
      expect(await thread.result).toEqual(times.map((time) => (time < 0 ? -sys.EINVAL : 0)));
    },
  );

  test('SO_RCVTIMEO ends a blocking recv with EAGAIN, never early', async () => {
    const thread = startWorker(
      `const sv = new Int32Array(2);
       sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM, 0, sv);
       const time = new BigInt64Array([0n, 120_000n]);
       sys.setsockopt(sv[0], sys.SOL_SOCKET, sys.SO_RCVTIMEO, new Uint8Array(time.buffer));
       const start = process.hrtime.bigint();
       const results = [sys.recv(sv[0], new Uint8Array(1)), sys.read(sv[0], new Uint8Array(1))];
       const ns = Number(process.hrtime.bigint() - start);
       for (const fd of sv) sys.close(fd);
       return [...results, ns];`,
    );
    const [recv, read, ns] = (await thread.result) as [number, number, number];
    expect([recv, read]).toEqual([-sys.EAGAIN, -sys.EAGAIN]);
    expect(ns).toBeGreaterThanOrEqual(240 * MS);
  });
});
