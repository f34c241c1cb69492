/** SignalPipe: signals as a readable descriptor. */
import { inspect } from 'node:util';
import { EPOLLIN, Epoll, POLLIN, Poll, SignalPipe, select } from 'fdmux';
import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import { closing, codeOf, openFiles, run, thread } from '../support/objects.js';

/** Harmless by default, and nobody's here. */
const SIGNAL = 'SIGURG';

it('is readable when its signal has come, to each of the three calls', () => {
  const signals = closing(new SignalPipe([SIGNAL]));
  const epoll = closing(new Epoll());
  const poll = new Poll();
  epoll.register(signals, EPOLLIN);
  poll.register(signals, POLLIN);
  expect(select([signals], [], [], 0)[0]).toEqual([]);
  expect(epoll.poll(0)).toEqual([]);
  process.kill(process.pid, SIGNAL);
  expect(select([signals], [], [])[0]).toEqual([signals]);
  expect(epoll.poll()).toEqual([[signals.fd, EPOLLIN]]);
  expect(poll.poll()).toEqual([[signals.fd, POLLIN]]);
  expect(signals.read()).toEqual([SIGNAL]);
  expect(select([signals], [], [], 0)[0]).toEqual([]);
});

it('read never waits, and tells which signals came, in their order', () => {
  const signals = closing(new SignalPipe([SIGNAL, 'SIGWINCH', 'SIGCONT']));
  expect(signals.signals).toEqual([SIGNAL, 'SIGWINCH', 'SIGCONT']);
  expect(Object.isFrozen(signals.signals)).toBe(true);
  expect(signals.read()).toEqual([]);
  const sent = [] as NodeJS.Signals[];
  const came = [] as NodeJS.Signals[];
  for (let i = 0; i < 30; i++) {
    const signal = signals.signals[i % 3] as NodeJS.Signals;
    process.kill(process.pid, signal);
    sent.push(signal);
    select([signals], [], []);
    came.push(...signals.read());
  }
  expect(came).toEqual(sent);
});

it('shares a signal: each of several pipes gets it, and closing one leaves the others theirs', () => {
  const first = closing(new SignalPipe([SIGNAL]));
  const second = closing(new SignalPipe([SIGNAL, 'SIGWINCH']));
  process.kill(process.pid, SIGNAL);
  select([first], [], []);
  select([second], [], []);
  expect([first.read(), second.read()]).toEqual([[SIGNAL], [SIGNAL]]);
  first.close();
  process.kill(process.pid, SIGNAL);
  select([second], [], []);
  expect(second.read()).toEqual([SIGNAL]);
});

it('ends at 16 pipes for a signal: ENOSPC, and nothing stays behind', () => {
  const before = openFiles();
  const listeners = process.listenerCount(SIGNAL);
  const pipes = Array.from({ length: 16 }, () => new SignalPipe([SIGNAL]));
  const full = openFiles();
  expect(() => new SignalPipe(['SIGWINCH', SIGNAL])).toThrow(
    expect.objectContaining({ code: 'ENOSPC', errno: -sys.ENOSPC, syscall: 'sigaction' }),
  );
  expect(openFiles()).toEqual(full);
  for (const pipe of pipes) pipe.close();
  expect(openFiles()).toEqual(before);
  expect(process.listenerCount(SIGNAL)).toBe(listeners);
  expect(process.listenerCount('SIGWINCH')).toBe(0);
  closing(new SignalPipe([SIGNAL]));
});

it('closes both ends, also when it is closed twice', () => {
  const before = openFiles();
  const signals = new SignalPipe([SIGNAL]);
  expect(openFiles().size).toBe(before.size + 2);
  signals.close();
  signals.close();
  expect(openFiles()).toEqual(before);
  expect(signals.fd).toBe(-1);
  expect(codeOf(() => signals.read())).toBe('ERR_SIGNALPIPE_CLOSED');
});

it.each(
  [
    undefined,
    null,
    'SIGINT',
    2,
    {},
    [2],
    ['SIGNOPE'],
    ['sigint'],
    [null],
    ['SIGINT', 'toString'],
    new Set(['SIGINT']),
  ].map((value) => [inspect(value), value]),
)('refuses %s: TypeError, and opens nothing', (_, value) => {
  const before = openFiles();
  expect(() => new SignalPipe(value as NodeJS.Signals[])).toThrow(TypeError);
  expect(openFiles()).toEqual(before);
});

it.each(['SIGKILL', 'SIGSTOP', 'SIGSEGV', 'SIGBUS', 'SIGFPE', 'SIGILL'] as NodeJS.Signals[])(
  'refuses %s, which cannot be caught or tells of a crash: EINVAL, and opens nothing',
  (signal) => {
    const before = openFiles();
    const listeners = process.listenerCount(SIGNAL);
    expect(() => new SignalPipe([SIGNAL, signal])).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'sigaction' }),
    );
    expect(openFiles()).toEqual(before);
    expect(process.listenerCount(SIGNAL)).toBe(listeners);
    expect(process.listenerCount(signal)).toBe(0);
  },
);

it('tells a signal that is named twice once', () => {
  const signals = closing(new SignalPipe([SIGNAL, SIGNAL]));
  expect(signals.signals).toEqual([SIGNAL]);
  process.kill(process.pid, SIGNAL);
  select([signals], [], []);
  expect(signals.read()).toEqual([SIGNAL]);
});

it('of no signals is a pipe that is never readable', () => {
  const signals = closing(new SignalPipe([]));
  expect(signals.read()).toEqual([]);
  expect(select([signals], [], [], 1)[0]).toEqual([]);
});

describe('in a process of its own', () => {
  it('keeps its signals from ending the process while it is open, and no longer', () => {
    const child = run(
      `import { SignalPipe, select } from 'fdmux';
       const signals = new SignalPipe(['SIGTERM', 'SIGINT', 'SIGHUP']);
       for (const signal of signals.signals) {
         process.kill(process.pid, signal);
         select([signals], [], []);
         console.log(signals.read().join());
       }
       signals.close();
       process.kill(process.pid, 'SIGTERM');
       setTimeout(() => console.log('still here'), 10_000);`,
    );
    expect(child).toEqual({ status: null, signal: 'SIGTERM', stdout: 'SIGTERM\nSIGINT\nSIGHUP\n', stderr: '' });
  });

  it('keeps its signals when another one, of some of them, cannot be made', () => {
    const child = run(
      `import { SignalPipe, select } from 'fdmux';
       const signals = new SignalPipe(['SIGTERM']);
       try {
         new SignalPipe(['SIGKILL', 'SIGTERM']);
       } catch ({ code }) {
         console.log(code);
       }
       process.kill(process.pid, 'SIGTERM');
       select([signals], [], []);
       console.log(signals.read().join());`,
    );
    expect(child).toEqual({ status: 0, signal: null, stdout: 'EINVAL\nSIGTERM\n', stderr: '' });
  });

  it('warns of no leak, however many there are', () => {
    const child = run(
      `import { SignalPipe } from 'fdmux';
       const pipes = Array.from({ length: 16 }, () => new SignalPipe(['SIGUSR1']));
       await new Promise(setImmediate);
       for (const pipe of pipes) pipe.close();
       console.log(process.listenerCount('SIGUSR1'));`,
    );
    expect(child).toEqual({ status: 0, signal: null, stdout: '0\n', stderr: '' });
  });

  it('lives beside process.on: both get the signal, before and after, whoever came first', () => {
    const child = run(
      `import { SignalPipe, select } from 'fdmux';
       const turn = () => new Promise((resolve) => setTimeout(resolve, 5));
       const heard = [];
       const until = async (count) => {
         while (heard.length < count) await turn();
       };
       process.on('SIGUSR2', () => heard.push('before'));
       const signals = new SignalPipe(['SIGUSR2']);
       process.on('SIGUSR2', () => heard.push('after'));
       process.kill(process.pid, 'SIGUSR2');
       select([signals], [], []);
       console.log(signals.read().join());
       await until(2);
       signals.close();
       process.kill(process.pid, 'SIGUSR2');
       await until(4);
       console.log(heard.join());
       process.exit();`,
    );
    expect(child).toEqual({ status: 0, signal: null, stdout: 'SIGUSR2\nbefore,after,before,after\n', stderr: '' });
  });

  it('wakes a thread that blocks in each of the calls, for ever', () => {
    const child = run(
      `import { EPOLLIN, Epoll, POLLIN, Poll, SignalPipe, select } from 'fdmux';
       import { Worker } from 'node:worker_threads';
       const signals = new SignalPipe(['SIGUSR1']);
       const epoll = new Epoll();
       const poll = new Poll();
       epoll.register(signals, EPOLLIN);
       poll.register(signals, POLLIN);
       for (const wait of [() => select([signals], [], []), () => poll.poll(), () => epoll.poll()]) {
         new Worker(
           \`Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 50);
            process.kill(process.pid, 'SIGUSR1');\`,
           { eval: true, execArgv: [] },
         );
         wait();
         console.log(signals.read().join());
       }`,
    );
    expect(child).toEqual({ status: 0, signal: null, stdout: 'SIGUSR1\nSIGUSR1\nSIGUSR1\n', stderr: '' });
  });

  it("is not lost to the garbage collector: its signals would be nobody's", () => {
    const child = run(
      `import { SignalPipe, select } from 'fdmux';
       import * as sys from 'fdmux/sys';
       const { fd } = new SignalPipe(['SIGTERM']);
       for (let i = 0; i < 20; i++) {
         globalThis.gc();
         await new Promise(setImmediate);
       }
       process.kill(process.pid, 'SIGTERM');
       select([fd], [], []);
       console.log('SIGTERM');
       process.exit();`,
      '--expose-gc',
    );
    expect(child).toEqual({ status: 0, signal: null, stdout: 'SIGTERM\n', stderr: '' });
  });

  it('hands its descriptors to no child', () => {
    const child = run(
      `import { spawnSync } from 'node:child_process';
       import { SignalPipe } from 'fdmux';
       const list = () => spawnSync('ls', ['/proc/self/fd'], { encoding: 'utf8' }).stdout;
       const before = list();
       const signals = new SignalPipe(['SIGUSR1']);
       console.log(list() === before);
       signals.close();`,
    );
    expect(child).toMatchObject({ status: 0, stdout: 'true\n', stderr: '' });
  });
});

it('works in a thread, and gives everything back at its end', async () => {
  const before = openFiles();
  const came = await thread<string[]>(
    `const signals = new fdmux.SignalPipe(['SIGWINCH']);
     process.kill(process.pid, 'SIGWINCH');
     fdmux.select([signals], [], []);
     const came = signals.read();
     signals.close();
     return came;`,
    null,
  );
  expect(came).toEqual(['SIGWINCH']);
  expect(openFiles().size).toBe(before.size);
});
