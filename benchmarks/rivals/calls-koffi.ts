/**
 * The calls of workloads/calls.ts through koffi, as its documentation has them: each function declared once, memory
 * passed as a Uint8Array.
 */
import { endianness } from 'node:os';
import * as sys from '../../src/sys/index.js';
import { answer, check, MAXEVENTS, prepare } from '../workloads/calls-loop.js';
import { loadKoffi } from './koffi.js';

const { ready, readEnd, writeEnd, left, right, epfd, buffer, moves } = prepare();

const libc = loadKoffi().load(null);
const epoll_wait = libc.func('int epoll_wait(int epfd, void *events, int maxevents, int timeout)');
const epoll_pwait2 = libc.func(
  'int epoll_pwait2(int epfd, void *events, int maxevents, const void *timeout, const void *sigmask)',
);
const epoll_ctl = libc.func('int epoll_ctl(int epfd, int op, int fd, void *event)');
const poll = libc.func('int poll(void *fds, ulong nfds, int timeout)');
const ppoll = libc.func('int ppoll(void *fds, ulong nfds, const void *timeout, const void *sigmask)');
const select = libc.func('int select(int nfds, void *readfds, void *writefds, void *exceptfds, void *timeout)');
const pselect = libc.func(
  'int pselect(int nfds, void *readfds, void *writefds, void *exceptfds, const void *timeout, const void *sigmask)',
);
const read = libc.func('long read(int fd, void *buf, size_t count)');
const write = libc.func('long write(int fd, const void *buf, size_t count)');
const recv = libc.func('long recv(int sockfd, void *buf, size_t len, int flags)');
const send = libc.func('long send(int sockfd, const void *buf, size_t len, int flags)');

// struct epoll_event is packed on x86-64 only.
check(endianness() === 'LE', 'the structs are written for little-endian machines');
const packed = process.arch === 'x64';
const EVENT_BYTES = packed ? 12 : 16;
const EVENT_DATA = packed ? 4 : 8;
const events = new Uint8Array(MAXEVENTS * EVENT_BYTES);
const event = Buffer.alloc(EVENT_BYTES);
event.writeUInt32LE(sys.EPOLLIN, 0);
event.writeInt32LE(ready, EVENT_DATA);
const fds = Buffer.alloc(8);
fds.writeInt32LE(ready, 0);
fds.writeInt16LE(sys.POLLIN, 4);
const readfds = Buffer.alloc(sys.FD_SETSIZE / 8);
readfds[ready >> 3] = 1 << (ready & 7);
/** A timeval or a timespec: nothing at all. */
const zero = new Uint8Array(16);

const seenByEpoll = () => check(new DataView(events.buffer).getInt32(EVENT_DATA, true) === ready, 'wrong event');
const seenByPoll = () => check(fds.readInt16LE(6) === sys.POLLIN, 'wrong revents');
const seenBySelect = () => check(readfds[ready >> 3] === 1 << (ready & 7), 'wrong set');

await answer({
  epoll_wait: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_wait(epfd, events, MAXEVENTS, 0) === 1) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  epoll_pwait2: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_pwait2(epfd, events, MAXEVENTS, zero, null) === 1) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  poll: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (poll(fds, 1, 0) === 1) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  ppoll: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (ppoll(fds, 1, zero, null) === 1) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  select: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (select(ready + 1, readfds, null, null, zero) === 1) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  pselect: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (pselect(ready + 1, readfds, null, null, zero, null) === 1) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  epoll_ctl: {
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_ctl(epfd, sys.EPOLL_CTL_MOD, ready, event) === 0) answers++;
      return answers;
    },
  },
  read: {
    ...moves.read,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (read(readEnd, buffer, 1) === 1) answers++;
      return answers;
    },
  },
  write: {
    ...moves.write,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (write(writeEnd, buffer, 1) === 1) answers++;
      return answers;
    },
  },
  recv: {
    ...moves.recv,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (recv(right, buffer, 1, 0) === 1) answers++;
      return answers;
    },
  },
  send: {
    ...moves.send,
    run(calls) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (send(left, buffer, 1, 0) === 1) answers++;
      return answers;
    },
  },
});
