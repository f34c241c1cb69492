/** What only EpollSelector does. */
import { EpollSelector, EVENT_READ, EVENT_WRITE } from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import { expect, it } from 'vitest';
import {
  byte,
  close,
  closing,
  codeOf,
  duplicate,
  hasStrace,
  openFiles,
  pair,
  pipe,
  regularFile,
  reuse,
  strace,
} from '../support/objects.js';

it('refuses a regular file and a descriptor that is not open, and registers neither', () => {
  const selector = closing(new EpollSelector());
  const file = regularFile();
  const [r] = pipe();
  close(r);
  expect(() => selector.register(file, EVENT_READ)).toThrow(
    expect.objectContaining({ code: 'EPERM', errno: -sys.EPERM, syscall: 'epoll_ctl' }),
  );
  expect(codeOf(() => selector.register({ fd: r }, EVENT_READ))).toBe('EBADF');
  expect(selector.getMap().size).toBe(0);
  expect(codeOf(() => selector.getKey(file))).toBe('ENOENT');
});

it('leaves a registration as it was when modify fails', () => {
  const selector = closing(new EpollSelector());
  const [a, b] = pair();
  const { fd } = a;
  const key = selector.register(a, EVENT_READ, 'data');
  duplicate(fd);
  a.close();
  expect(codeOf(() => selector.modify(a, EVENT_WRITE, 'other'))).toBe('EBADF');
  reuse(fd);
  expect(codeOf(() => selector.modify(a, EVENT_WRITE, 'other'))).toBe('ENOENT');
  expect(selector.getKey(a)).toBe(key);
  // The duplicate keeps the file in the set: it is still asked about reading, and only that.
  expect(selector.select(0)).toEqual([]);
  b.send(Buffer.from('x'));
  expect(selector.select(0)).toEqual([[key, EVENT_READ]]);
});

it('reports a descriptor no more that was closed without being unregistered', () => {
  const selector = closing(new EpollSelector());
  const [r, w] = pipe();
  byte(w);
  const key = selector.register(r, EVENT_READ);
  close(r);
  expect(selector.select(0)).toEqual([]);
  reuse(r);
  expect(selector.select(0)).toEqual([]);
  expect(selector.unregister(r)).toBe(key);
});

it('keeps all other registrations when a duplicate keeps one in the set that nobody has registered any more', () => {
  const selector = closing(new EpollSelector());
  const [ghost, haunting] = pipe();
  byte(haunting);
  selector.register(ghost, EVENT_READ);
  const [a, b] = pair();
  const ka = selector.register(a, EVENT_READ, 'a');
  const kb = selector.register(b, EVENT_WRITE, 'b');
  // Registered, closed, and its number another's who has not been registered: it must not slip in.
  const [closed] = pipe();
  const kc = selector.register(closed, EVENT_READ);
  close(closed);
  const w = reuse(closed);
  byte(w);
  duplicate(ghost);
  close(ghost);
  selector.unregister(ghost);
  const before = openFiles();
  for (let i = 0; i < 3; i++) expect(selector.select()).toEqual([[kb, EVENT_WRITE]]);
  b.send(Buffer.from('x'));
  expect(selector.select()).toHaveLength(2);
  expect(new Map(selector.select()).get(ka)).toBe(EVENT_READ);
  const modified = selector.modify(b, EVENT_READ);
  a.send(Buffer.from('x'));
  expect(new Map(selector.select()).get(modified)).toBe(EVENT_READ);
  expect(selector.unregister(closed)).toBe(kc);
  expect(selector.unregister(a)).toBe(ka);
  expect(openFiles()).toHaveProperty('size', before.size);
});

it('does not spin over what nobody has registered any more', (ctx) => {
  if (!hasStrace()) return ctx.skip('no strace here that may trace');
  const child = strace(
    ['-e', 'trace=epoll_pwait2'],
    `import { EpollSelector, EVENT_READ } from 'fdmux/selectors';
     import * as sys from 'fdmux/sys';
     const pipefd = new Int32Array(2);
     sys.pipe2(pipefd);
     const [r, w] = pipefd;
     sys.write(w, Buffer.from('x'));
     const selector = new EpollSelector();
     selector.register(r, EVENT_READ);
     sys.dup(r);
     sys.close(r);
     selector.unregister(r);
     console.log(selector.select(200));`,
  );
  expect(child).toMatchObject({ status: 0, stderr: '', stdout: '[]\n' });
  // One that the ghost ends, and one in the renewed set.
  expect(child?.trace.filter((line) => line.includes('epoll_pwait2'))).toHaveLength(2);
});
