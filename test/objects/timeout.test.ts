/** Time limits, the same in select, Poll and Epoll. */
import { inspect } from 'node:util';
import { EPOLLIN, Epoll, POLLIN, Poll, select } from 'fdmux';
import { describe, expect, it } from 'vitest';
import {
  byte,
  closing,
  codeOf,
  hasStrace,
  noTimeouts,
  pipe,
  runUnderFire,
  strace,
  timed,
  writeLater,
} from '../support/objects.js';

type Wait = (timeout?: number | null) => unknown[];

describe.each([
  {
    name: 'select',
    call: 'pselect6',
    waits:
      (r: number): Wait =>
      (timeout) =>
        select([r], [], [], timeout)[0],
    script: 'const wait = (timeout) => fdmux.select([a], [], [], timeout)[0];',
  },
  {
    name: 'Poll.poll',
    call: 'ppoll',
    waits: (r: number): Wait => {
      const poll = new Poll();
      poll.register(r, POLLIN);
      return (timeout) => poll.poll(timeout);
    },
    script: 'const poll = new fdmux.Poll(); poll.register(a, 1); const wait = (timeout) => poll.poll(timeout);',
  },
  {
    name: 'Epoll.poll',
    call: 'epoll_pwait2',
    waits: (r: number): Wait => {
      const epoll = closing(new Epoll());
      epoll.register(r, EPOLLIN);
      return (timeout) => epoll.poll(timeout);
    },
    script: 'const poll = new fdmux.Epoll(); poll.register(a, 1); const wait = (timeout) => poll.poll(timeout);',
  },
])('a timeout of $name', ({ call, waits, script }) => {
  const child = `import * as fdmux from 'fdmux'; const [a, b] = fdmux.socketpair(); ${script};`;

  it.each([0.0001, 0.25, 1, 1.5, 33.3, 110.9])('of %d ms is never early', (timeout) => {
    const wait = waits(pipe()[0]);
    for (let i = 0; i < 5; i++) {
      const [ready, ms] = timed(() => wait(timeout));
      expect(ready).toEqual([]);
      expect(ms).toBeGreaterThanOrEqual(timeout);
    }
  });

  it.each([0, -0])('of %d looks and returns', (timeout) => {
    const [r, w] = pipe();
    const wait = waits(r);
    expect(wait(timeout)).toEqual([]);
    byte(w);
    expect(wait(timeout)).toHaveLength(1);
  });

  it.each([undefined, null, Number.POSITIVE_INFINITY])('of %s waits for ever', async (timeout) => {
    const [r, w] = pipe();
    const wait = waits(r);
    const written = writeLater(w, 120);
    expect(wait(timeout)).toHaveLength(1);
    await written;
  });

  it.each([2 ** 31, 2 ** 32, 2 ** 32 + 10, 2 ** 53, 1e300])('of %d ms does not wrap', async (timeout) => {
    const [r, w] = pipe();
    const wait = waits(r);
    const written = writeLater(w, 120);
    expect(wait(timeout)).toHaveLength(1);
    await written;
  });

  it.each([-1, -1e-9, -(2 ** 32), Number.NEGATIVE_INFINITY])('cannot be %d: RangeError', (timeout) => {
    const [r, w] = pipe();
    byte(w);
    expect(() => waits(r)(timeout)).toThrow(RangeError);
    expect(codeOf(() => waits(r)(timeout))).toBe('ERR_OUT_OF_RANGE');
  });

  it.each(noTimeouts.map((value) => [inspect(value), value]))('cannot be %s', (_, value) => {
    const [r, w] = pipe();
    byte(w);
    expect(codeOf(() => waits(r)(value as number))).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
  });

  it('is waited out though signals interrupt the call again and again', async () => {
    const ended = await runUnderFire(
      `${child}
       let signals = 0;
       process.on('SIGUSR2', () => signals++);
       process.stdout.write('waiting\\n');
       while (signals === 0) await new Promise(setImmediate);
       const before = signals;
       const start = performance.now();
       const ready = wait(300);
       const ms = performance.now() - start;
       // Node.js tells of signals when it gets to it.
       setInterval(() => {
         if (signals === before) return;
         console.log(JSON.stringify({ ready, ms }));
         process.exit();
       }, 1);`,
      'SIGUSR2',
    );
    expect(ended).toMatchObject({ status: 0, signal: null, stderr: '' });
    const { ready, ms } = JSON.parse(ended.stdout.split('\n')[1] as string);
    expect(ready).toEqual([]);
    expect(ms).toBeGreaterThanOrEqual(300);
  });

  it('reaches the kernel whole, with its fraction and beyond 2³¹ ms', (ctx) => {
    if (!hasStrace()) return ctx.skip('no strace here that may trace');
    const ended = strace(
      ['-e', `trace=${call}`],
      `${child} wait(0.0003); b.send(Buffer.from('x')); wait(2 ** 31 + 0.25); wait(2 ** 53); wait();`,
    );
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    const calls = ended?.trace.filter((line) => line.includes(call)).join('\n');
    expect(calls).toMatch(/tv_sec=0, tv_nsec=300}/);
    expect(calls).toMatch(/tv_sec=2147483, tv_nsec=648250000}/);
    expect(calls).toMatch(/tv_sec=9007199, tv_nsec=254740991}/);
  });

  it('longer than one call can count is waited for in several', (ctx) => {
    if (!hasStrace()) return ctx.skip('no strace here that may trace');
    // strace plays the kernel whose 104 days have passed: nothing is ready, and the call returns 0.
    const ended = strace(
      ['-e', `trace=${call}`, '-e', `inject=${call}:retval=0:when=1`],
      `${child} b.send(Buffer.from('x')); console.log(wait(1e12).length);`,
    );
    expect(ended).toMatchObject({ status: 0, stderr: '', stdout: '1\n' });
    expect(ended?.trace.filter((line) => line.includes(call))).toHaveLength(2);
  });
});

describe('without epoll_pwait2 (before Linux 5.11, or in a sandbox)', () => {
  const child = `import { Epoll, socketpair } from 'fdmux';
    const [a, b] = socketpair();
    const epoll = new Epoll();
    epoll.register(a, 1);
    const timed = (timeout) => {
      const start = performance.now();
      return [epoll.poll(timeout).length, performance.now() - start >= timeout];
    };`;

  it.for(['ENOSYS', 'EPERM'])('%s: epoll_wait is called, rounded up to a millisecond', (error, ctx) => {
    if (!hasStrace()) return ctx.skip('no strace here that may trace');
    const ended = strace(
      ['-e', 'trace=epoll_pwait2,epoll_wait', '-e', `inject=epoll_pwait2:error=${error}`],
      `${child}
       console.log(JSON.stringify([timed(20.25), timed(0.25), timed(3)]));
       b.send(Buffer.from('x'));
       console.log(JSON.stringify([timed(1).at(0), epoll.poll(2 ** 40).length, epoll.poll().length]));`,
    );
    expect(ended).toMatchObject({ status: 0, stderr: '' });
    expect(ended?.stdout).toBe('[[0,true],[0,true],[0,true]]\n[1,1,1]\n');
    const calls = ended?.trace.map((line) => line.replace(/^\d+ +/, '')) ?? [];
    const timeouts = calls.flatMap((line) => /^epoll_wait\(.*, (-?\d+)\) /.exec(line)?.[1] ?? []).map(Number);
    expect(timeouts.slice(0, 1)).toEqual([21]);
    expect(timeouts).toContain(1);
    expect(timeouts).toContain(2147483647);
    expect(timeouts.at(-1)).toBe(-1);
    // Asked once, and remembered.
    expect(calls.filter((line) => line.startsWith('epoll_pwait2'))).toHaveLength(1);
  });
});
