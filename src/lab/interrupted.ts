/** Signals that end a wait. */
import { formatResult } from '../trace/format.js';
import { experiment, type Lab, type Script } from './harness.js';

export const interrupted = experiment({
  name: 'interrupted',
  group: 'traps',
  question: 'What does a signal do to a wait?',
  background: 'signal(7): select, poll and epoll_wait are never restarted after a handler, SA_RESTART or not.',
  run,
});

async function run({ sys, say, show, expect, pipe, child }: Lab): Promise<string> {
  const [idle, writer] = pipe('idle', 'writer');
  const calls = ['select', 'poll', 'epoll_wait'] as const;
  const waiters = calls.map((call) => ({ call, process: child([idle], waitTwice, call) }));
  const results: Record<string, unknown> = {};

  say('Three processes with a handler for SIGUSR2 wait for a pipe, one in each call. Each is sent the signal.');
  for (const { call, process } of waiters) {
    await process.told();
    await process.asleep();
    process.signal('SIGUSR2');
    results[call] = await process.told();
    show(`${call}(...) = ${formatResult(results[call] as number)}`);
    expect(`${call} is interrupted`, results[call], -sys.EINTR);
  }

  say('They wait again. No handler runs this time: they are stopped and continued (Ctrl-Z and fg, or a debugger).');
  for (const { call, process } of waiters) {
    await process.told();
    await process.asleep();
    process.signal('SIGSTOP');
    await process.stopped();
    process.signal('SIGCONT');
    if (call !== 'epoll_wait') await process.asleep();
    else results.epoll_wait = await process.told();
  }
  show(`epoll_wait(...) = ${formatResult(results.epoll_wait as number)}`);
  expect('epoll_wait is interrupted, without any handler', results.epoll_wait, -sys.EINTR);
  show('select and poll sleep on');
  sys.write(writer, Buffer.from('x'));
  for (const { call, process } of waiters.slice(0, 2)) {
    results[call] = await process.told();
    show(`${call}(...) = ${results[call]}`);
    expect(`${call} has gone on, and tells of the byte`, results[call], 1);
  }

  return (
    "It ends the wait with EINTR: wait again, for the time that is left (fdmux's objects do). Stopped and continued without a " +
    'handler, only epoll_wait ends. To be woken by signals on purpose, wait for a SignalPipe.'
  );
}

/** What each of the processes does. */
const waitTwice: Script = ({ sys, fds: [fd = -1], given: call, tell }) => {
  process.on('SIGUSR2', () => {});
  const entries = new sys.PollFds(1);
  entries.set(0, fd, sys.POLLIN);
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
  const events = new sys.EpollEvents(1);
  for (let i = 0; i < 2; i++) {
    tell('waiting');
    if (call === 'select') tell(sys.select(fd + 1, new sys.FdSet().add(fd), null, null, 30_000_000));
    if (call === 'poll') tell(sys.poll(entries, 1, 30_000));
    if (call === 'epoll_wait') tell(sys.epoll_wait(epfd, events, 1, 30_000));
  }
};
