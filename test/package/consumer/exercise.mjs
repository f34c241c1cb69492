// What a user's program does with the installed package, step by step: a line of JSON for each, with "works" or what it threw.
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { Worker } from 'node:worker_threads';

function assert(condition, message) {
  if (!condition) throw new Error(message);
}

function same(got, expected) {
  const [a, b] = [JSON.stringify(got), JSON.stringify(expected)];
  assert(a === b, `${a} instead of ${b}`);
}

const LOOPBACK = { family: 'IPv4', address: '127.0.0.1', port: 0 };

/** A listener, a client, and the client's other end. */
function connected({ Socket }) {
  const listener = new Socket();
  listener.bind(LOOPBACK);
  listener.listen();
  const client = new Socket();
  client.connect(listener.localAddress);
  const [served, address] = listener.accept();
  same(address, client.localAddress);
  const close = () => {
    for (const socket of [listener, client, served]) socket.close();
  };
  return { client, served, close };
}

/** The steps over every entry point, given under its name. */
export const steps = {
  'echo over epoll, level-triggered': ({ fdmux }) => {
    const { client, served, close } = connected(fdmux);
    const epoll = new fdmux.Epoll();
    epoll.register(served, fdmux.EPOLLIN, 4_000_000_000);
    same(epoll.poll(0), []);
    client.sendAll(Buffer.from('hello'));
    same(epoll.poll(5000), [[served.fd, fdmux.EPOLLIN]]);
    same(epoll.poll(0), [[served.fd, fdmux.EPOLLIN]]);
    served.sendAll(served.recv(100));
    same(epoll.poll(0), []);
    same(client.recv(100).toString(), 'hello');
    epoll.close();
    close();
  },
  'epoll, edge-triggered': ({ fdmux }) => {
    const { client, served, close } = connected(fdmux);
    const epoll = new fdmux.Epoll();
    epoll.register(served, fdmux.EPOLLIN | fdmux.EPOLLET);
    client.sendAll(Buffer.from('ab'));
    same(epoll.poll(5000), [[served.fd, fdmux.EPOLLIN]]);
    same(epoll.poll(0), []);
    client.sendAll(Buffer.from('c'));
    same(epoll.poll(5000), [[served.fd, fdmux.EPOLLIN]]);
    same(served.recv(100).toString(), 'abc');
    epoll.close();
    close();
  },
  'poll and select': ({ fdmux }) => {
    const [left, right] = fdmux.socketpair();
    const poll = new fdmux.Poll();
    poll.register(left, fdmux.POLLIN);
    same(poll.poll(1), []);
    same(fdmux.select([left], [], [], 0.5), [[], [], []]);
    right.sendAll(Buffer.from('x'));
    same(poll.poll(5000), [[left.fd, fdmux.POLLIN]]);
    const [readable, writable] = fdmux.select([left], [right], [], 5000);
    assert(readable[0] === left && writable[0] === right, 'select names other sockets');
    left.close();
    right.close();
  },
  'bare system calls and their structs': ({ sys }) => {
    const sv = new Int32Array(2);
    same(sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM, 0, sv), 0);
    const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
    for (const [i, fd] of sv.entries()) {
      same(sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLOUT, 0xfedcba98 + i), 0);
    }
    const events = new sys.EpollEvents(8);
    same(sys.epoll_wait(epfd, events, 8, -1), 2);
    same([0, 1].map((i) => [events.fd(i), events.events(i), events.tag(i)]).sort(), [
      [sv[0], sys.EPOLLOUT, 0xfedcba98],
      [sv[1], sys.EPOLLOUT, 0xfedcba99],
    ]);
    same(sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, sv[0], 0), -sys.EEXIST);
    const fds = new sys.PollFds(2);
    for (const [i, fd] of sv.entries()) fds.set(i, fd, sys.POLLIN | sys.POLLOUT);
    same(sys.poll(fds, 2, 0), 2);
    same([fds.fd(1), fds.events(1), fds.revents(1)], [sv[1], sys.POLLIN | sys.POLLOUT, sys.POLLOUT]);
    const set = new sys.FdSet();
    for (const fd of sv) set.add(fd);
    same(sys.select(Math.max(...sv) + 1, null, set, null, 0), 2);
    same([...set].sort(), [...sv].sort());
    for (const fd of [epfd, ...sv]) same(sys.close(fd), 0);
    same(sys.close(epfd), -sys.EBADF);
  },
  'addresses, options, datagrams': ({ fdmux }) => {
    for (const address of [LOOPBACK, { family: 'IPv6', address: '::1', port: 0 }, unixAddress('datagrams')]) {
      const family = { IPv4: fdmux.AF_INET, IPv6: fdmux.AF_INET6, unix: fdmux.AF_UNIX }[address.family];
      const receiver = new fdmux.Socket(family, fdmux.SOCK_DGRAM);
      receiver.bind(address);
      assert(address.port !== 0 || receiver.localAddress.port > 0, 'no port');
      const sender = new fdmux.Socket(family, fdmux.SOCK_DGRAM);
      sender.setOption(fdmux.SOL_SOCKET, fdmux.SO_SNDBUF, 65536);
      same(sender.getOption(fdmux.SOL_SOCKET, fdmux.SO_TYPE), fdmux.SOCK_DGRAM);
      sender.connect(receiver.localAddress);
      sender.send(Buffer.from(address.family));
      same(receiver.recv(100).toString(), address.family);
      sender.close();
      receiver.close();
      if (address.path !== undefined) rmSync(address.path);
    }
  },
  selectors: ({ fdmux, selectors }) => {
    const selector = new selectors.DefaultSelector();
    const [left, right] = fdmux.socketpair();
    const key = selector.register(left, selectors.EVENT_READ, { name: 'left' });
    right.sendAll(Buffer.from('x'));
    const [[found, mask]] = selector.select();
    assert(found === key && mask === selectors.EVENT_READ && key.data.name === 'left', 'another key');
    selector.close();
    left.close();
    right.close();
  },
  'timers, counters, processes, files': ({ fdmux }) => {
    const poll = new fdmux.Poll();
    const wait = (waitable, read) => {
      poll.register(waitable, fdmux.POLLIN);
      same(
        poll.poll(10_000).map(([fd]) => fd),
        [waitable.fd],
      );
      poll.unregister(waitable);
      const got = read();
      waitable.close();
      return got;
    };
    const event = new fdmux.EventFd(2);
    same(
      wait(event, () => event.read().toString()),
      '2',
    );
    const timer = new fdmux.TimerFd();
    timer.set(1);
    same(
      wait(timer, () => timer.read()),
      1,
    );
    const inotify = new fdmux.Inotify();
    const folder = mkdtempSync(`${tmpdir()}/fdmux-inotify-`);
    inotify.add(folder, fdmux.IN_CREATE);
    writeFileSync(`${folder}/file`, '');
    same(
      wait(inotify, () => inotify.read().map(({ name }) => name)),
      ['file'],
    );
    rmSync(folder, { recursive: true });
    const child = spawn('true');
    const pidfd = new fdmux.PidFd(child.pid);
    assert(
      wait(pidfd, () => pidfd.ended),
      'not ended',
    );
  },
  'signals as a descriptor': async ({ fdmux }) => {
    const signals = new fdmux.SignalPipe(['SIGUSR2']);
    const told = new Promise((resolve) => process.once('SIGUSR2', resolve));
    process.kill(process.pid, 'SIGUSR2');
    same(fdmux.select([signals], [], [], 5000)[0].length, 1);
    same(signals.read(), ['SIGUSR2']);
    // A listener for a signal keeps no event loop.
    const timer = setTimeout(() => {}, 10_000);
    await told;
    clearTimeout(timer);
    signals.close();
  },
  'the event loop: Epoll.ready': async ({ fdmux }) => {
    const epoll = new fdmux.Epoll();
    const event = new fdmux.EventFd();
    epoll.register(event, fdmux.EPOLLIN);
    const timer = setTimeout(() => event.write(), 1);
    try {
      same(await epoll.ready(), [[event.fd, fdmux.EPOLLIN]]);
    } finally {
      clearTimeout(timer);
      epoll.close();
      event.close();
    }
  },
  'the event loop: watch': async ({ fdmux }) => {
    const event = new fdmux.EventFd();
    const timer = setTimeout(() => event.write(), 1);
    try {
      await new Promise((resolve) => {
        const watch = fdmux.watch(event, 'readable', () => {
          watch.close();
          resolve();
        });
      });
    } finally {
      clearTimeout(timer);
      event.close();
    }
  },
  'the event loop: fdmux/compat/epoll': async ({ fdmux, 'compat/epoll': compat }) => {
    const event = new fdmux.EventFd(1);
    let poller;
    try {
      const told = await new Promise((resolve, reject) => {
        poller = new compat.Epoll((error, fd, events) => (error ? reject(error) : resolve([fd, events])));
        poller.add(event.fd, compat.Epoll.EPOLLIN);
      });
      same(told, [event.fd, fdmux.EPOLLIN]);
    } finally {
      poller?.close();
      event.close();
    }
  },
  'wrong arguments': ({ fdmux, sys }) => {
    for (const wrong of [undefined, null, 'x', {}, 1.5, Number.NaN, 2 ** 40, -(2 ** 40), Symbol('x')]) {
      for (const call of [
        () => new fdmux.Poll().register(wrong),
        () => sys.epoll_wait(wrong, new sys.EpollEvents(1), 1, 0),
        () => sys.recv(0, wrong),
        () => sys.bind(0, wrong),
        () => sys.pipe2(wrong, 0),
      ]) {
        try {
          call();
        } catch (error) {
          assert(error instanceof TypeError || error instanceof RangeError, String(error));
          continue;
        }
        assert(false, `${String(wrong)} was taken by ${call}`);
      }
    }
  },
  'a wait in a Worker, and its end': async () => {
    const worker = new Worker(new URL('./waits.mjs', import.meta.url));
    await new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
    });
    await worker.terminate();
  },
};

function unixAddress(name) {
  return { family: 'unix', path: `${tmpdir()}/fdmux-${name}-${process.pid}-${process.hrtime.bigint()}` };
}

/** Runs the steps named, or all, and prints what became of each. */
export async function exercise(modules, only = Object.keys(steps)) {
  for (const name of only) {
    let outcome = 'works';
    try {
      await steps[name](modules);
    } catch (error) {
      outcome = error.code ? `${error.code}: ${error.message}` : String(error.stack);
    }
    console.log(JSON.stringify([name, outcome]));
  }
}
