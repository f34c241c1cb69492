// Signals: they interrupt a wait, and can be waited for through a pipe.
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { failOnLeaks } from '../support/fds.js';
import { asleep, type Child, startNode } from '../support/processes.js';

failOnLeaks();

/** What a child's script begins with: `say(line)` at once, also while the event loop stands still. */
const prelude = `
  const say = (line) => sys.write(1, Buffer.from(line + '\\n'));
  const pipefd = new Int32Array(2);
  sys.pipe2(pipefd, sys.O_CLOEXEC | sys.O_NONBLOCK);
  const wait = () => {
    const fds = new sys.PollFds(1);
    fds.set(0, pipefd[0], sys.POLLIN);
    while (sys.poll(fds, 1, -1) === -sys.EINTR);
    const buffer = Buffer.alloc(16);
    return [...buffer.subarray(0, sys.read(pipefd[0], buffer))].join();
  };
`;

async function sendWhenAsleep(child: Child, signal: NodeJS.Signals): Promise<void> {
  expect(await child.line()).toBe('waiting');
  await asleep(child.pid);
  process.kill(child.pid, signal);
}

describe('a signal interrupts a wait with EINTR', () => {
  const calls = {
    epoll_wait: 'sys.epoll_wait(epfd, events, 1, -1)',
    epoll_pwait2: 'sys.epoll_pwait2(epfd, events, 1, null)',
    poll: 'sys.poll(fds, 1, -1)',
    ppoll: 'sys.ppoll(fds, 1, null)',
    select: 'sys.select(pipefd[0] + 1, set, null, null, null)',
    pselect: 'sys.pselect(pipefd[0] + 1, set, null, null, null)',
  };

  test.each(Object.entries(calls))('%s, and the handler runs afterwards', async (_, call) => {
    const child = startNode(`
      ${prelude}
      const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
      const events = new sys.EpollEvents(1);
      const fds = new sys.PollFds(1);
      fds.set(0, pipefd[0], sys.POLLIN);
      const set = new sys.FdSet().add(pipefd[0]);
      process.on('SIGUSR1', () => { say('handled'); clearInterval(alive); });
      const alive = setInterval(() => {}, 1000);
      say('waiting');
      const result = ${call};
      say(result === -sys.EINTR ? 'EINTR ' + [...set] .every((fd) => fd === pipefd[0]) : String(result));
    `);
    await sendWhenAsleep(child, 'SIGUSR1');
    expect(await child.line()).toBe('EINTR true');
    expect(await child.line()).toBe('handled');
    expect((await child.ended).code).toBe(0);
  });
});

describe('a signal pipe', () => {
  test('gets the signal’s number while the main thread is blocked', async () => {
    const child = startNode(`
      ${prelude}
      sys.signal_pipe_add(12, pipefd[1]);
      say('waiting');
      say(wait());
    `);
    await sendWhenAsleep(child, 'SIGUSR2');
    expect(await child.line()).toBe('12');
    expect((await child.ended).code).toBe(0);
  });

  test('gets each of its signals, and each pipe of a signal gets it', async () => {
    const child = startNode(`
      ${prelude}
      const second = new Int32Array(2);
      sys.pipe2(second, sys.O_CLOEXEC | sys.O_NONBLOCK);
      const results = [sys.signal_pipe_add(12, pipefd[1]), sys.signal_pipe_add(15, pipefd[1]), sys.signal_pipe_add(15, second[1])];
      process.kill(process.pid, 'SIGUSR2');
      process.kill(process.pid, 'SIGTERM');
      const numbers = new Set();
      while (numbers.size < 2) for (const number of wait().split(',')) numbers.add(number);
      results.push([...numbers].sort().join(), sys.read(second[0], Buffer.alloc(8)));
      results.push(sys.signal_pipe_remove(12, pipefd[1]), sys.signal_pipe_remove(15, pipefd[1]));
      process.kill(process.pid, 'SIGTERM');
      results.push(sys.read(pipefd[0], Buffer.alloc(8)) === -sys.EAGAIN, sys.read(second[0], Buffer.alloc(8)));
      say(JSON.stringify(results));
    `);
    expect(JSON.parse(await child.line())).toEqual([0, 0, 0, '12,15', 1, 0, 0, true, 1]);
    expect((await child.ended).code).toBe(0);
  });

  test('stands beside a handler that was there before, which gets the signal too', async () => {
    const child = startNode(`
      ${prelude}
      process.once('SIGUSR1', () => { say('handled'); });
      const alive = setInterval(() => {}, 1000);
      sys.signal_pipe_add(10, pipefd[1]);
      say('waiting');
      say(wait());
      process.once('SIGUSR1', () => { say('handled again'); clearInterval(alive); });
      say('removed ' + sys.signal_pipe_remove(10, pipefd[1]));
      say('looping');
    `);
    await sendWhenAsleep(child, 'SIGUSR1');
    expect([await child.line(), await child.line(), await child.line()]).toEqual(['10', 'removed 0', 'looping']);
    expect(await child.line()).toMatch(/^handled/);
    expect(await child.line()).toMatch(/^handled/);
    expect((await child.ended).code).toBe(0);
  });

  test('gives back the handler that was there before, when it goes', async () => {
    const child = startNode(`
      ${prelude}
      const alive = setInterval(() => {}, 1000);
      process.on('SIGUSR2', () => { say('handled'); clearInterval(alive); });
      say(String(sys.signal_pipe_add(12, pipefd[1])) + sys.signal_pipe_remove(12, pipefd[1]));
    `);
    expect(await child.line()).toBe('00');
    process.kill(child.pid, 'SIGUSR2');
    expect(await child.line()).toBe('handled');
    expect((await child.ended).code).toBe(0);
  });

  test('gives back the end of the process, when it goes', async () => {
    const child = startNode(`
      ${prelude}
      setInterval(() => {}, 1000);
      sys.signal_pipe_add(12, pipefd[1]);
      process.kill(process.pid, 'SIGUSR2');
      say(wait() + sys.signal_pipe_remove(12, pipefd[1]));
    `);
    expect(await child.line()).toBe('120');
    process.kill(child.pid, 'SIGUSR2');
    expect(await child.ended).toMatchObject({ code: null, signal: 'SIGUSR2' });
  });

  test('leaves a handler that came after it in place, when it goes', async () => {
    const child = startNode(`
      ${prelude}
      const alive = setInterval(() => {}, 1000);
      sys.signal_pipe_add(12, pipefd[1]);
      process.on('SIGUSR2', () => { say('handled'); clearInterval(alive); });
      say(String(sys.signal_pipe_remove(12, pipefd[1])));
    `);
    expect(await child.line()).toBe('0');
    process.kill(child.pid, 'SIGUSR2');
    expect(await child.line()).toBe('handled');
    expect((await child.ended).code).toBe(0);
  });

  test('that is full loses no signal that is not already there, and blocks nobody', async () => {
    const child = startNode(`
      ${prelude}
      sys.fcntl(pipefd[1], sys.F_SETPIPE_SZ, 4096);
      while (sys.write(pipefd[1], Buffer.alloc(4096)) > 0);
      sys.signal_pipe_add(12, pipefd[1]);
      process.kill(process.pid, 'SIGUSR2');
      say('goes on');
    `);
    expect(await child.line()).toBe('goes on');
    expect((await child.ended).code).toBe(0);
  });

  test('is EINVAL for what cannot be caught or is the trace of a crash, ENOSPC beyond 16, ENOENT for a stranger', async () => {
    const child = startNode(`
      ${prelude}
      const refused = [0, -1, 4, 5, 6, 7, 8, 9, 11, 19, 65, 2 ** 31 - 1].map((signum) => sys.signal_pipe_add(signum, pipefd[1]));
      const added = Array.from({ length: 17 }, (_, i) => sys.signal_pipe_add(12, pipefd[1]));
      const removed = Array.from({ length: 17 }, () => sys.signal_pipe_remove(12, pipefd[1]));
      say(JSON.stringify([
        refused.every((result) => result === -sys.EINVAL), added.slice(0, 16).every((result) => result === 0),
        added[16] === -sys.ENOSPC, removed.slice(0, 16).every((result) => result === 0), removed[16] === -sys.ENOENT,
        sys.signal_pipe_add(12, -1) === -sys.EINVAL,
      ]));
    `);
    expect(JSON.parse(await child.line())).toEqual(Array(6).fill(true));
    expect((await child.ended).code).toBe(0);
  });
});

describe('a signal’s number', () => {
  test('is found by its name, and by no other', () => {
    expect(sys.signalNumber('SIGINT')).toBe(2);
    expect(sys.signalNumber('SIGUSR1')).toBe(10);
    for (const name of ['sigint', 'INT', '', 'toString', '__proto__', 2, null]) {
      expect(() => sys.signalNumber(name as NodeJS.Signals)).toThrow(TypeError);
    }
  });
});
