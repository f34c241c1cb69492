/**
 * The calls of workloads/calls.ts through koffi, as its documentation has them: each function declared once, memory
 * passed as a Uint8Array.
 */
import { endianness } from 'node:os';
import * as sys from '../../src/sys/index.js';
import { answer, check, FIRST_FD, MAX_READY, MAXEVENTS, prepare, type Ready } from '../workloads/calls-loop.js';
import { loadKoffi } from './koffi.js';

const { readEnd, writeEnd, left, right, buffer, quiet, registers, moves } = prepare();

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
const eventOf = (fd: number): Uint8Array => {
  const event = Buffer.alloc(EVENT_BYTES);
  event.writeUInt32LE(sys.EPOLLIN, 0);
  event.writeInt32LE(fd, EVENT_DATA);
  return event;
};
const event = eventOf(FIRST_FD);
const quietEvents = Array.from(quiet, eventOf);
const fds = Buffer.alloc(8 * MAX_READY);
for (let i = 0; i < MAX_READY; i++) {
  fds.writeInt32LE(FIRST_FD + i, 8 * i);
  fds.writeInt16LE(sys.POLLIN, 8 * i + 4);
}
const holds = (set: Uint8Array, fd: number): boolean => (((set[fd >> 3] as number) >> (fd & 7)) & 1) === 1;
/** By how many are in it. */
const readfds = Array.from({ length: MAX_READY + 1 }, (_, count) => {
  const set = new Uint8Array(sys.FD_SETSIZE / 8);
  for (let fd = FIRST_FD; fd < FIRST_FD + count; fd++) set[fd >> 3] = (set[fd >> 3] as number) | (1 << (fd & 7));
  return set;
});
/** A timeval or a timespec: nothing at all. */
const zero = new Uint8Array(16);

const seenByEpoll = (_: number, { count }: Ready) => {
  const view = new DataView(events.buffer);
  const seen = Array.from({ length: count }, (_, i) => view.getInt32(i * EVENT_BYTES + EVENT_DATA, true));
  // In any order.
  for (let i = 0; i < count; i++) check(seen.includes(FIRST_FD + i), 'wrong event');
};
const seenByPoll = (_: number, { count }: Ready) => {
  for (let i = 0; i < count; i++) check(fds.readInt16LE(8 * i + 6) === sys.POLLIN, 'wrong revents');
};
const seenBySelect = (_: number, { count }: Ready) => {
  for (let i = 0; i < count; i++) check(holds(readfds[count] as Uint8Array, FIRST_FD + i), 'wrong set');
};

await answer({
  epoll_wait: {
    run(calls, { count, epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_wait(epfd, events, MAXEVENTS, 0) === count) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  epoll_pwait2: {
    run(calls, { count, epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_pwait2(epfd, events, MAXEVENTS, zero, null) === count) answers++;
      return answers;
    },
    after: seenByEpoll,
  },
  poll: {
    run(calls, { count }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (poll(fds, count, 0) === count) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  ppoll: {
    run(calls, { count }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (ppoll(fds, count, zero, null) === count) answers++;
      return answers;
    },
    after: seenByPoll,
  },
  select: {
    run(calls, { count }) {
      const set = readfds[count] as Uint8Array;
      let answers = 0;
      for (let i = 0; i < calls; i++) if (select(FIRST_FD + count, set, null, null, zero) === count) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  pselect: {
    run(calls, { count }) {
      const set = readfds[count] as Uint8Array;
      let answers = 0;
      for (let i = 0; i < calls; i++) if (pselect(FIRST_FD + count, set, null, null, zero, null) === count) answers++;
      return answers;
    },
    after: seenBySelect,
  },
  'epoll_ctl(ADD)': {
    ...registers.add,
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++)
        if (epoll_ctl(epfd, sys.EPOLL_CTL_ADD, quiet[i] as number, quietEvents[i] as Uint8Array) === 0) answers++;
      return answers;
    },
  },
  'epoll_ctl(MOD)': {
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_ctl(epfd, sys.EPOLL_CTL_MOD, FIRST_FD, event) === 0) answers++;
      return answers;
    },
  },
  'epoll_ctl(DEL)': {
    ...registers.delete,
    run(calls, { epfd }) {
      let answers = 0;
      for (let i = 0; i < calls; i++) if (epoll_ctl(epfd, sys.EPOLL_CTL_DEL, quiet[i] as number, null) === 0) answers++;
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
