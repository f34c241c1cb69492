import { AsyncLocalStorage } from 'node:async_hooks';
import { closeSync, openSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { MSG_OOB } from 'fdmux';
import { Epoll, type EpollCallback } from 'fdmux/compat/epoll';
import * as sys from 'fdmux/sys';
import { describe, expect, it } from 'vitest';
import { turns } from '../loop/support.js';
import { arrived, failOnLeaks, pair, pipe, tcp } from '../support/fds.js';
import { run } from '../support/objects.js';

failOnLeaks();

const byte = Buffer.from('x');

/** The next call. */
function told(start: (callback: EpollCallback) => void): Promise<[Error | null, number, number]> {
  return new Promise((resolve) => start((...args) => resolve(args)));
}

describe('the API of npm epoll', () => {
  it('has its constants', () => {
    const { EPOLLIN, EPOLLOUT, EPOLLRDHUP, EPOLLPRI, EPOLLERR, EPOLLHUP, EPOLLET, EPOLLONESHOT } = Epoll;
    expect([EPOLLIN, EPOLLPRI, EPOLLOUT, EPOLLERR, EPOLLHUP]).toEqual([1, 2, 4, 8, 16]);
    expect([EPOLLRDHUP, EPOLLONESHOT, EPOLLET]).toEqual([0x2000, 2 ** 30, 2 ** 31]);
  });

  it('tells error, descriptor and events, again and again while a level lasts', async () => {
    const [r, w] = pipe();
    sys.write(w, byte);
    let poller: Epoll | undefined;
    const calls: unknown[][] = [];
    await new Promise<void>((resolve) => {
      poller = new Epoll((...args) => {
        if (calls.push(args) === 3) resolve();
      }).add(r, Epoll.EPOLLIN);
    });
    expect(calls.slice(0, 3)).toEqual(Array(3).fill([null, r, Epoll.EPOLLIN]));
    poller?.close();
  });

  it('chains: add, modify and remove return the instance, close returns null', () => {
    const [r, w] = pipe();
    const poller = new Epoll(() => {});
    expect(poller.closed).toBe(false);
    expect(poller.add(r, Epoll.EPOLLIN).add(w, Epoll.EPOLLOUT).modify(r, Epoll.EPOLLPRI).remove(r).remove(w)).toBe(
      poller,
    );
    expect(poller.close()).toBe(null);
    expect(poller.closed).toBe(true);
  });

  it('throws when it is closed, also from a second close', () => {
    const poller = new Epoll(() => {});
    poller.close();
    expect(() => poller.add(0, 1)).toThrow("add can't be called after calling close");
    expect(() => poller.modify(0, 1)).toThrow("modify can't be called after calling close");
    expect(() => poller.remove(0)).toThrow("remove can't be called after calling close");
    expect(() => poller.close()).toThrow("close can't be called more than once");
  });

  it('throws what the kernel says, with a code', () => {
    const [r] = pipe();
    const file = openSync(fileURLToPath(import.meta.url), 'r');
    const poller = new Epoll(() => {});
    const code = (name: string) => expect.objectContaining({ code: name, syscall: 'epoll_ctl' });
    expect(() => poller.remove(r)).toThrow(code('ENOENT'));
    expect(() => poller.modify(r, 1)).toThrow(code('ENOENT'));
    expect(() => poller.add(file, 1)).toThrow(code('EPERM'));
    poller.add(r, 1);
    expect(() => poller.add(r, 1)).toThrow(code('EEXIST'));
    expect(() => poller.add(r + 1000, 1)).toThrow(code('EBADF'));
    poller.close();
    closeSync(file);
  });

  it('throws for wrong arguments', () => {
    // @ts-expect-error
    expect(() => new Epoll()).toThrow(TypeError);
    const poller = new Epoll(() => {});
    // @ts-expect-error
    expect(() => poller.add()).toThrow(TypeError);
    // @ts-expect-error
    expect(() => poller.add(0)).toThrow(TypeError);
    // @ts-expect-error
    expect(() => poller.remove('0')).toThrow(TypeError);
    poller.close();
  });

  it('takes masks as signed numbers, too: EPOLLIN | EPOLLET', async () => {
    const [r, w] = pipe();
    sys.write(w, byte);
    let calls = 0;
    const poller = new Epoll(() => calls++).add(r, Epoll.EPOLLIN | Epoll.EPOLLET);
    while (calls === 0) await turns(1);
    await turns(5);
    expect(calls).toBe(1);
    poller.close();
  });

  it('tells nothing of a descriptor that was removed, or of all when closed, also within one batch', async () => {
    for (const how of ['remove', 'close'] as const) {
      const pipes = Array.from({ length: 8 }, () => pipe());
      const seen: number[] = [];
      const poller = new Epoll((_, fd) => {
        seen.push(fd);
        if (how === 'close') poller.close();
        else for (const [r] of pipes) poller.remove(r);
      });
      for (const [r, w] of pipes) {
        sys.write(w, byte);
        poller.add(r, Epoll.EPOLLIN);
      }
      while (seen.length === 0) await turns(1);
      await turns(5);
      expect(seen.length).toBe(1);
      if (how === 'remove') poller.close();
    }
  });

  it('has a set of its own: two instances may have one descriptor', async () => {
    const [r, w] = pipe();
    sys.write(w, byte);
    const pollers: Epoll[] = [];
    const all = [0, 1].map(() => told((callback) => pollers.push(new Epoll(callback).add(r, Epoll.EPOLLIN))));
    expect(await Promise.all(all)).toEqual([
      [null, r, 1],
      [null, r, 1],
    ]);
    for (const poller of pollers) poller.close();
  });

  it('calls back in the async context of its making', async () => {
    const storage = new AsyncLocalStorage<string>();
    const [r, w] = pipe();
    sys.write(w, byte);
    const store = await new Promise((resolve) => {
      storage.run('mine', () => {
        const poller = new Epoll(() => {
          poller.close();
          resolve(storage.getStore());
        });
        storage.run('another', () => poller.add(r, Epoll.EPOLLIN));
      });
    });
    expect(store).toBe('mine');
  });

  it('keeps the process alive while it has a descriptor, and no longer', () => {
    const { stdout, stderr, status } = run(`
      import { Pipe } from 'fdmux';
      import { Epoll } from 'fdmux/compat/epoll';
      const pipe = new Pipe();
      const poller = new Epoll((error, fd, events) => {
        console.log('told', events);
        poller.remove(fd);
      });
      poller.add(pipe.fd, Epoll.EPOLLIN);
      setTimeout(() => pipe.write(Buffer.from('x')), 20).unref();
      globalThis.kept = pipe;`);
    expect({ stdout, stderr, status }).toEqual({ stdout: 'told 1\n', stderr: '', status: 0 });
  });

  it('makes an exception an uncaught one, which costs other events nothing', () => {
    const { stdout, stderr } = run(`
      import { Pipe, EPOLLET } from 'fdmux';
      import { Epoll } from 'fdmux/compat/epoll';
      const pipes = Array.from({ length: 4 }, () => new Pipe());
      const seen = new Set();
      let caught = 0;
      process.on('uncaughtException', () => {
        if (++caught < 4) return;
        console.log(seen.size, caught);
        process.exit();
      });
      const poller = new Epoll((error, fd) => { seen.add(fd); throw new Error(); });
      for (const pipe of pipes) {
        pipe.write(Buffer.from('x'));
        poller.add(pipe.fd, Epoll.EPOLLIN | Epoll.EPOLLET);
      }`);
    expect({ stdout, stderr }).toEqual({ stdout: '4 4\n', stderr: '' });
  });

  it('works in a worker', () => {
    const { stdout, stderr } = run(`
      import { Worker } from 'node:worker_threads';
      const worker = new Worker("import('fdmux/compat/epoll').then(async ({ Epoll }) => {" +
        "const { Pipe } = await import('fdmux'); const pipe = new Pipe(); pipe.write(Buffer.from('x'));" +
        "const poller = new Epoll((error, fd, events) => { console.log('told', events); poller.close(); pipe.close(); });" +
        "poller.add(pipe.fd, Epoll.EPOLLIN); });", { eval: true, execArgv: [] });`);
    expect({ stdout, stderr }).toEqual({ stdout: 'told 1\n', stderr: '' });
  });

  it('can be required, as npm epoll is', () => {
    const require = createRequire(import.meta.url);
    if (process.features.require_module !== true) return;
    expect(typeof require('fdmux/compat/epoll').Epoll).toBe('function');
  });
});

describe("onoff's use of it", () => {
  // A GPIO's value file raises EPOLLPRI at an edge; here it is a TCP socket with out-of-band data.
  it('tells EPOLLPRI once, and again after modify', async () => {
    const [client, server] = tcp();
    const oob = Buffer.alloc(1);
    const values: string[] = [];
    let arm: (() => void) | undefined;
    const poller = new Epoll((error, fd, events) => {
      expect([error, fd, events & Epoll.EPOLLPRI]).toEqual([null, server, Epoll.EPOLLPRI]);
      sys.recv(fd, oob, 0, 1, MSG_OOB);
      values.push(oob.toString());
      arm?.();
    });
    poller.add(server, Epoll.EPOLLPRI | Epoll.EPOLLONESHOT);
    for (const value of ['1', '0', '1']) {
      sys.send(client, Buffer.from(value), 0, 1, MSG_OOB);
      await new Promise<void>((resolve) => {
        arm = resolve;
      });
      // Disarmed: the next edge is not told until modify.
      poller.modify(server, Epoll.EPOLLPRI | Epoll.EPOLLONESHOT);
    }
    expect(values).toEqual(['1', '0', '1']);
    arm = undefined;
    await turns(5);
    expect(values.length).toBe(3);
    poller.remove(server).close();
  });

  it('stays quiet between an event and modify', async () => {
    const [client, server] = tcp();
    let calls = 0;
    const poller = new Epoll(() => calls++).add(server, Epoll.EPOLLPRI | Epoll.EPOLLONESHOT);
    sys.send(client, Buffer.from('1'), 0, 1, MSG_OOB);
    while (calls === 0) await turns(1);
    sys.send(client, Buffer.from('2'), 0, 1, MSG_OOB);
    arrived(server, sys.POLLPRI);
    await turns(10);
    expect(calls).toBe(1);
    poller.modify(server, Epoll.EPOLLPRI | Epoll.EPOLLONESHOT);
    while (calls === 1) await turns(1);
    poller.close();
  });
});

it('a button, as in the README of npm epoll: read to clear, watch, read again', async () => {
  const [a, b] = pair();
  const buffer = Buffer.alloc(1);
  const pressed = await new Promise((resolve) => {
    const poller = new Epoll((_error, fd) => {
      readSync(fd, buffer, 0, 1, null);
      poller.remove(fd).close();
      resolve(buffer.toString() === '1');
    });
    poller.add(a, Epoll.EPOLLIN);
    sys.write(b, Buffer.from('1'));
  });
  expect(pressed).toBe(true);
});
