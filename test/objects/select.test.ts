/** select(): three lists in, what is ready of each out. */
import { inspect } from 'node:util';
import { FD_SETSIZE, MSG_OOB, Socket, select } from 'fdmux';
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
} from '../support/objects.js';

it('returns the very objects passed in, in their order', () => {
  const [a, b] = pair();
  const [r, w] = pipe();
  byte(w);
  b.send(Buffer.from('x'));
  const wrapped = { fd: r, name: 'wrapped' };
  const [readable, writable, exceptional] = select([wrapped, b, a, r], [b, w, a], [a, r], 0);
  expect(readable).toHaveLength(3);
  expect(readable[0]).toBe(wrapped);
  expect(readable[1]).toBe(a);
  expect(readable[2]).toBe(r);
  expect(writable[0]).toBe(b);
  expect(writable[1]).toBe(w);
  expect(writable[2]).toBe(a);
  expect(exceptional).toEqual([]);
});

it('returns what is named twice twice', () => {
  const [a, b] = pair();
  b.send(Buffer.from('x'));
  expect(select([a, a, a.fd], [], [])).toEqual([[a, a, a.fd], [], []]);
});

it('answers three empty lists when the time is up, and to three empty lists', () => {
  expect(select([pipe()[0]], [], [], 1)).toEqual([[], [], []]);
  expect(select([], [], [], 0)).toEqual([[], [], []]);
  expect(select([], [], [], 2.5)).toEqual([[], [], []]);
});

it('tells of urgent data in the third list', () => {
  const [listener, address] = listening();
  const client = closing(new Socket());
  client.connect(address);
  const server = closing(listener.accept()[0]);
  client.send(Buffer.from('!'), MSG_OOB);
  expect(select([], [], [server, client])).toEqual([[], [], [server]]);
  expect(server.recv(1, MSG_OOB).toString()).toBe('!');
});

it('leaves the lists of the caller alone', () => {
  const [a] = pair();
  const list = Object.freeze([a]);
  expect(select(list, list, list, 0)).toEqual([[], [a], []]);
  expect(list).toEqual([a]);
});

it('takes a regular file, which is always ready, and a terminal-like object such as process.stdin', () => {
  const file = regularFile();
  expect(select([file], [file], [], 1000)).toEqual([[file], [file], []]);
  const stream = { fd: pipe()[1], write() {} };
  expect(select([], [stream], [])[1][0]).toBe(stream);
});

it('ends at FD_SETSIZE, with a RangeError before anything is asked', () => {
  const [r, w] = pipe();
  byte(w);
  const last = mine(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, FD_SETSIZE - 1));
  const beyond = mine(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, FD_SETSIZE));
  expect(select([last], [], [])).toEqual([[last], [], []]);
  const lists: [fds: (number | { fd: number })[], number[], number[]][] = [
    [[beyond], [], []],
    [[], [beyond], []],
    [[], [], [beyond]],
    [[{ fd: 2 ** 20 }], [], []],
  ];
  for (const [rlist, wlist, xlist] of lists) {
    expect(() => select(rlist, wlist, xlist, 0)).toThrow(RangeError);
    expect(() => select(rlist, wlist, xlist, 0)).toThrow(/< 1024/);
  }
});

it('throws EBADF for a descriptor that is not open, in the form of Node.js', () => {
  const [r] = pipe();
  close(r);
  expect(() => select([], [], [r])).toThrow(
    expect.objectContaining({ code: 'EBADF', errno: -sys.EBADF, syscall: 'select', message: expect.any(String) }),
  );
});

it('refuses a closed object', () => {
  const [a] = pair();
  a.close();
  expect(codeOf(() => select([a], [], [], 0))).toBe('ERR_OUT_OF_RANGE');
});

it.each(noDescriptors.map((value) => [inspect(value), value]))('refuses %s in any list', (_, value) => {
  const list = [value as number];
  for (const use of [() => select(list, [], [], 0), () => select([], list, [], 0), () => select([], [], list, 0)]) {
    expect(codeOf(use)).toMatch(/^ERR_(INVALID_ARG_TYPE|OUT_OF_RANGE)$/);
  }
});

it.each([undefined, null, 0, '0', {}, new Set([0]), new Int32Array(1), { length: 1, 0: 0 }])(
  'refuses %o as a list',
  (value) => {
    const list = value as unknown as number[];
    for (const use of [() => select(list, [], [], 0), () => select([], list, [], 0), () => select([], [], list, 0)]) {
      expect(use).toThrow(TypeError);
    }
  },
);

it('opens nothing', () => {
  const [r] = pipe();
  const before = openFiles();
  for (let i = 0; i < 100; i++) select([r], [r], [r], 0);
  expect(openFiles()).toEqual(before);
});
