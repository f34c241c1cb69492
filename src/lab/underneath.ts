/** What select, poll and epoll do with a file: they ask its poll method. When, is the difference. */
import { readFileSync } from 'node:fs';
import { experiment, type Lab, type Script } from './harness.js';

export const underneath = experiment({
  name: 'underneath',
  group: 'documents',
  question: 'Do select and epoll both poll underneath?',
  background: 'The documents: select and epoll do the same underneath, they poll; epoll does it better.',
  run,
});

async function run({ sys, say, show, expect, pipe, epoll, child }: Lab): Promise<string> {
  const [reader, writer] = pipe('reader', 'writer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);

  say('Every file has a method named poll in the kernel. epoll_ctl calls it once: a byte that came before is known.');
  sys.write(writer, Buffer.from('a'));
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, reader, sys.EPOLLIN);
  expect('told, although nothing has happened since', sys.epoll_wait(epfd, events, 8, 0), 1);

  say('From then on the pipe reports to the set. What it has kept, by /proc/self/fdinfo:');
  const kept = readFileSync(`/proc/self/fdinfo/${epfd}`, 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('tfd:'));
  for (const line of kept) show(`${line.replace(/\s+/g, ' ').trim()}`);
  expect('the set holds one file, between the calls', kept.length, 1);

  say('epoll_wait asks only those that have reported, and does ask: a byte comes and is taken away before it looks.');
  sys.read(reader, Buffer.alloc(8));
  sys.epoll_wait(epfd, events, 8, 0);
  sys.write(writer, Buffer.from('b'));
  sys.read(reader, Buffer.alloc(8));
  expect('the report is not believed: nothing is told', sys.epoll_wait(epfd, events, 8, 0), 0);

  say(
    'Again and again? Three processes wait 0.3 s on an empty pipe, in select, poll and epoll_wait: what that costs them.',
  );
  const calls = ['select', 'poll', 'epoll_wait'];
  const waiters = calls.map((call) => child([reader], waitFor, call));
  for (const [i, waiter] of waiters.entries()) {
    const us = (await waiter.told()) as number;
    show(`${calls[i]}: ${us} µs of CPU in 300,000 µs`);
    expect('it sleeps', us < 100_000);
  }

  return (
    'Half right: all three call the same method of the file, and all three sleep until a file reports. select and poll ask every ' +
    'file at every call, before the sleep and after it (see scan); epoll asks at epoll_ctl, and in epoll_wait those that have reported.'
  );
}

/** What each of the processes does: it waits, and tells its CPU time. */
const waitFor: Script = ({ sys, fds: [fd = -1], given: call, tell }) => {
  const set = new sys.FdSet().add(fd);
  const entries = new sys.PollFds(1);
  entries.set(0, fd, sys.POLLIN);
  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
  const events = new sys.EpollEvents(1);
  const before = process.cpuUsage();
  if (call === 'select') sys.select(fd + 1, set, null, null, 300_000);
  if (call === 'poll') sys.poll(entries, 1, 300);
  if (call === 'epoll_wait') sys.epoll_wait(epfd, events, 1, 300);
  const { user, system } = process.cpuUsage(before);
  tell(user + system);
};
