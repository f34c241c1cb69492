/** The calls of calls.ts through fdmux/sys: a contestant, in a process of its own. */
import * as sys from '../../src/sys/index.js';
import { answer, check, FIRST_FD, MAX_READY, MAXEVENTS, prepare, type Ready } from './calls-loop.js';

const { readEnd, writeEnd, left, right, buffer, quiet, registers, moves } = prepare();

const events = new sys.EpollEvents(MAXEVENTS);
const fds = new sys.PollFds(MAX_READY);
for (let i = 0; i < MAX_READY; i++) fds.set(i, FIRST_FD + i, sys.POLLIN);
/** By how many are in it. */
const readfds = Array.from({ length: MAX_READY + 1 }, (_, count) => {
  const set = new sys.FdSet();
  for (let i = 0; i < count; i++) set.add(FIRST_FD + i);
  return set;
});

const seenByEpoll = (_: number, { count }: Ready) => {
  const seen = Array.from({ length: count }, (_, i) => (events.events(i) === sys.EPOLLIN ? events.fd(i) : -1));
  // In any order.
  for (let i = 0; i < count; i++) check(seen.includes(FIRST_FD + i), 'wrong event');
};
const seenByPoll = (_: number, { count }: Ready) => {
  for (let i = 0; i < count; i++) check(fds.revents(i) === sys.POLLIN, 'wrong revents');
};
const seenBySelect = (_: number, { count }: Ready) => {
  for (let i = 0; i < count; i++) check(readfds[count]?.has(FIRST_FD + i) === true, 'wrong set');
};

const [how] = process.argv.slice(2);
if (how !== undefined) {
  const { trace } = await import('../../src/trace/index.js');
  const traced = trace();
  for (let i = 0; i < 1000; i++) sys.poll(fds, 0, 0);
  if (how === 'traced-before') traced.stop();
}

// Each loop is written out: one that was handed the call as a function would measure that, too.
await answer({
  epoll_wait: {
    run(calls, { count, epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.epoll_wait(epfd, events, MAXEVENTS, 0) === count) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  epoll_pwait2: {
    run(calls, { count, epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.epoll_pwait2(epfd, events, MAXEVENTS, 0) === count) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  poll: {
    run(calls, { count }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.poll(fds, count, 0) === count) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  ppoll: {
    run(calls, { count }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.ppoll(fds, count, 0) === count) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  select: {
    run(calls, { count }) {
      const set = readfds[count] as sys.FdSet;
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.select(FIRST_FD + count, set, null, null, 0) === count) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  pselect: {
    run(calls, { count }) {
      const set = readfds[count] as sys.FdSet;
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.pselect(FIRST_FD + count, set, null, null, 0) === count) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  'epoll_ctl(ADD)': {
    ...registers.add,
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++)
        if (sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, quiet[i] as number, sys.EPOLLIN) === 0) answers++;
      return answers;
    },
  },
  'epoll_ctl(MOD)': {
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++)
        if (sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, FIRST_FD, sys.EPOLLIN) === 0) answers++;
      return answers;
    },
  },
  'epoll_ctl(DEL)': {
    ...registers.delete,
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.epoll_ctl(epfd, sys.EPOLL_CTL_DEL, quiet[i] as number) === 0) answers++;
      return answers;
    },
  },
  read: {
    ...moves.read,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.read(readEnd, buffer, 0, 1) === 1) answers++;
      return answers;
    },
  },
  write: {
    ...moves.write,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.write(writeEnd, buffer, 0, 1) === 1) answers++;
      return answers;
    },
  },
  recv: {
    ...moves.recv,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.recv(right, buffer, 0, 1) === 1) answers++;
      return answers;
    },
  },
  send: {
    ...moves.send,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.send(left, buffer, 0, 1) === 1) answers++;
      return answers;
    },
  },
});
