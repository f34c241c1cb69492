/** Descriptors that a child process is given unasked. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { experiment, type Lab } from './harness.js';

export const inherited = experiment({
  name: 'inherited',
  group: 'traps',
  question: 'What becomes of descriptors in a child program?',
  background:
    'fork copies all descriptors, exec keeps those without FD_CLOEXEC: a child holds them, and does not know.',
  run,
});

async function run({ sys, say, show, expect, name, epoll }: Lab): Promise<string> {
  const pipe = (flags: number, reader: string, writer: string): [number, number] => {
    const fds = new Int32Array(2);
    sys.pipe2(fds, flags);
    return [name(fds[0] as number, reader), name(fds[1] as number, writer)];
  };
  /** The numbers under which the set holds something. */
  const inSet = (): number[] =>
    [...readFileSync(`/proc/self/fdinfo/${epfd}`, 'utf8').matchAll(/^tfd: *(\d+)/gm)].map(([, fd]) => Number(fd));
  const [kept, keptWriter] = pipe(sys.O_NONBLOCK, 'kept', 'kept writer');
  const [closed, closedWriter] = pipe(sys.O_NONBLOCK | sys.O_CLOEXEC, 'closed', 'closed writer');
  const epfd = epoll('epoll');
  const events = new sys.EpollEvents(8);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, kept, sys.EPOLLIN);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, closed, sys.EPOLLIN);

  say('A child is started: sh, which says what it has and then waits for a line.');
  const child = spawn('sh', ['-c', 'echo $(ls /proc/$$/fd); read line'], { stdio: ['pipe', 'pipe', 'inherit'] });
  try {
    const [line] = (await once(child.stdout, 'data')) as [Buffer];
    const theirs = line.toString().trim().split(' ').map(Number);
    show(`the child's descriptors: ${theirs.join(' ')}`);
    expect('it has what was opened without O_CLOEXEC', theirs.includes(kept) && theirs.includes(keptWriter));
    expect('and nothing that was opened with it', theirs.includes(closed) || theirs.includes(closedWriter), false);

    say('We close both writing ends. A reader whose last writer has gone is at its end.');
    sys.close(keptWriter);
    sys.close(closedWriter);
    expect('one hang-up', sys.epoll_wait(epfd, events, 8, 0), 1);
    expect('the pipe that the child does not have', [events.fd(0), events.events(0)], [closed, sys.EPOLLHUP]);
    expect('its end', sys.read(closed, Buffer.alloc(8)), 0);
    expect('the other has a writer still, the child: no end comes', sys.read(kept, Buffer.alloc(8)), -sys.EAGAIN);

    say('We close the reading ends as well. What the set holds now, by /proc/self/fdinfo:');
    sys.close(closed);
    sys.close(kept);
    const held = inSet();
    show(`tfd: ${held.join(' ')}`);
    expect('the one that the child has open is still in it', held, [kept]);
  } finally {
    const gone = once(child, 'exit');
    child.stdin.end('\n');
    await gone;
    child.stdout.destroy();
  }
  expect('the child has ended, and with it this entry', inSet(), []);

  return (
    'Without O_CLOEXEC the child holds them: ends of streams do not come, ports stay taken, closed descriptors stay in epoll sets. ' +
    'Open everything with O_CLOEXEC, SOCK_CLOEXEC, EPOLL_CLOEXEC. dup drops the flag; F_DUPFD_CLOEXEC does not.'
  );
}
