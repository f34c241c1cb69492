/** Milliseconds, microseconds, nanoseconds. */
import { experiment, type Lab } from './harness.js';

export const timeoutUnits = experiment({
  name: 'timeout-units',
  group: 'traps',
  question: 'How long is a timeout of 0.2 ms?',
  background:
    'poll and epoll_wait count milliseconds, select microseconds, ppoll, pselect and epoll_pwait2 nanoseconds.',
  run,
});

function run({ sys, say, show, expect, needs, quietly, pipe, epoll }: Lab): string {
  const [idle] = pipe('idle', 'writer');
  const fds = new sys.PollFds(1);
  fds.set(0, idle, sys.POLLIN);
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(1);
  quietly(() => {
    sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, idle, sys.EPOLLIN);
    needs(sys.epoll_pwait2(epfd, events, 1, 0) === 0, 'it needs epoll_pwait2: Linux 5.11');
  });
  const set = new sys.FdSet();
  /** The shortest of 25 waits in microseconds: the machine may be busy, but not always. */
  const shortest = (wait: () => number): number =>
    quietly(() => {
      const times = Array.from({ length: 25 }, () => {
        const start = process.hrtime.bigint();
        wait();
        return Number(process.hrtime.bigint() - start) / 1000;
      });
      return Math.min(...times);
    });

  say('The calls that can wait so short: the shortest of 25 waits.');
  const fine: Record<string, number> = {
    'select(…, {tv_sec=0, tv_usec=200})': shortest(() => {
      set.clear();
      return sys.select(0, set, null, null, 200);
    }),
    'ppoll(…, {tv_sec=0, tv_nsec=200000})': shortest(() => sys.ppoll(fds, 1, 200_000)),
    'epoll_pwait2(…, {tv_sec=0, tv_nsec=200000})': shortest(() => sys.epoll_pwait2(epfd, events, 1, 200_000)),
  };
  for (const [call, us] of Object.entries(fine)) show(`${call}: ${us.toFixed(0)} µs`);
  const times = Object.values(fine);
  expect('no less than asked for', Math.min(...times) >= 200);
  expect('and far less than a millisecond', Math.max(...times) < 800);

  say('In milliseconds 0.2 has to become 0 or 1.');
  const rounded = shortest(() => sys.epoll_wait(epfd, events, 1, 1));
  show(`epoll_wait(…, 1): ${rounded.toFixed(0)} µs`);
  expect('rounded up, it waits five times too long', rounded >= 1000);
  /** How many calls it takes to wait for 1.6 ms. */
  const rounds = (): number => {
    const end = process.hrtime.bigint() + 1_600_000n;
    let calls = 0;
    for (let left = 1.6; left > 0; left = Number(end - process.hrtime.bigint()) / 1e6) {
      sys.epoll_wait(epfd, events, 1, Math.trunc(left));
      calls++;
    }
    return calls;
  };
  const calls = quietly(() => Math.max(...Array.from({ length: 20 }, rounds)));
  show(`waiting 1.6 ms, rounded down each time: up to ${calls} calls of epoll_wait`);
  expect('rounded down, the rest of it is a loop that does not sleep', calls > 10);

  return (
    'In select, ppoll and epoll_pwait2 a little more than 0.2 ms (the kernel adds up to 50 µs of slack, to wake up less often). ' +
    'poll and epoll_wait cannot: round up, or the program spins when it is nearly time.'
  );
}
