/** What only SelectSelector does. */
import { EVENT_READ, EVENT_WRITE, SelectSelector } from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import { expect, it } from 'vitest';
import { byte, close, closing, codeOf, mine, pair, pipe, regularFile } from '../support/objects.js';

it('takes descriptors below FD_SETSIZE, and says clearly that it ends there', () => {
  const selector = closing(new SelectSelector());
  const [r, w] = pipe();
  const last = mine(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, sys.FD_SETSIZE - 1));
  const beyond = mine(sys.fcntl(r, sys.F_DUPFD_CLOEXEC, sys.FD_SETSIZE));
  expect(last).toBe(sys.FD_SETSIZE - 1);
  const key = selector.register(last, EVENT_READ);
  for (const fd of [beyond, 100_000]) {
    expect(() => selector.register(fd, EVENT_READ)).toThrow(RangeError);
    expect(() => selector.register(fd, EVENT_READ)).toThrow(/< 1024 \(FD_SETSIZE\).*PollSelector.*EpollSelector/);
  }
  expect([...selector.getMap().values()]).toEqual([key]);
  byte(w);
  expect(selector.select()).toEqual([[key, EVENT_READ]]);
});

it('throws EBADF and names the descriptor that was closed without being unregistered', () => {
  const selector = closing(new SelectSelector());
  const [a, b] = pair();
  const [r] = pipe();
  selector.register(b, EVENT_WRITE);
  selector.register(a, EVENT_READ);
  selector.register(r, EVENT_READ);
  const { fd } = a;
  a.close();
  expect(() => selector.select(0)).toThrow(
    expect.objectContaining({ code: 'EBADF', errno: -sys.EBADF, syscall: 'select' }),
  );
  expect(() => selector.select()).toThrow(new RegExp(`: ${fd}$`));
  close(r);
  expect(() => selector.select()).toThrow(new RegExp(`: ${fd}, ${r}$`));
  selector.unregister(a);
  selector.unregister(r);
  expect(selector.select()).toEqual([[selector.getKey(b), EVENT_WRITE]]);
});

it('finds a regular file always ready', () => {
  const selector = closing(new SelectSelector());
  const key = selector.register(regularFile(), EVENT_READ | EVENT_WRITE);
  expect(selector.select()).toEqual([[key, EVENT_READ | EVENT_WRITE]]);
});

it('accepts a descriptor that is not open, and modifies one that is open no more', () => {
  const selector = closing(new SelectSelector());
  const [r] = pipe();
  close(r);
  selector.register(r, EVENT_READ);
  selector.modify(r, EVENT_WRITE);
  expect(codeOf(() => selector.select(0))).toBe('EBADF');
});
