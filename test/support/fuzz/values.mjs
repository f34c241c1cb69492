// Values for each parameter: anything at all, this project's own nasties, and what is right or almost so.
import { readFileSync } from 'node:fs';
import { types } from 'node:util';
import fc from 'fast-check';
import * as sys from 'fdmux/sys';
import { trace } from 'fdmux/trace';
import { boom, hostile } from '../nasty.mjs';
import { fds } from './sandbox.mjs';

/** Made anew for each call, which may change it; shown by its name. */
class Value {
  constructor(name, make) {
    this.make = make;
    this[fc.toStringMethod] = () => name;
  }
}

const nasty = fc.constantFrom(...Object.entries(hostile)).map(([name, make]) => new Value(name, make));
const plain = fc.oneof(
  fc.anything({
    ...{ withBigInt: true, withBoxedValues: true, withDate: true, withMap: true, withNullPrototype: true },
    ...{ withObjectString: true, withSet: true, withSparseArray: true, withTypedArray: true, maxDepth: 2 },
  }),
  fc.integer(),
  fc.integer({ min: -2, max: 70 }),
  fc.double(),
  fc.string({ maxLength: 300 }),
);
/** Anything at all. */
export const anything = fc.oneof(
  nasty,
  plain.map((value) => new Value(fc.stringify(value), () => value)),
);

/** One of these, made by functions of the sandbox's descriptors. */
const oneOf = (...makers) =>
  fc.constantFrom(...makers).map((make) => new Value(make.toString().replace('() => ', ''), make));
const object = (fields) =>
  fc.record(fields, { requiredKeys: [] }).map((values) => {
    const make = () => Object.fromEntries(Object.entries(values).map(([key, value]) => [key, value.make()]));
    return new Value(fc.stringify(values), make);
  });

const descriptor = fc
  .constantFrom('r', 'w', 'a', 'b', 'listener', 'client', 'datagram', 'epoll', 'timer', 'counter', 'inotify', 'folder')
  .chain((name) =>
    fc.constantFrom(
      new Value(`the ${name}`, () => fds[name]),
      new Value(`{ fd: the ${name} }`, () => ({ fd: fds[name] })),
      new Value(`{ fd: ${name}, then another }`, () => {
        const numbers = [fds[name], fds.r];
        return {
          get fd() {
            return numbers.length > 1 ? numbers.shift() : numbers[0];
          },
        };
      }),
    ),
  );
const number = (...numbers) => fc.constantFrom(...numbers).map((value) => new Value(String(value), () => value));
const masks = number(0, 1, 4, 5, 8, 16, 64, 0x2000, -1, 2 ** 28, 2 ** 30, 2 ** 31, -(2 ** 31) + 1, 65535, 65536);
const texts = (...list) => fc.constantFrom(...list).map((text) => new Value(JSON.stringify(text), () => text));
const list = (one) =>
  fc.array(one, { maxLength: 5 }).map((all) => new Value(fc.stringify(all), () => all.map((value) => value.make())));

const signals = texts('SIGUSR2', 'SIGWINCH', 'SIGKILL', 'SIGTERM', 'SIGNOT');
const callback = oneOf(
  () => () => {},
  () => boom,
  () => async () => {},
);
// Only this machine, and no port that anybody listens on.
const address = fc.oneof(
  oneOf(
    () => new sys.SockAddr(),
    () => ({ family: 'unix', path: 'socket' }),
    () => ({ family: 'IPv4', address: '127.0.0.1', port: 0 }),
  ),
  object({
    family: fc.oneof(texts('IPv4', 'IPv6', 'unix'), anything),
    address: fc.oneof(texts('127.0.0.1', '::1', '', '127.0.0.256', '127.0.0.1\0'), nasty),
    port: fc.oneof(number(0, 9, 65536, -1, 1.5), nasty),
    path: fc.oneof(texts('socket', '\0name', '', 'x'.repeat(108), 'a\0b'), nasty),
  }),
);
/** What ends what still waits when a call has been tried. */
export const controllers = [];
function abortable() {
  const controller = new AbortController();
  controllers.push(controller);
  return controller.signal;
}
const signal = oneOf(
  () => AbortSignal.abort(),
  abortable,
  () => Object.create(AbortSignal.prototype),
);
const bytes = oneOf(
  () => new Uint8Array(16),
  () => Buffer.alloc(3),
  () => new Uint8Array(0),
);
const ints = oneOf(
  () => new Int32Array(2),
  () => new Int32Array(1),
);
const doubles = oneOf(
  () => new Float64Array(4),
  () => Float64Array.of(0, 0, 0, 1),
  () => Float64Array.of(0, 1.5, 0, -1),
);
const eventRoom = oneOf(() => new sys.EpollEvents(4));
const pollRoom = oneOf(
  () => new sys.PollFds(4),
  () => {
    const room = new sys.PollFds(2);
    room.set(0, fds.w, 4);
    return room;
  },
);
const fdSet = oneOf(
  () => new sys.FdSet(),
  () => new sys.FdSet(2048).add(fds.w),
  () => null,
);

/** What a trace has: real, and with one of its fields, at any depth, replaced by whatever. */
const sample = (() => {
  const traced = trace();
  const [two, four] = [new Int32Array(2), new Float64Array(4)];
  const room = new sys.PollFds(2);
  sys.pipe2(two, 0);
  room.set(0, two[0], 1);
  const epfd = sys.epoll_create1(0);
  sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, two[0], 1, 7);
  sys.write(two[1], Buffer.from('abc'));
  sys.epoll_wait(epfd, new sys.EpollEvents(2), 2, 0);
  sys.poll(room, 2, 0);
  sys.select(two[1] + 1, new sys.FdSet().add(two[0]), null, null, 0);
  sys.read(two[0], new Uint8Array(8));
  sys.bind(-1, { family: 'unix', path: 'x' });
  sys.timerfd_settime(-1, 0, four, four);
  sys.getrlimit(sys.RLIMIT_NOFILE, new Float64Array(2));
  sys.inotify_add_watch(-1, '/', 1);
  sys.getsockopt(-1, 1, 3, new Int32Array(1));
  for (const fd of [...two, epfd]) sys.close(fd);
  traced.stop();
  return traced;
})();
const header = sample.header;
const calls = sample.calls;
const lines = sample.toJSONLines();

function replaced(original) {
  const ways = [];
  (function walk(value, way) {
    ways.push(way);
    if (typeof value === 'object' && value !== null && !ArrayBuffer.isView(value)) {
      for (const key of Object.keys(value)) walk(value[key], [...way, key]);
    }
  })(original, []);
  return fc.tuple(fc.constantFrom(...ways), anything).map(([way, value]) => {
    const make = () => {
      const copy = structuredClone(original);
      if (way.length === 0) return value.make();
      way.slice(0, -1).reduce((at, key) => at[key], copy)[way.at(-1)] = value.make();
      return copy;
    };
    return new Value(`${JSON.stringify(original).slice(0, 200)} with ${way.join('.')} = ${fc.stringify(value)}`, make);
  });
}
const call = fc.constantFrom(...calls).chain(replaced);
const end = fc.oneof(object({ dropped: anything, code: anything, signal: anything }), number(undefined));
const text = fc
  .tuple(fc.nat(lines.length), fc.nat(6), fc.oneof(fc.string(), fc.json(), fc.constant('')))
  .map(([at, cut, put]) => lines.slice(0, at) + put + lines.slice(at + cut))
  .map((made) => new Value(JSON.stringify(made), () => made));

const timeouts = number(0, 0.001, 1, 2.5, -0, 3);
const count = number(0, 1, 2, 64, 1024, 4096);

/** What each parameter is about, by its name; `CALL NAME` where a call has its own. One that is missing fails the test. */
const right = {
  ...{ fd: descriptor, epfd: descriptor, fileobj: descriptor, dirfd: fc.oneof(descriptor, number(sys.AT_FDCWD)) },
  ...{ rlist: list(descriptor), wlist: list(descriptor), xlist: list(descriptor), fds: pollRoom },
  ...{ readfds: fdSet, writefds: fdSet, exceptfds: fdSet, from: fc.oneof(fdSet, address) },
  ...{
    events: fc.oneof(masks, eventRoom, texts('readable', 'writable')),
    op: number(1, 2, 3),
    tag: masks,
    mask: masks,
  },
  ...{ timeout: timeouts, timeoutNs: timeouts, timeoutUs: timeouts, maxevents: count, maxEvents: count, nfds: count },
  ...{
    buffer: bytes,
    data: bytes,
    offset: count,
    length: count,
    size: count,
    capacity: count,
    i: count,
    backlog: count,
  },
  ...{
    flags: masks,
    mode: masks,
    resolve: masks,
    level: number(1, 6, 0, 41),
    optname: masks,
    name: fc.oneof(masks, signals),
  },
  ...{ optval: fc.oneof(ints, bytes, masks), value: fc.oneof(masks, bytes), argp: ints, sv: ints, pipefd: ints },
  ...{ domain: number(1, 2, 10), family: number(1, 2, 10), type: number(1, 2, 5), protocol: number(0, 6, 17) },
  ...{
    how: number(0, 1, 2),
    cmd: number(0, 1030, 1, 2, 3, 4, 1031, 1032),
    arg: masks,
    request: number(sys.FIONREAD, sys.TIOCOUTQ),
  },
  ...{ address, to: address, blocking: number(true, false), resource: number(sys.RLIMIT_NOFILE) },
  ...{
    rlim: oneOf(() => new Float64Array(2)),
    initval: masks,
    initial: masks,
    clockid: count,
    clock: count,
    interval: timeouts,
  },
  ...{ newValue: doubles, oldValue: doubles, pid: number(process.pid, 1, 0), wd: count, signum: number(10, 12, 28, 9) },
  ...{ pathname: texts('file', '.', ''), path: texts('file', '.', ''), signals: list(signals), signal, callback },
  ...{
    semaphore: number(true, false),
    absolute: number(true, false),
    memory: number(65536, 100_000),
    only: list(texts('read', 'recvfrom', 'x')),
  },
  ...{
    onCall: callback,
    nameOf: oneOf(
      () => () => 'name',
      () => () => undefined,
      () => boom,
    ),
    align: count,
    prefix: texts('', 'x'),
  },
  ...{
    durations: number(true),
    relative: number(true),
    code: count,
    dropped: count,
    started: texts(header.started, ''),
  },
  ...{
    made: call,
    call,
    calls: list(call),
    header: replaced(header),
    entry: fc.oneof(call, replaced(header), end),
    end,
    text,
  },
  ...{ adopt: number(undefined), key: anything, entries: list(call) },
  'fdmux/sys signalNumber name': signals,
};
/** The fields of options that are not taken apart in the parameter list. */
const OPTIONS = {
  'fdmux Epoll#ready': ['timeout', 'signal'],
  'fdmux/trace trace': ['memory', 'only', 'fd', 'onCall'],
  'fdmux/trace TraceText constructor': ['nameOf', 'durations', 'relative', 'clock'],
  'Trace#toText': ['nameOf', 'durations', 'relative', 'clock'],
};

const SOFT_AND_HARD = readFileSync('/proc/self/limits', 'latin1')
  .match(/Max open files\s+(\d+)\s+(\d+)/)
  .slice(1)
  .map(Number);
/** A wait on this floor has its own forms of "for ever". */
const LONGEST = { timeout: 5, timeoutUs: 5000, timeoutNs: 5_000_000 };
const KEEPS_MEMORY = new Set(['capacity', 'size', 'maxEvents', 'maxevents', 'memory', 'align', 'length']);
/** Without a signal these wait for ever, and as they should. */
const WAITS_FOR_EVER = new Set(['fdmux readable', 'fdmux writable']);
const DESCRIPTORS = new Set(['fd', 'epfd', 'dirfd', 'fileobj']);

/**
 * What must not be tried, and why: what waits for ever because it is told to, descriptors of the runner's own, files and
 * addresses outside the sandbox, gigabytes of memory, and fewer descriptors than the runner needs.
 */
function permitted(entry, name, value) {
  if (name in LONGEST) {
    const forEver = entry.startsWith('fdmux/sys ') ? value === null : value === null || value === undefined;
    if (forEver) return 0;
    if (typeof value !== 'number') return value;
    if (value > LONGEST[name]) return LONGEST[name];
    // A negative one of milliseconds is for ever, too, in C.
    return entry.startsWith('fdmux/sys ') && name === 'timeout' && value < 0 ? 0 : value;
  }
  if (KEEPS_MEMORY.has(name)) return typeof value === 'number' && value > 2 ** 20 && value <= 2 ** 31 ? 2 ** 20 : value;
  if (DESCRIPTORS.has(name)) {
    const own = typeof value === 'number' && value >= 0 && value < 1_000_000 && !Object.values(fds).includes(value);
    return own ? value + 1_000_000 : value;
  }
  if ((name === 'pathname' || name === 'path') && typeof value === 'string') return value.replace(/^\/|\.\./g, '_');
  if (name === 'rlim' && types.isFloat64Array(value) && value.length >= 2) value.set(SOFT_AND_HARD);
  return value;
}

/** Arguments for a call, in their places; sometimes fewer, unless that is to wait for ever. */
export function argumentsOf({ name: entry, places }) {
  const values = places.map(({ name, fields }) => {
    const known = right[`${entry} ${name}`] ?? right[name];
    const keys = fields.length > 0 ? fields : (OPTIONS[entry] ?? []);
    if (WAITS_FOR_EVER.has(entry) && name === 'options') {
      return fc
        .oneof(signal, anything)
        .map((one) => new Value(`{ signal: ${fc.stringify(one)} }`, () => ({ signal: one.make() ?? 0 })));
    }
    const options = object(Object.fromEntries(keys.map((key) => [key, fc.oneof(right[key], anything)])));
    const wanted = known ?? (name === 'options' && keys.length > 0 ? options : undefined);
    if (wanted === undefined) throw new Error(`${entry}: no values for "${name}"`);
    const one = fc.oneof({ weight: 3, arbitrary: wanted }, { weight: 1, arbitrary: anything });
    return one.map((value) => {
      const made = new Value(fc.stringify(value), () => permitted(entry, name, value.make()));
      return made;
    });
  });
  if (WAITS_FOR_EVER.has(entry)) return fc.tuple(...values);
  const waits = places.findIndex(({ name }) => name in LONGEST);
  const fewest = waits === -1 ? 0 : waits + 1;
  return fc
    .tuple(
      fc.tuple(...values),
      fc.oneof(
        { weight: 4, arbitrary: fc.constant(places.length) },
        { weight: 1, arbitrary: fc.integer({ min: fewest, max: places.length }) },
      ),
    )
    .map(([all, length]) => all.slice(0, length));
}
