/** Who goes through all descriptors, and who does not. */
import { experiment, type Lab } from './harness.js';

export const scan = experiment({
  name: 'scan',
  group: 'documents',
  question: 'Who goes through all descriptors at every call?',
  background: 'The documents: select and poll go through all descriptors, epoll is handed the ready ones.',
  run,
});

function run({ sys, say, show, expect, needs, quietly, pipe, pair, epoll, medians }: Lab): string {
  const [FEW, MANY] = [20, 800];
  const limit = new Float64Array(2);
  quietly(() => sys.getrlimit(sys.RLIMIT_NOFILE, limit));
  needs((limit[0] as number) >= 1024, 'it needs a limit of 1024 descriptors: ulimit -n 1024');

  say(`One socket has a byte, the others are idle: ${FEW} in all, and then ${MANY}. 20 calls each, in turns.`);
  const [busy, peer] = pair('busy', 'peer');
  sys.send(peer, Buffer.from('x'));
  const [idle, writer] = pipe('idle', 'writer');
  const fds = [busy];
  quietly(() => {
    while (fds.length < MANY) fds.push(sys.fcntl(idle, sys.F_DUPFD_CLOEXEC, 3));
  });
  needs(Math.max(...fds) < sys.FD_SETSIZE, 'too many descriptors are open already');
  const measure = (n: number) => {
    const some = fds.slice(0, n);
    const entries = new sys.PollFds(n);
    for (const [i, fd] of some.entries()) entries.set(i, fd, sys.POLLIN);
    const [all, set] = [new sys.FdSet(), new sys.FdSet()];
    for (const fd of some) all.add(fd);
    const nfds = Math.max(...some) + 1;
    const epfd = epoll(`set of ${n}`);
    for (const fd of some) sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN);
    const events = new sys.EpollEvents(64);
    return {
      select: () => sys.select(nfds, set.copy(all), null, null, 0),
      poll: () => sys.poll(entries, n, 0),
      epoll: () => sys.epoll_wait(epfd, events, 64, 0),
    };
  };
  const [few, many] = quietly(() => [measure(FEW), measure(MANY)]) as [
    ReturnType<typeof measure>,
    ReturnType<typeof measure>,
  ];
  const often = (call: () => number) => () => {
    for (let i = 0; i < 20; i++) call();
  };
  const calls = ['select', 'poll', 'epoll'] as const;
  const ns = quietly(() =>
    medians(
      31,
      Object.fromEntries(
        calls.flatMap((call) => [
          [`${call} ${FEW}`, often(few[call])],
          [`${call} ${MANY}`, often(many[call])],
        ]),
      ),
    ),
  ) as Record<string, number>;
  const growth = { select: 0, poll: 0, epoll: 0 };
  for (const call of calls) {
    const [small, large] = [FEW, MANY].map((n) => (ns[`${call} ${n}`] as number) / 20) as [number, number];
    growth[call] = large / small;
    show(
      `${call}: ${small.toFixed(0)} ns a call with ${FEW}, ${large.toFixed(0)} ns with ${MANY}: ${growth[call].toFixed(1)} times`,
    );
  }
  expect('select takes several times as long', growth.select > 4);
  expect('so does poll', growth.poll > 4);
  expect('epoll does not', growth.epoll < 3);

  say(
    `Counted: poll answers for each entry, also for one that is closed. Of the ${MANY}, all but the busy one are closed.`,
  );
  quietly(() => {
    for (const fd of fds.slice(1)) sys.close(fd);
    sys.close(idle);
    sys.close(writer);
  });
  const told = { poll: quietly(many.poll), select: quietly(many.select), epoll: quietly(many.epoll) };
  show(`poll([{fd=…, events=POLLIN}, … ${MANY} of them], ${MANY}, 0) = ${told.poll}`);
  expect(`poll visits and answers all ${MANY} (POLLNVAL for the closed)`, told.poll, MANY);
  show(
    `select(…, [${MANY} descriptors], NULL, NULL, {tv_sec=0, tv_usec=0}) = ${told.select === -sys.EBADF ? '-1 EBADF' : told.select}`,
  );
  expect('select meets the first of them and gives up: EBADF', told.select, -sys.EBADF);
  show(`epoll_wait(…, 64, 0) = ${told.epoll}`);
  expect('epoll looks at one: the closed ones have left its set', told.epoll, 1);

  return (
    `select and poll, at every call: from ${FEW} to ${MANY} descriptors their time grew ${growth.select.toFixed(0)} and ` +
    `${growth.poll.toFixed(0)} times, that of epoll ${growth.epoll.toFixed(1)} times. epoll visits what is on its ready list.`
  );
}
