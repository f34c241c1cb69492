/**
 * The scaling benchmark through fdmux/sys: a contestant, in a process of its own. It is c/scaling.h and c/scaling.c in
 * TypeScript, in the same order; libevent's test/bench.c is where the work comes from.
 */
import { createInterface } from 'node:readline';
import { succeeded } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { threads } from '../measure/machine.js';
import { median } from '../measure/statistics.js';

/** select(2) looks at every descriptor up to the highest: the pairs have to begin at the same one in each contestant. */
const FIRST_FD = 50;
const MAX_RUNS = 10_000;
const MAXEVENTS = 1024;
/** In milliseconds. */
const WARM_UP = 60;
const EDGE_BYTES = 64;
const E = 0x65;

/** One way to watch the pairs. */
interface Method {
  /** Watches every pair anew, as libevent's program does before each run. */
  watch(): void;
  /** Looks once, without waiting, and calls `came` for each pair that is ready. */
  look(): void;
  unwatch(): void;
}

/** The reading and the writing end of each pair: 2 × i, 2 × i + 1. */
let pairs = new Int32Array(0);
let pairsOpen = 0;
let pairCount = 0;
let active = 0;
let writes = 0;
let fired = 0;
let count = 0;

const byte = Buffer.from('e');
const bytes = Buffer.alloc(EDGE_BYTES);

function sendTo(pair: number): void {
  if (sys.write(pairs[2 * pair + 1] as number, byte) !== 1) throw new Error(`pair ${pair} takes no byte`);
  fired++;
}

/** So many bytes have been read from a pair. */
function came(pair: number, many: number): void {
  count += many;
  for (; many > 0 && writes > 0; many--, writes--) sendTo(pair + 1 < pairCount ? pair + 1 : 0);
}

function readOne(pair: number): void {
  const got = sys.read(pairs[2 * pair] as number, bytes, 0, 1);
  if (got !== 1 || bytes[0] !== E) throw new Error(`pair ${pair} was ready, and read gave ${got}`);
  bytes[0] = 0;
  came(pair, 1);
}

function select(): Method {
  let nfds = 0;
  let watched = new sys.FdSet(1);
  let ready = new sys.FdSet(1);
  let pairOf = new Int32Array(0);
  return {
    watch() {
      nfds = 0;
      for (let i = 0; i < pairCount; i++) nfds = Math.max(nfds, (pairs[2 * i] as number) + 1);
      if (watched.size !== nfds) {
        [watched, ready] = [new sys.FdSet(nfds), new sys.FdSet(nfds)];
        pairOf = new Int32Array(nfds);
      }
      watched.clear();
      for (let i = 0; i < pairCount; i++) {
        watched.add(pairs[2 * i] as number);
        pairOf[pairs[2 * i] as number] = i;
      }
    },
    look() {
      const left = succeeded('select', sys.select(nfds, ready.copy(watched), null, null, 0));
      if (left > 0) for (const fd of ready) readOne(pairOf[fd] as number);
    },
    unwatch() {},
  };
}

function poll(): Method {
  let fds = new sys.PollFds(1);
  return {
    watch() {
      if (fds.capacity !== pairCount) fds = new sys.PollFds(pairCount);
      for (let i = 0; i < pairCount; i++) fds.set(i, pairs[2 * i] as number, sys.POLLIN);
    },
    look() {
      let left = succeeded('poll', sys.poll(fds, pairCount, 0));
      for (let i = 0; left > 0; i++) {
        if (fds.revents(i) === 0) continue;
        left--;
        readOne(i);
      }
    },
    unwatch() {},
  };
}

const events = new sys.EpollEvents(MAXEVENTS);
const epfd = succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));

/** @param serve reads what an event says is there */
function epoll(mask: number, serve: (pair: number) => void): Method {
  let registered = 0;
  const control = (op: number, pair: number) => {
    succeeded('epoll_ctl', sys.epoll_ctl(epfd, op, pairs[2 * pair] as number, mask, pair));
  };
  return {
    watch() {
      for (let i = 0; i < pairCount; i++) {
        if (i < registered) control(sys.EPOLL_CTL_DEL, i);
        control(sys.EPOLL_CTL_ADD, i);
      }
      registered = pairCount;
    },
    look() {
      const found = succeeded('epoll_wait', sys.epoll_wait(epfd, events, MAXEVENTS, 0));
      for (let i = 0; i < found; i++) serve(events.tag(i));
    },
    unwatch() {
      for (let i = 0; i < registered; i++) control(sys.EPOLL_CTL_DEL, i);
      registered = 0;
    },
  };
}

/** An edge is told once: all that is there has to be taken. Less than was asked for is all. */
function readAll(pair: number): void {
  const got = sys.read(pairs[2 * pair] as number, bytes);
  if (got < 1 || got === EDGE_BYTES || bytes[got - 1] !== E) throw new Error(`pair ${pair}: read gave ${got}`);
  bytes[got - 1] = 0;
  came(pair, got);
}

const ONESHOT = sys.EPOLLIN | sys.EPOLLONESHOT;

function readOneAndRearm(pair: number): void {
  readOne(pair);
  succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_MOD, pairs[2 * pair] as number, ONESHOT, pair));
}

const methods: Readonly<Record<string, Method>> = {
  select: select(),
  poll: poll(),
  level: epoll(sys.EPOLLIN, readOne),
  edge: epoll(sys.EPOLLIN | sys.EPOLLET, readAll),
  oneshot: epoll(ONESHOT, readOneAndRearm),
};

function openPairs(wanted: number): void {
  while (pairsOpen > wanted) {
    pairsOpen--;
    sys.close(pairs[2 * pairsOpen] as number);
    sys.close(pairs[2 * pairsOpen + 1] as number);
  }
  const kept = pairs.subarray(0, 2 * pairsOpen);
  pairs = new Int32Array(2 * wanted);
  pairs.set(kept);
  for (; pairsOpen < wanted; pairsOpen++) {
    const sv = pairs.subarray(2 * pairsOpen, 2 * pairsOpen + 2);
    succeeded('socketpair', sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0, sv));
  }
  pairCount = wanted;
}

/** @returns how long it took, in nanoseconds */
function runOnce(method: Method, total: number): number {
  method.watch();
  count = 0;
  fired = 0;
  method.look();
  if (count !== 0) throw new Error(`${count} bytes were left`);
  const space = Math.trunc(pairCount / active);
  for (let i = 0; i < active; i++) sendTo(i * space);
  writes = total;
  const start = process.hrtime.bigint();
  do {
    const before: number = count;
    method.look();
    if (count === before) throw new Error(`an event was lost: ${fired} bytes were sent, ${count} came`);
  } while (count !== fired);
  const time = process.hrtime.bigint() - start;
  if (count !== active + total) throw new Error(`${count} events, not ${active + total}`);
  method.look();
  if (count !== fired) throw new Error(`an event came twice: ${fired} bytes were sent, ${count} came`);
  return Number(time);
}

function measure(method: Method, total: number, milliseconds: number): { ns: number; runs: number; events: number } {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do times.push(runOnce(method, total));
  while (times.length < MAX_RUNS && performance.now() < end);
  method.unwatch();
  return { ns: median(times) / (active + total), runs: times.length, events: active + total };
}

const warm = new Set<Method>();

/** V8 compiles what has run for a while: not within the first figures. */
function warmUp(method: Method): void {
  if (warm.has(method)) return;
  warm.add(method);
  openPairs(100);
  active = 10;
  measure(method, 100, WARM_UP);
}

const say = (words: object) => process.stdout.write(`${JSON.stringify(words)}\n`);

const limit = new Float64Array(2);
succeeded('getrlimit', sys.getrlimit(sys.RLIMIT_NOFILE, limit));
limit[0] = limit[1] as number;
succeeded('setrlimit', sys.setrlimit(sys.RLIMIT_NOFILE, limit));
while (succeeded('dup', sys.dup(0)) < FIRST_FD - 1);
say({ threads: threads('self') });
for await (const line of createInterface({ input: process.stdin })) {
  const [name = '', ...words] = line.split(' ');
  const [wanted = 0, many = 0, total = 0, milliseconds = 0] = words.map(Number);
  try {
    const method = methods[name];
    if (method === undefined || many < 1 || wanted < many || total < 0) throw new Error(`cannot measure '${line}'`);
    warmUp(method);
    active = many;
    openPairs(wanted);
    say({ method: name, ...measure(method, total, milliseconds) });
  } catch (error) {
    say({ error: (error as Error).message });
    process.exitCode = 1;
    break;
  }
}
