/** Poll: a list of descriptors. */
import { inspect } from 'node:util';
import {
  MSG_OOB,
  POLLERR,
  POLLHUP,
  POLLIN,
  POLLNVAL,
  POLLOUT,
  POLLPRI,
  POLLRDHUP,
  POLLRDNORM,
  POLLWRNORM,
  Poll,
  SHUT_WR,
  Socket,
  select,
} from 'fdmux';
import * as sys from 'fdmux/sys';
import { expect, it } from 'vitest';
import {
  byte,
  close,
  closing,
  codeOf,
  listening,
  mine,
  noDescriptors,
  openFiles,
  pair,
  pipe,
  regularFile,
  reuse,
} from '../support/objects.js';

it('tells what is ready, by number, and only what was asked', () => {
  const poll = new Poll();
  const [a, b] = pair();
  poll.register(a, POLLIN);
  poll.register(b, POLLIN | POLLOUT);
  expect(poll.poll()).toEqual([[b.fd, POLLOUT]]);
  b.send(Buffer.from('x'));
  expect(poll.poll()).toEqual([
    [a.fd, POLLIN],
    [b.fd, POLLOUT],
  ]);
  expect(poll.poll(0)).toHaveLength(2);
});

it('asks for POLLIN, POLLPRI and POLLOUT unless told what', () => {
  const poll = new Poll();
  const [listener, address] = listening();
  const client = closing(new Socket());
  client.connect(address);
  const server = closing(listener.accept()[0]);
  poll.register(server);
  expect(poll.poll()).toEqual([[server.fd, POLLOUT]]);
  client.send(Buffer.from('!'), MSG_OOB);
  client.send(Buffer.from('x'));
  select([server], [], []);
  expect(poll.poll()).toEqual([[server.fd, POLLIN | POLLPRI | POLLOUT]]);
});

it('tells the finer masks when they are asked for', () => {
  const poll = new Poll();
  const [a, b] = pair();
  b.send(Buffer.from('x'));
  poll.register(a, POLLRDNORM | POLLWRNORM | POLLRDHUP);
  expect(poll.poll()).toEqual([[a.fd, POLLRDNORM | POLLWRNORM]]);
  b.shutdown(SHUT_WR);
  expect(poll.poll()).toEqual([[a.fd, POLLRDNORM | POLLWRNORM | POLLRDHUP]]);
});

it('replaces the mask when a descriptor is registered again', () => {
  const poll = new Poll();
  const [a, b] = pair();
  b.send(Buffer.from('x'));
  poll.register(a, POLLIN);
  poll.register(a.fd, POLLOUT);
  expect(poll.poll()).toEqual([[a.fd, POLLOUT]]);
  poll.unregister(a);
  expect(poll.poll(0)).toEqual([]);
});

it('modifies and unregisters only what is registered: ENOENT', () => {
  const poll = new Poll();
  const [a] = pair();
  for (const use of [() => poll.modify(a, POLLIN), () => poll.unregister(a), () => poll.unregister(a.fd)]) {
    expect(use).toThrow(expect.objectContaining({ code: 'ENOENT', errno: -sys.ENOENT }));
  }
  poll.register(a, POLLIN);
  poll.modify(a, POLLOUT);
  expect(poll.poll()).toEqual([[a.fd, POLLOUT]]);
  poll.unregister(a);
  expect(codeOf(() => poll.unregister(a))).toBe('ENOENT');
});

it('tells POLLHUP, POLLERR and POLLNVAL unasked, even for the mask 0', () => {
  const poll = new Poll();
  const [r, w] = pipe();
  const [r2, w2] = pipe();
  const [gone] = pipe();
  for (const fd of [r, w2, gone]) poll.register(fd, 0);
  expect(poll.poll(0)).toEqual([]);
  close(w);
  close(r2);
  close(gone);
  expect(new Map(poll.poll())).toEqual(
    new Map([
      [r, POLLHUP],
      [w2, POLLERR],
      [gone, POLLNVAL],
    ]),
  );
});

it('unregisters a number that was closed, and asks about whoever has it meanwhile', () => {
  const poll = new Poll();
  const [r] = pipe();
  poll.register(r, POLLIN);
  close(r);
  expect(poll.poll()).toEqual([[r, POLLNVAL]]);
  const w = reuse(r);
  expect(poll.poll(0)).toEqual([]);
  byte(w);
  expect(poll.poll()).toEqual([[r, POLLIN]]);
  poll.unregister(r);
  expect(poll.poll(0)).toEqual([]);
});

it('keeps its list right through any order of changes', () => {
  const poll = new Poll();
  const [a] = pair();
  const fds = Array.from({ length: 40 }, () => mine(sys.fcntl(a.fd, sys.F_DUPFD_CLOEXEC, 0)));
  const expected = new Map<number, number>();
  // A fixed sequence that looks random: it fails the same way twice.
  let seed = 1;
  const random = (below: number) => {
    seed = (seed * 48271) % 2147483647;
    return seed % below;
  };
  for (let step = 0; step < 3000; step++) {
    const fd = fds[random(fds.length)] as number;
    const events = random(2) ? POLLOUT : POLLIN;
    const change = random(3);
    if (change === 0) {
      poll.register(fd, events);
      expected.set(fd, events);
    } else if (change === 1 && expected.has(fd)) {
      poll.modify(fd, events);
      expected.set(fd, events);
    } else if (change === 2 && expected.delete(fd)) {
      poll.unregister(fd);
    }
    const writable = [...expected].filter(([, asked]) => asked === POLLOUT).map(([number]) => number);
    expect(
      poll
        .poll(0)
        .map(([number]) => number)
        .sort(),
    ).toEqual(writable.sort());
  }
});

it('has no end at FD_SETSIZE', () => {
  const poll = new Poll();
  const [a] = pair();
  const beyond = mine(sys.fcntl(a.fd, sys.F_DUPFD_CLOEXEC, sys.FD_SETSIZE + 500));
  poll.register(beyond, POLLOUT);
  expect(poll.poll()).toEqual([[beyond, POLLOUT]]);
});

it('finds a regular file always ready', () => {
  const poll = new Poll();
  const file = regularFile();
  poll.register(file);
  expect(poll.poll()).toEqual([[file, POLLIN | POLLOUT]]);
});

it.each(noDescriptors.map((value) => [inspect(value), value]))('refuses %s as a descriptor', (_, value) => {
  const poll = new Poll();
  const fd = value as number;
  for (const use of [() => poll.register(fd), () => poll.modify(fd, POLLIN), () => poll.unregister(fd)]) {
    expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
  }
  expect(poll.poll(0)).toEqual([]);
});

it.each([-1, 65536, 2 ** 32, 0.5, Number.NaN, '1', null, 1n, {}, true])(
  'refuses %s as a mask, and keeps the one before',
  (value) => {
    const poll = new Poll();
    const [a, b] = pair();
    const mask = value as number;
    poll.register(a, POLLOUT);
    for (const use of [() => poll.register(a, mask), () => poll.modify(a, mask), () => poll.register(b, mask)]) {
      expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
    }
    expect(poll.poll()).toEqual([[a.fd, POLLOUT]]);
  },
);

it('holds no descriptor', () => {
  const before = openFiles();
  const poll = new Poll();
  poll.register(0, 0);
  poll.poll(0);
  expect(openFiles()).toEqual(before);
});
