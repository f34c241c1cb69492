/** Which selector DefaultSelector is, and how many descriptors each takes. */
import { DefaultSelector, EpollSelector } from 'fdmux/selectors';
import { describe, expect, it } from 'vitest';
import { hasStrace, run, strace } from '../support/objects.js';

// A process that has no descriptor left cannot write down which lines it ran.
delete process.env.NODE_V8_COVERAGE;

describe('DefaultSelector', () => {
  it('is EpollSelector on Linux', () => {
    expect(DefaultSelector).toBe(EpollSelector);
  });

  const text = `import { DefaultSelector } from 'fdmux/selectors'; console.log(DefaultSelector.name);`;

  /** strace's `when` for the call that asks whether there is such a call: Node.js makes the same ones. */
  function when(trace: string[], call: RegExp, question: RegExp): number {
    const thread = trace.find((line) => question.test(line))?.split(' ')[0];
    const calls = trace.filter((line) => line.split(' ')[0] === thread && call.test(line));
    return calls.findIndex((line) => question.test(line)) + 1;
  }

  it.for(['ENOSYS', 'EPERM'])('is the next best where a call answers %s: epoll, poll, select', (error, ctx) => {
    if (!hasStrace()) return ctx.skip('no strace here that may trace');
    const plain = strace(['-e', 'trace=epoll_create1,poll'], text);
    expect(plain?.stdout).toBe('EpollSelector\n');
    const trace = plain?.trace ?? [];
    const epoll = when(trace, / epoll_create1\(/, / epoll_create1\(.* EINVAL/);
    expect(epoll).toBeGreaterThan(0);
    const noEpoll = ['-e', 'trace=epoll_create1,poll', '-e', `inject=epoll_create1:error=${error}:when=${epoll}`];
    const second = strace(noEpoll, text);
    expect(second?.stdout).toBe('PollSelector\n');
    const poll = when(second?.trace ?? [], / poll\(/, / poll\(.*, 0, 0\)/);
    expect(poll).toBeGreaterThan(0);
    const third = strace([...noEpoll, '-e', `inject=poll:error=${error}:when=${poll}`], text);
    expect(third?.stdout).toBe('SelectSelector\n');
  });
});

describe('with as many descriptors as the process may have', () => {
  it.each([
    ['SelectSelector', 1024],
    ['PollSelector', 3000],
    ['EpollSelector', 3000],
  ])('%s tells all of them at once', (name, limit) => {
    const child = run(`
      import { socketpair } from 'fdmux';
      import * as sys from 'fdmux/sys';
      import { ${name}, EVENT_READ } from 'fdmux/selectors';
      const rlim = new Float64Array(2);
      sys.getrlimit(sys.RLIMIT_NOFILE, rlim);
      const limit = Math.min(${limit}, rlim[1]);
      rlim[0] = limit;
      sys.setrlimit(sys.RLIMIT_NOFILE, rlim);
      const [a, b] = socketpair();
      const selector = new ${name}();
      const fds = [];
      for (let fd; (fd = sys.dup(a.fd)) >= 0; ) {
        fds.push(fd);
        selector.register(fd, EVENT_READ, fds.length);
      }
      const idle = selector.select(0).length;
      b.send(Buffer.from('x'));
      const ready = selector.select();
      const told = new Set(ready.map(([key]) => key.data));
      for (const fd of fds) selector.unregister(fd);
      console.log(JSON.stringify({ idle, all: told.size === fds.length, last: fds.at(-1) === limit - 1, left: selector.select(0).length }));
    `);
    expect(child).toMatchObject({ status: 0, stderr: '' });
    expect(JSON.parse(child.stdout)).toEqual({ idle: 0, all: true, last: true, left: 0 });
  });
});
