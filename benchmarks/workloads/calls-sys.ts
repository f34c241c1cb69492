/** The calls of calls.ts through fdmux/sys: a contestant, in a process of its own. */
import * as sys from '../../src/sys/index.js';
import { answer, check, MAXEVENTS, prepare } from './calls-loop.js';

const { ready, readEnd, writeEnd, left, right, epfd, buffer, moves } = prepare();

const events = new sys.EpollEvents(MAXEVENTS);
const fds = new sys.PollFds(1);
fds.set(0, ready, sys.POLLIN);
const readfds = new sys.FdSet().add(ready);

const seenByEpoll = () => check(events.fd(0) === ready && events.events(0) === sys.EPOLLIN, 'wrong event');
const seenByPoll = () => check(fds.revents(0) === sys.POLLIN, 'wrong revents');
const seenBySelect = () => check(readfds.has(ready), 'wrong set');

// Each loop is written out: one that was handed the call as a function would measure that, too.
await answer({
  epoll_wait: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.epoll_wait(epfd, events, MAXEVENTS, 0) === 1) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  epoll_pwait2: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.epoll_pwait2(epfd, events, MAXEVENTS, 0) === 1) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  poll: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.poll(fds, 1, 0) === 1) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  ppoll: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.ppoll(fds, 1, 0) === 1) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  select: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.select(ready + 1, readfds, null, null, 0) === 1) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  pselect: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (sys.pselect(ready + 1, readfds, null, null, 0) === 1) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  epoll_ctl: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) {
        if (sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, ready, sys.EPOLLIN) === 0) answers++;
      }
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
