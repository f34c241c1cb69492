// Calls in any order, beside a model of what must hold: what each answers, that a closed object says so, that nothing is left open.
import assert from 'node:assert/strict';
import { rmSync, writeFileSync } from 'node:fs';
import fc from 'fast-check';
import * as fdmux from 'fdmux';
import * as compat from 'fdmux/compat/epoll';
import * as selectors from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import { trace } from 'fdmux/trace';
import { asked, parameters, report, trying, wanted } from './progress.mjs';
import { isOpen, openDescriptors } from './sandbox.mjs';

const RUNS = 150;
const PIPES = 3;

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));
const turns = async (count) => {
  for (let i = 0; i < count; i++) await nextTurn();
};

function throwsCode(code, call) {
  assert.throws(call, (error) => error.code === code || assert.fail(`${code} was to come, not ${error.stack}`));
}

/** Pipes, and how many bytes each holds. */
function pipes() {
  const made = Array.from({ length: PIPES }, () => {
    const pipefd = new Int32Array(2);
    assert.equal(sys.pipe2(pipefd, sys.O_NONBLOCK | sys.O_CLOEXEC), 0);
    return { r: pipefd[0], w: pipefd[1], held: 0 };
  });
  return {
    made,
    end: (i) => (i % 2 === 0 ? made[i >> 1].r : made[i >> 1].w),
    /** What an end is ready for, of what is asked. */
    ready: (i, mask) => mask & (i % 2 === 1 ? WRITE : made[i >> 1].held > 0 ? READ : 0),
    close: () => made.flatMap(({ r, w }) => [r, w]).forEach(sys.close),
  };
}
const READ = 1;
const WRITE = 2;
const end = fc.nat(2 * PIPES - 1);
const mask = fc.integer({ min: 1, max: 3 });
/** Common to all that wait for pipes. */
const traffic = {
  fill: [
    [fc.nat(PIPES - 1)],
    ({ pipes }, i) => {
      assert.equal(sys.write(pipes.made[i].w, new Uint8Array(1)), 1);
      pipes.made[i].held++;
    },
  ],
  drain: [
    [fc.nat(PIPES - 1)],
    ({ pipes }, i) => {
      const { held, r } = pipes.made[i];
      assert.equal(sys.read(r, new Uint8Array(4096)), held || -sys.EAGAIN);
      pipes.made[i].held = 0;
    },
  ],
};

/** What registers and waits: how each says it. */
function setKind(closedCode, open, known) {
  const use = (world, call) => (world.closed ? throwsCode(closedCode, call) : call());
  return {
    open: () => ({ pipes: pipes(), known: new Map(), closed: false, ...open() }),
    close: (world) => {
      world.close();
      world.pipes.close();
    },
    steps: {
      ...traffic,
      register: [
        [end, mask],
        (world, i, events) => {
          const call = () => world.register(world.pipes.end(i), events);
          if (!world.closed && known === 'EEXIST' && world.known.has(i)) return throwsCode('EEXIST', call);
          use(world, call);
          if (!world.closed) world.known.set(i, events);
        },
      ],
      modify: [
        [end, mask],
        (world, i, events) => {
          const call = () => world.modify(world.pipes.end(i), events);
          if (!world.closed && !world.known.has(i)) return throwsCode('ENOENT', call);
          use(world, call);
          if (!world.closed) world.known.set(i, events);
        },
      ],
      unregister: [
        [end],
        (world, i) => {
          const call = () => world.unregister(world.pipes.end(i));
          if (!world.closed && !world.known.has(i)) return throwsCode('ENOENT', call);
          use(world, call);
          world.known.delete(i);
        },
      ],
      poll: [
        [],
        (world) =>
          use(world, () => {
            const expected = [...world.known].map(([i, events]) => [world.pipes.end(i), world.pipes.ready(i, events)]);
            assert.deepEqual(
              world.poll().sort(([a], [b]) => a - b),
              expected.filter(([, ready]) => ready > 0).sort(([a], [b]) => a - b),
            );
          }),
      ],
      look: [[], (world) => use(world, () => world.look?.(world))],
      close: [
        [],
        (world) => {
          world.close();
          if (closedCode === undefined) return;
          world.closed = true;
          world.known.clear();
        },
      ],
    },
  };
}

function epollKind() {
  const to = (events) => (events & READ ? sys.EPOLLIN : 0) | (events & WRITE ? sys.EPOLLOUT : 0);
  const from = (events) => (events & sys.EPOLLIN ? READ : 0) | (events & sys.EPOLLOUT ? WRITE : 0);
  return setKind(
    'ERR_EPOLL_CLOSED',
    () => {
      const epoll = new fdmux.Epoll();
      return {
        register: (fd, events) => epoll.register(fd, to(events)),
        modify: (fd, events) => epoll.modify(fd, to(events)),
        unregister: (fd) => epoll.unregister(fd),
        poll: () => epoll.poll(0).map(([fd, events]) => [fd, from(events)]),
        look: () => {
          epoll.unref().ref().unwatch();
          fdmux.Epoll.fromFd(epoll).close();
        },
        close: () => {
          epoll.close();
          assert.equal(epoll.fd, -1);
        },
      };
    },
    'EEXIST',
  );
}
function pollKind() {
  return setKind(
    undefined,
    () => {
      const poll = new fdmux.Poll();
      const to = (events) => (events & READ ? sys.POLLIN : 0) | (events & WRITE ? sys.POLLOUT : 0);
      return {
        register: (fd, events) => poll.register(fd, to(events)),
        modify: (fd, events) => poll.modify(fd, to(events)),
        unregister: (fd) => poll.unregister(fd),
        poll: () =>
          poll
            .poll(0)
            .map(([fd, events]) => [fd, (events & sys.POLLIN ? READ : 0) | (events & sys.POLLOUT ? WRITE : 0)]),
        close: () => {},
      };
    },
    'replaced',
  );
}
function selectorKind(type) {
  return setKind(
    'ERR_SELECTOR_CLOSED',
    () => {
      const selector = new type();
      const map = selector.getMap();
      return {
        register: (fd, events) => selector.register(fd, events, { fd }),
        modify: (fd, events) => selector.modify(fd, events),
        unregister: (fd) => selector.unregister(fd),
        poll: () =>
          selector.select(0).map(([key, mask]) => {
            assert.equal(key, selector.getKey(key.fd));
            return [key.fd, mask];
          }),
        look: ({ known, pipes }) => {
          const expected = [...known].map(([i, events]) => [pipes.end(i), events]);
          const byNumber = ([a], [b]) => a - b;
          const held = [...selector.getMap()].map(([fd, key]) => [fd, key.events]);
          assert.deepEqual(held.sort(byNumber), expected.sort(byNumber));
          assert.ok([...map.values()].every((key) => Object.isFrozen(key) && key.data.fd === key.fd));
          for (const change of [() => map.set(1, {}), () => map.delete(1), () => map.clear()])
            assert.throws(change, TypeError);
        },
        close: () => {
          selector.close();
          assert.equal(map.size, 0);
        },
      };
    },
    'EEXIST',
  );
}

/** An object that owns a descriptor, and what its methods do to the model. */
function ownerKind(closedCode, open, steps) {
  return {
    open: () => ({ closed: false, ...open() }),
    close: (world) => {
      world.object.close();
      for (const other of world.others ?? []) other.close();
    },
    steps: {
      ...Object.fromEntries(
        Object.entries(steps).map(([name, [values, step]]) => [
          name,
          [
            values,
            (world, ...args) => {
              if (world.closed) throwsCode(closedCode, () => step(world, ...args));
              else step(world, ...args);
            },
          ],
        ]),
      ),
      close: [
        [],
        (world) => {
          world.object.close();
          world.closed = true;
          assert.equal(world.object.fd, -1);
          assert.equal(world.object.closed, true);
        },
      ],
    },
  };
}

const LARGEST = 2n ** 64n - 2n;
const eventFd = (semaphore) =>
  ownerKind('ERR_EVENTFD_CLOSED', () => ({ object: new fdmux.EventFd(3, { semaphore }), held: 3n }), {
    write: [
      [fc.oneof(fc.bigInt({ min: 0n, max: LARGEST }), fc.nat(5).map(BigInt))],
      (world, value) => {
        const full = world.held + value > LARGEST;
        if (full && !world.closed) return throwsCode('EAGAIN', () => world.object.write(value));
        world.object.write(value);
        world.held += value;
      },
    ],
    read: [
      [],
      (world) => {
        const taken = semaphore && world.held > 0n ? 1n : world.held;
        assert.equal(world.object.read(), taken);
        world.held -= taken;
      },
    ],
  });

const waker = ownerKind(
  'ERR_WAKER_CLOSED',
  () => {
    const object = new fdmux.Waker();
    return { object, others: [fdmux.Waker.fromFd(object)], woken: false };
  },
  {
    wake: [
      [],
      (world) => {
        world.object.wake();
        world.woken = true;
      },
    ],
    clear: [
      [],
      (world) => {
        assert.equal(world.object.clear(), world.woken);
        world.woken = false;
      },
    ],
  },
);

const timerFd = ownerKind(
  'ERR_TIMERFD_CLOSED',
  () => ({ object: new fdmux.TimerFd(), set: { value: 0, interval: 0 } }),
  {
    set: [
      [fc.integer({ min: 1e7, max: 1e12 }), fc.nat(1e12)],
      (world, value, interval) => {
        before(world, world.object.set(value, interval));
        world.set = { value, interval };
      },
    ],
    disarm: [
      [],
      (world) => {
        before(world, world.object.disarm());
        world.set = { value: 0, interval: 0 };
      },
    ],
    read: [[], (world) => assert.equal(world.object.read(), 0)],
    expire: [
      [],
      (world) => {
        world.object.set(0.001);
        assert.equal(fdmux.select([world.object], [], [], 10_000)[0].length, 1);
        assert.equal(world.object.read(), 1);
        world.set = { value: 0, interval: 0 };
      },
    ],
  },
);
function before({ set }, told) {
  assert.equal(told.interval, set.interval);
  assert.ok(told.value <= set.value && told.value > 0 === set.value > 0, `${told.value} of ${set.value}`);
}

const pipe = ownerKind('ERR_PIPE_CLOSED', () => ({ object: new fdmux.Pipe(fdmux.O_NONBLOCK), held: [] }), {
  write: [
    [fc.uint8Array({ maxLength: 600 })],
    (world, bytes) => {
      const call = () => world.object.write(bytes);
      if (!world.closed && world.ended) return throwsCode('ERR_PIPE_CLOSED', call);
      assert.equal(call(), bytes.length);
      world.held.push(...bytes);
    },
  ],
  read: [
    [fc.integer({ min: 1, max: 2000 })],
    (world, size) => {
      if (!world.closed && world.held.length === 0 && !world.ended)
        return throwsCode('EAGAIN', () => world.object.read(size));
      assert.deepEqual([...world.object.read(size)], world.held.splice(0, size));
    },
  ],
  end: [
    [],
    (world) => {
      if (world.closed) throw Object.assign(new Error(), { code: 'ERR_PIPE_CLOSED' });
      world.object.writer.close();
      world.ended = true;
    },
  ],
});

const socket = ownerKind(
  'ERR_SOCKET_CLOSED',
  () => {
    const [object, other] = fdmux.socketpair();
    object.setBlocking(false);
    return { object, others: [other], held: [], shut: false };
  },
  {
    send: [
      [fc.uint8Array({ maxLength: 600 })],
      (world, bytes) => {
        if (!world.closed && world.shut && bytes.length > 0) return throwsCode('EPIPE', () => world.object.send(bytes));
        world.object.sendAll(bytes);
        if (world.closed || bytes.length === 0) return;
        assert.deepEqual([...world.others[0].recv(1000)], [...bytes]);
      },
    ],
    fill: [
      [fc.uint8Array({ minLength: 1, maxLength: 600 })],
      (world, bytes) => {
        assert.equal(world.object.blocking, false);
        world.others[0].sendAll(bytes);
        world.held.push(...bytes);
      },
    ],
    recv: [
      [fc.integer({ min: 1, max: 2000 }), fc.constantFrom(0, fdmux.MSG_PEEK)],
      (world, size, flags) => {
        if (!world.closed && world.held.length === 0) return throwsCode('EAGAIN', () => world.object.recv(size, flags));
        assert.deepEqual([...world.object.recv(size, flags)], world.held.slice(0, size));
        if (flags === 0) world.held.splice(0, size);
      },
    ],
    shutdown: [
      [],
      (world) => {
        world.object.shutdown(fdmux.SHUT_WR);
        world.shut = true;
      },
    ],
    options: [
      [],
      ({ object }) => {
        assert.equal(object.getOption(fdmux.SOL_SOCKET, fdmux.SO_TYPE), fdmux.SOCK_STREAM);
        assert.deepEqual([object.localAddress.family, object.remoteAddress.family], ['unix', 'unix']);
      },
    ],
  },
);

const inotify = ownerKind('ERR_INOTIFY_CLOSED', () => ({ object: new fdmux.Inotify(), wd: 0, news: [] }), {
  add: [
    [],
    (world) => {
      const wd = world.object.add('.', fdmux.IN_CREATE);
      assert.ok(wd > 0 && (world.wd === 0 || wd === world.wd));
      world.wd = wd;
    },
  ],
  create: [
    [fc.nat(9)],
    (world, i) => {
      if (world.closed) return world.object.read();
      writeFileSync(`made${i}`, '');
      rmSync(`made${i}`);
      if (world.wd > 0) world.news.push(`made${i}`);
    },
  ],
  remove: [
    [],
    (world) => {
      if (!world.closed && world.wd === 0) return throwsCode('EINVAL', () => world.object.remove(999));
      world.object.remove(world.wd);
      world.news.push('');
      world.wd = 0;
    },
  ],
  read: [
    [],
    (world) => {
      const names = world.object.read().map(({ name }) => name);
      // The same news twice in a row is told once.
      assert.deepEqual(
        names.filter((name, i) => i === 0 || name !== names[i - 1] || name === ''),
        world.news.filter((name, i) => i === 0 || name !== world.news[i - 1] || name === ''),
      );
      world.news = [];
    },
  ],
});

const signalPipe = ownerKind(
  'ERR_SIGNALPIPE_CLOSED',
  () => ({ object: new fdmux.SignalPipe(['SIGUSR2', 'SIGWINCH']) }),
  {
    signal: [
      [fc.constantFrom('SIGUSR2', 'SIGWINCH')],
      (world, signal) => {
        if (world.closed) return world.object.read();
        process.kill(process.pid, signal);
        assert.equal(fdmux.select([world.object], [], [], 10_000)[0].length, 1);
        assert.deepEqual(world.object.read(), [signal]);
      },
    ],
    read: [[], (world) => assert.deepEqual(world.object.read(), [])],
  },
);

const pidFd = ownerKind('ERR_PIDFD_CLOSED', () => ({ object: new fdmux.PidFd(process.pid) }), {
  ended: [[], ({ object }) => assert.equal(object.ended, false)],
});

/** Watches on Node.js's loop: after a turn, those that are ready have been told, and no others. */
function watchKind(open) {
  return {
    open: () => ({ pipes: pipes(), watches: [] }),
    close: ({ watches, pipes }) => {
      for (const { watch } of watches) watch.close();
      pipes.close();
    },
    steps: {
      ...traffic,
      watch: [
        [end, mask],
        (world, i, events) => {
          const made = { i, events, told: 0, closed: false };
          made.watch = open(world.pipes.end(i), events, (ready) => {
            assert.equal(made.closed, false);
            made.told |= ready;
          });
          world.watches.push(made);
        },
      ],
      change: [
        [fc.nat(9), fc.integer({ min: 0, max: 3 })],
        ({ watches }, at, events) => {
          const one = watches[at];
          if (one === undefined) return;
          if (one.closed) return throwsCode('ERR_WATCH_CLOSED', () => one.watch.change(events));
          one.watch.change(events);
          one.events = events;
        },
      ],
      close: [
        [fc.nat(9)],
        ({ watches }, at) => {
          const one = watches[at];
          one?.watch.close();
          if (one !== undefined) one.closed = true;
        },
      ],
      turn: [
        [],
        async ({ watches, pipes }) => {
          for (const one of watches) one.told = 0;
          await turns(3);
          for (const { i, events, told, closed } of watches) assert.equal(told, closed ? 0 : pipes.ready(i, events));
        },
      ],
    },
  };
}
const bits = (events) => (events & READ ? sys.EPOLLIN : 0) | (events & WRITE ? sys.EPOLLOUT : 0);
const told = (events) => (events & sys.EPOLLIN ? READ : 0) | (events & sys.EPOLLOUT ? WRITE : 0);
function watched(fd, events, callback) {
  const watch = fdmux.watch(fd, bits(events), (ready) => callback(told(ready)));
  return {
    change: (next) => {
      watch.unref().ref().events = bits(next);
    },
    close: () => {
      watch.close();
      assert.deepEqual([watch.fd, watch.closed], [-1, true]);
    },
  };
}
function watchedAsNpmEpoll(fd, events, callback) {
  const epoll = new compat.Epoll((error, _, ready) => callback(error ? NaN : told(ready)));
  epoll.add(fd, bits(events));
  return {
    change: (next) => {
      if (epoll.closed) throwsCode('ERR_EPOLL_CLOSED', () => epoll.modify(fd, bits(next)));
      if (epoll.closed) throw Object.assign(new Error(), { code: 'ERR_WATCH_CLOSED' });
      epoll.modify(fd, bits(next));
    },
    close: () => (epoll.closed ? throwsCode('ERR_EPOLL_CLOSED', () => epoll.close()) : epoll.close()),
  };
}

const MANY = 8;
const traces = {
  open: () => ({ made: [] }),
  close: ({ made }) => {
    for (const { trace } of made) trace.stop();
  },
  steps: {
    start: [
      [fc.constantFrom('all', 'none', 'told')],
      ({ made }, what) => {
        if (made.length >= MANY) return;
        const one = { what, calls: 0, on: true, told: 0 };
        const options = {
          all: {},
          none: { only: ['write'] },
          told: {
            onCall: () => {
              one.told++;
              sys.dup(-1);
            },
          },
        }[what];
        one.trace = trace({ memory: 65536, ...options });
        made.push(one);
      },
    ],
    call: [
      [],
      ({ made }) => {
        sys.dup(-1);
        const running = made.filter(({ on }) => on);
        // What a callback calls is in every trace but its own.
        const more = running.filter(({ what }) => what === 'told').length;
        for (const one of running) if (one.what === 'all') one.calls += 1;
        for (const one of running) if (one.what === 'told') one.calls += 1;
        for (const one of running) one.loose = (one.loose ?? 0) + more;
      },
    ],
    look: [
      [],
      ({ made }) => {
        for (const { trace, calls, what, on, loose = 0 } of made) {
          assert.equal(trace.recording, on);
          assert.equal(trace.calls.length, trace.size);
          if (what === 'none') assert.equal(trace.size, 0);
          else if (loose === 0) assert.equal(trace.size + trace.dropped, calls);
          else assert.ok(trace.size + trace.dropped >= calls);
          assert.equal(trace.toText().split('\n').length - 1, trace.size + (trace.dropped > 0 ? 1 : 0));
        }
      },
    ],
    stop: [
      [fc.nat(MANY)],
      ({ made }, i) => {
        made[i]?.trace.stop();
        if (made[i]) made[i].on = false;
      },
    ],
    clear: [
      [fc.nat(MANY)],
      ({ made }, i) => {
        made[i]?.trace.clear();
        if (made[i]) Object.assign(made[i], { calls: 0, loose: 0 });
      },
    ],
  },
};

const kinds = {
  Epoll: epollKind(),
  Poll: pollKind(),
  DefaultSelector: selectorKind(selectors.DefaultSelector),
  EpollSelector: selectorKind(selectors.EpollSelector),
  PollSelector: selectorKind(selectors.PollSelector),
  SelectSelector: selectorKind(selectors.SelectSelector),
  ...{
    EventFd: eventFd(false),
    'EventFd as a semaphore': eventFd(true),
    Waker: waker,
    TimerFd: timerFd,
    Pipe: pipe,
    Socket: socket,
  },
  ...{ Inotify: inotify, SignalPipe: signalPipe, PidFd: pidFd, watch: watchKind(watched) },
  ...{ 'compat Epoll': watchKind(watchedAsNpmEpoll), trace: traces },
};

class Step {
  constructor(name, args, run) {
    Object.assign(this, { name, args, call: run });
  }
  check() {
    return true;
  }
  async run(world) {
    await this.call(world, ...this.args);
  }
  toString() {
    return `${this.name}(${this.args.map((arg) => fc.stringify(arg)).join(', ')})`;
  }
}

const commands = ({ steps }) =>
  fc.commands(
    Object.entries(steps).map(([name, [values, run]]) => fc.tuple(...values).map((args) => new Step(name, args, run))),
    {
      maxCommands: 30,
    },
  );

async function main() {
  const wrong = [];
  process.on('uncaughtException', (error) => wrong.push(`an uncaught exception: ${error.stack}`));
  // What Node.js opens with the first of each.
  for (const kind of Object.values(kinds)) await kind.close(await kind.open());
  await turns(4);
  const own = openDescriptors().length;
  let sequences = 0;
  const began = performance.now();
  do {
    for (const [name, kind] of Object.entries(kinds)) {
      if (!wanted(name)) continue;
      let run = 0;
      const property = fc.asyncProperty(commands(kind), async (chosen) => {
        trying(name, run++, () => [...chosen.commands].map(({ cmd }) => String(cmd)).join(' '));
        sequences++;
        const world = kind.open();
        try {
          await fc.asyncModelRun(() => ({ model: world, real: undefined }), chosen);
        } finally {
          kind.close(world);
        }
        for (let i = 0; i < 4 && openDescriptors().length !== own; i++) await nextTurn();
        assert.equal(openDescriptors().filter(isOpen).length, own, 'descriptors that are open');
      });
      const details = await fc.check(property, parameters(RUNS));
      if (details.failed) {
        const { seed, counterexamplePath: path, counterexample, errorInstance } = details;
        wrong.push(`${name}: ${counterexample}: ${errorInstance?.stack ?? errorInstance} (seed ${seed}, path ${path})`);
      }
    }
    asked.seed++;
  } while (asked.seconds !== undefined && (performance.now() - began) / 1000 < asked.seconds && wrong.length === 0);
  report({ sequences, wrong });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
