// Calls everything that the package exports with whatever there is, in every place: a result or an error, and afterwards
// the same descriptors as before. Started by test/hostile, which sees a crash or a hang.
import fc from 'fast-check';
import * as fdmux from 'fdmux';
import * as compat from 'fdmux/compat/epoll';
import * as selectors from 'fdmux/selectors';
import * as sys from 'fdmux/sys';
import * as traces from 'fdmux/trace';
import { hostile, Marker } from '../nasty.mjs';
import { asked, parameters, report, trying, wanted } from './progress.mjs';
import { build, fds, isOpen, mend, openDescriptors } from './sandbox.mjs';
import { surface } from './surface.mjs';
import { argumentsOf, controllers } from './values.mjs';

const RUNS = 30;

function registered(selector) {
  selector.register(fds.w, selectors.EVENT_WRITE, 'data');
  return selector;
}
function nonBlocking([one, other]) {
  one.setBlocking(false);
  other.setBlocking(false);
  other.send(Buffer.from('something to read'));
  partners.push(other);
  return one;
}
/** Closed with the object that they belong to. */
const partners = [];
const sockets = [
  () => nonBlocking(fdmux.socketpair()),
  () => nonBlocking(fdmux.socketpair(fdmux.AF_UNIX, fdmux.SOCK_DGRAM)),
  () => fdmux.Socket.fromFd(fds.listener),
  () => fdmux.Socket.fromFd(fds.client),
];
let turn = 0;

/** An object of each class, new, and none of whose calls blocks. */
const makers = {
  'fdmux Epoll': () => {
    const epoll = new fdmux.Epoll();
    epoll.register(fds.w, fdmux.EPOLLOUT);
    return epoll;
  },
  'fdmux EpollEvents': () => new fdmux.EpollEvents(4),
  'fdmux EventFd': () => new fdmux.EventFd(1),
  'fdmux Inotify': () => {
    const inotify = new fdmux.Inotify();
    inotify.add('.', fdmux.IN_CREATE);
    return inotify;
  },
  'fdmux PidFd': () => new fdmux.PidFd(process.pid),
  'fdmux Pipe': () => {
    const pipe = new fdmux.Pipe(fdmux.O_NONBLOCK);
    pipe.write(Buffer.from('something to read'));
    return pipe;
  },
  'fdmux Poll': () => {
    const poll = new fdmux.Poll();
    poll.register(fds.w, fdmux.POLLOUT);
    return poll;
  },
  'fdmux SignalPipe': () => new fdmux.SignalPipe(['SIGUSR2']),
  'fdmux Socket': () => sockets[turn++ % sockets.length](),
  'fdmux TimerFd': () => new fdmux.TimerFd(),
  'fdmux Waker': () => new fdmux.Waker(),
  'fdmux/sys FdSet': () => new sys.FdSet().add(fds.w),
  'fdmux/sys PollFds': () => new sys.PollFds(4),
  'fdmux/sys SockAddr': () => new sys.SockAddr({ family: 'IPv4', address: '127.0.0.1', port: 1 }),
  'fdmux/selectors Selector': () => registered(new selectors.PollSelector()),
  'fdmux/selectors DefaultSelector': () => registered(new selectors.DefaultSelector()),
  'fdmux/selectors EpollSelector': () => registered(new selectors.EpollSelector()),
  'fdmux/selectors PollSelector': () => registered(new selectors.PollSelector()),
  'fdmux/selectors SelectSelector': () => registered(new selectors.SelectSelector()),
  'fdmux/compat/epoll Epoll': () => new compat.Epoll(() => {}).add(fds.w, compat.Epoll.EPOLLOUT),
  'fdmux/trace NoTrace': () => new traces.NoTrace(),
  'fdmux/trace TraceText': () => new traces.TraceText({ started: new Date().toISOString(), pid: process.pid }),
  Trace: () => {
    const traced = traces.trace({ memory: 65536 });
    sys.dup(-1);
    return traced;
  },
  Watch: () => fdmux.watch(fds.w, 'writable', () => {}),
  Writer: () => {
    const pipe = new fdmux.Pipe(fdmux.O_NONBLOCK);
    partners.push(pipe);
    return pipe.writer;
  },
  SelectorMap: () => {
    const selector = registered(new selectors.DefaultSelector());
    partners.push(selector);
    return selector.getMap();
  },
};
/** What exported functions and properties hand out, of classes that are not exported. */
const PRODUCED = ['Trace', 'Watch', 'Writer', 'SelectorMap'];

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

function close(value) {
  if (Array.isArray(value)) {
    for (const one of value) close(one);
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const prototype = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return;
  for (const method of ['close', 'stop']) {
    if (typeof prototype[method] !== 'function' || value.closed === true) continue;
    try {
      prototype[method].call(value);
    } catch {
      // In name only.
    }
  }
}

const wrong = [];
function complain(what) {
  if (!wrong.includes(what)) wrong.push(what);
}
process.on('uncaughtException', (error) => {
  // What a callback throws.
  if (!(error instanceof Marker)) complain(`an uncaught exception: ${error?.stack ?? error}`);
});
process.on('warning', (warning) => {
  if (/garbage collected/.test(warning.message)) complain(`lost: ${warning.message}`);
});

const counted = { calls: 0, results: 0, errors: 0, withoutCode: 0 };
/** Plain errors of JavaScript's own, by what threw them: they say less than ours. */
const plainErrors = new Map();

function judge(entry, error, ownSelf) {
  counted.errors++;
  if (!(error instanceof Error)) throw new Error(`threw what is no error: ${fc.stringify(error)}`);
  if (/call stack|out of memory/i.test(error.message)) throw error;
  if (typeof error.code === 'string' || error instanceof Marker) return;
  if (!ownSelf) return;
  counted.withoutCode++;
  plainErrors.set(`${entry.name}: ${error.message.slice(0, 80)}`, error);
}

async function settled(promise, instance) {
  await nextTurn();
  close(instance);
  for (const controller of controllers.splice(0)) controller.abort();
  const never = new Promise((_, reject) => setTimeout(reject, 5000, new Error('never settles')).unref());
  return Promise.race([promise, never]);
}

let own = new Set();

/** One call. Throws for whatever must not be. */
async function attempt(entry, values, self) {
  const instance = entry.type === undefined ? undefined : makers[entry.type]();
  const args = values.map((value) => value.make());
  let result;
  let threw = true;
  counted.calls++;
  try {
    result = entry.call(self === undefined ? instance : self.make(instance), args);
    threw = false;
    if (entry.name.startsWith('fdmux/sys ') && typeof result === 'number' && !Number.isInteger(result)) {
      throw new Error(`returned ${result}`);
    }
    counted.results++;
  } catch (error) {
    judge(entry, error, self === undefined);
  }
  if (result instanceof Promise) {
    result.catch(() => {});
    try {
      result = await settled(result, instance);
    } catch (error) {
      if (error?.message === 'never settles') throw error;
      judge(entry, error, self === undefined);
    }
  }
  close(result);
  close(result);
  close(instance);
  for (const partner of partners.splice(0)) close(partner);
  if (entry.name.includes('signal_pipe_add')) {
    for (const [signum, fd] of args.length === 2 ? [args] : []) {
      while (typeof signum === 'number' && typeof fd === 'number' && sys.signal_pipe_remove(signum | 0, fd | 0) === 0);
    }
  }
  await balanced(entry, threw);
}

/** Nothing is left open, and nothing else was closed. */
async function balanced(entry, threw) {
  let left = openDescriptors().filter((fd) => !own.has(fd));
  // Calls that open hand out plain numbers: theirs to close is who called.
  if (!threw && entry.name.startsWith('fdmux/sys ')) {
    for (const fd of left) sys.close(fd);
    left = [];
  }
  // Node.js's loop gives back what it watched on its next turn.
  for (let turns = 0; turns < 4 && left.length > 0; turns++) {
    await nextTurn();
    left = left.filter(isOpen);
  }
  for (const fd of left) sys.close(fd);
  mend();
  const lost = [...own].filter((fd) => !isOpen(fd));
  if (left.length > 0) throw new Error(`left ${left.length} descriptors open`);
  if (lost.length > 0) throw new Error(`closed descriptors that are not its own: ${lost}`);
}

/** Mostly the object itself; otherwise what has its shape, or not even that. */
const selfOf = ({ prototype }) =>
  fc.oneof(
    { weight: 5, arbitrary: fc.constant(undefined) },
    {
      weight: 1,
      arbitrary: fc
        .constantFrom(
          ['in name only', () => Object.create(prototype)],
          ['a proxy', (instance) => new Proxy(instance, {})],
          ['a heir', (instance) => Object.create(instance)],
          ...Object.entries(hostile),
        )
        .map(([name, make]) => ({ make, [fc.toStringMethod]: () => `this: ${name}` })),
    },
  );

async function main() {
  build();
  const produced = Object.fromEntries(PRODUCED.map((name) => [name, makers[name]()]));
  close(makers['fdmux SignalPipe']());
  const entries = await surface(produced);
  for (const object of [...Object.values(produced), ...partners.splice(0)]) close(object);
  await nextTurn();
  await nextTurn();
  own = new Set(openDescriptors());
  const unknown = entries.filter(({ type }) => type !== undefined && makers[type] === undefined);
  for (const { name } of unknown) complain(`${name}: there is no object to try it with`);

  const began = performance.now();
  const tried = new Set();
  do {
    for (const entry of entries) {
      if (!wanted(entry.name) || unknown.includes(entry)) continue;
      tried.add(entry);
      let run = 0;
      const values = fc.record({
        args: argumentsOf(entry),
        self: entry.type === undefined ? fc.constant(undefined) : selfOf(entry),
      });
      const property = fc.asyncProperty(values, async (given) => {
        trying(entry.name, run++, () => fc.stringify(given));
        await attempt(entry, given.args, given.self);
      });
      // What takes nothing has little to be tried with.
      const details = await fc.check(property, parameters(entry.places.length === 0 ? RUNS / 3 : RUNS));
      if (details.failed) {
        const { seed, counterexamplePath: path, counterexample } = details;
        complain(
          `${entry.name}: ${fc.stringify(counterexample)}: ${details.errorInstance?.stack ?? details.errorInstance} (seed ${seed}, path ${path})`,
        );
      }
    }
    asked.seed++;
  } while (asked.seconds !== undefined && (performance.now() - began) / 1000 < asked.seconds && wrong.length === 0);
  report({
    ...counted,
    tried: tried.size,
    entries: entries.length,
    wrong,
    plain: asked.plain ? [...plainErrors.keys()] : undefined,
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
