/** Signals that end a wait. */
import { experiment, type Lab } from './harness.js';

export const interrupted = experiment({
  name: 'interrupted',
  group: 'traps',
  question: 'What does a signal do to a wait?',
  background: 'signal(7): select, poll and epoll_wait are never restarted after a handler, SA_RESTART or not.',
  run,
});

async function run({ sys, say, show, expect, pipe, child }: Lab): Promise<string> {
  const [idle] = pipe('idle', 'writer');
  const waiters = {
    select: child([idle], ({ sys, fds: [fd = 0], tell }) => {
      process.on('SIGUSR2', () => {});
      const set = new sys.FdSet();
      set.add(fd);
      tell('waiting');
      tell(sys.select(fd + 1, set, null, null, 8_000_000));
      tell('waiting');
      tell(sys.select(fd + 1, set, null, null, 1_500_000));
    }),
    poll: child([idle], ({ sys, fds: [fd = 0], tell }) => {
      process.on('SIGUSR2', () => {});
      const fds = new sys.PollFds(1);
      fds.set(0, fd, sys.POLLIN);
      tell('waiting');
      tell(sys.poll(fds, 1, 8000));
      tell('waiting');
      tell(sys.poll(fds, 1, 1500));
    }),
    epoll_wait: child([idle], ({ sys, fds: [fd = 0], tell }) => {
      process.on('SIGUSR2', () => {});
      const epfd = sys.epoll_create1(0);
      sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
      tell('waiting');
      tell(sys.epoll_wait(epfd, new sys.EpollEvents(1), 1, 8000));
      tell('waiting');
      tell(sys.epoll_wait(epfd, new sys.EpollEvents(1), 1, 1500));
    }),
  };

  say('Three processes with a handler for SIGUSR2 wait, one in each call. Each is sent the signal.');
  for (const [call, waiter] of Object.entries(waiters)) {
    await waiter.told();
    await waiter.asleep();
    waiter.signal('SIGUSR2');
    const result = await waiter.told();
    show(`${call}(…) = ${result}`);
    expect(`${call}: EINTR`, result, -sys.EINTR);
  }

  say('They wait again. No handler runs this time: each is stopped and continued (Ctrl-Z and fg, or a debugger).');
  const results: Record<string, unknown> = {};
  await Promise.all(
    Object.entries(waiters).map(async ([call, waiter]) => {
      await waiter.told();
      await waiter.asleep();
      waiter.signal('SIGSTOP');
      waiter.signal('SIGCONT');
      results[call] = await waiter.told();
    }),
  );
  for (const call of Object.keys(waiters)) show(`${call}(…) = ${results[call]}`);
  expect('select and poll go on to the end of their time', [results.select, results.poll], [0, 0]);
  expect('epoll_wait does not: EINTR, without any handler', results.epoll_wait, -sys.EINTR);

  return (
    'It ends the wait with EINTR: wait again, for the time that is left (fdmux’s objects do). Without a handler, stopping and ' +
    'continuing ends epoll_wait alone. To wake up for signals on purpose, use a SignalPipe.'
  );
}
