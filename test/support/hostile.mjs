// Calls every function of fdmux/sys with every hostile value in each place, and then with several at a time.
// Prints what it counted as JSON; what it cannot accept goes to `wrong`. A crash is seen by who started it.
import { readdirSync } from 'node:fs';
import * as sys from 'fdmux/sys';
import { hostile, Marker } from './nasty.mjs';

const pipefd = new Int32Array(2);
sys.pipe2(pipefd, sys.O_NONBLOCK | sys.O_CLOEXEC);
const [r, w] = pipefd;
sys.write(w, Buffer.alloc(64));
const sv = new Int32Array(2);
sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0, sv);
const [a, b] = sv;
sys.send(b, Buffer.alloc(64));
const listener = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
sys.bind(listener, { family: 'IPv4', address: '127.0.0.1', port: 0 });
sys.listen(listener, 4);
const here = new sys.SockAddr();
sys.getsockname(listener, here);
const client = sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0);
// A set and an array in which something is ready: no wait of theirs blocks.
const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, w, sys.EPOLLOUT);
const timer = sys.timerfd_create(sys.CLOCK_MONOTONIC, sys.TFD_CLOEXEC);
const inotify = sys.inotify_init1(sys.IN_CLOEXEC);
const events = () => new sys.EpollEvents(4);
const fds = () => {
  const made = new sys.PollFds(4);
  made.set(0, w, sys.POLLOUT);
  return made;
};
const fdSet = () => new sys.FdSet().add(w);
const limits = new Float64Array(2);
sys.getrlimit(sys.RLIMIT_NOFILE, limits);
const buffer = () => new Uint8Array(16);
const ints = () => new Int32Array(2);
const v = (value) => () => value;

/** What each function takes: names, and values that are right. */
const calls = {
  epoll_create1: { flags: v(0) },
  epoll_ctl: { epfd: v(epfd), op: v(sys.EPOLL_CTL_ADD), fd: v(r), events: v(sys.EPOLLIN), tag: v(7) },
  epoll_wait: { epfd: v(epfd), events, maxevents: v(4), timeout: v(0) },
  epoll_pwait2: { epfd: v(epfd), events, maxevents: v(4), timeoutNs: v(0) },
  poll: { fds, nfds: v(1), timeout: v(0) },
  ppoll: { fds, nfds: v(1), timeoutNs: v(0) },
  select: { nfds: v(w + 1), readfds: v(null), writefds: fdSet, exceptfds: v(null), timeoutUs: v(0) },
  pselect: { nfds: v(w + 1), readfds: v(null), writefds: fdSet, exceptfds: v(null), timeoutNs: v(0) },
  socket: { domain: v(sys.AF_INET), type: v(sys.SOCK_STREAM), protocol: v(0) },
  socketpair: { domain: v(sys.AF_UNIX), type: v(sys.SOCK_STREAM), protocol: v(0), sv: ints },
  bind: { fd: v(client), address: v(here) },
  listen: { fd: v(listener), backlog: v(4) },
  accept4: { fd: v(listener), flags: v(0), address: () => new sys.SockAddr() },
  connect: { fd: v(client), address: v(here) },
  recv: { fd: v(a), buffer, offset: v(0), length: v(1), flags: v(0) },
  send: { fd: v(a), buffer, offset: v(0), length: v(1), flags: v(0) },
  recvfrom: { fd: v(a), buffer, offset: v(0), length: v(1), flags: v(0), from: () => new sys.SockAddr() },
  sendto: { fd: v(a), buffer, offset: v(0), length: v(1), flags: v(0), to: v(here) },
  shutdown: { fd: v(client), how: v(sys.SHUT_RD) },
  getsockopt: { fd: v(a), level: v(sys.SOL_SOCKET), optname: v(sys.SO_TYPE), optval: ints },
  setsockopt: { fd: v(a), level: v(sys.SOL_SOCKET), optname: v(sys.SO_KEEPALIVE), optval: v(1) },
  getsockname: { fd: v(a), address: () => new sys.SockAddr() },
  getpeername: { fd: v(a), address: () => new sys.SockAddr() },
  read: { fd: v(r), buffer, offset: v(0), length: v(1) },
  write: { fd: v(w), buffer, offset: v(0), length: v(1) },
  close: { fd: v(-1) },
  openat2: { dirfd: v(sys.AT_FDCWD), pathname: v('/'), flags: v(sys.O_RDONLY), mode: v(0), resolve: v(0) },
  pipe2: { pipefd: ints, flags: v(sys.O_CLOEXEC) },
  dup: { fd: v(r) },
  fcntl: { fd: v(r), cmd: v(sys.F_GETFD), arg: v(0) },
  ioctl: { fd: v(r), request: v(sys.FIONREAD), argp: ints },
  getrlimit: { resource: v(sys.RLIMIT_NOFILE), rlim: () => new Float64Array(2) },
  setrlimit: { resource: v(sys.RLIMIT_NOFILE), rlim: () => new Float64Array(limits) },
  eventfd: { initval: v(0), flags: v(sys.EFD_CLOEXEC) },
  timerfd_create: { clockid: v(sys.CLOCK_MONOTONIC), flags: v(sys.TFD_CLOEXEC) },
  timerfd_settime: {
    fd: v(timer),
    flags: v(0),
    newValue: () => new Float64Array(4),
    oldValue: () => new Float64Array(4),
  },
  pidfd_open: { pid: v(process.pid), flags: v(0) },
  inotify_init1: { flags: v(sys.IN_CLOEXEC) },
  inotify_add_watch: { fd: v(inotify), pathname: v('/'), mask: v(sys.IN_CREATE) },
  inotify_rm_watch: { fd: v(inotify), wd: v(1) },
  inotify_events: { buffer, length: v(0) },
  signal_pipe_add: { signum: v(12), fd: v(w) },
  signal_pipe_remove: { signum: v(12), fd: v(w) },
  signalNumber: { signal: v('SIGUSR2') },
  'new EpollEvents': { capacity: v(4) },
  'EpollEvents.fd': { i: v(0) },
  'EpollEvents.events': { i: v(0) },
  'EpollEvents.tag': { i: v(0) },
  'new PollFds': { capacity: v(4) },
  'PollFds.set': { i: v(0), fd: v(w), events: v(sys.POLLOUT) },
  'PollFds.fd': { i: v(0) },
  'PollFds.events': { i: v(0) },
  'PollFds.revents': { i: v(0) },
  'new FdSet': { size: v(64) },
  'FdSet.add': { fd: v(w) },
  'FdSet.delete': { fd: v(w) },
  'FdSet.has': { fd: v(w) },
  'FdSet.copy': { from: fdSet },
  'new SockAddr': { address: () => ({ family: 'IPv4', address: '127.0.0.1', port: 1 }) },
  'SockAddr.set': { address: () => ({ family: 'IPv4', address: '127.0.0.1', port: 1 }) },
};

const made = { EpollEvents: events, PollFds: fds, FdSet: fdSet, SockAddr: () => new sys.SockAddr() };

const all = { ...sys };

function call(name, args) {
  if (name.startsWith('new ')) return new all[name.slice(4)](...args);
  const [type, method] = name.split('.');
  return method === undefined ? all[name](...args) : made[type]()[method](...args);
}

/** Each function once, with values that are right: for valgrind, under which the rest would take hours. */
const once = process.argv[2] === 'once';

const wrong = [];
for (const [name, value] of Object.entries(sys)) {
  const isClass = typeof value === 'function' && /^[A-Z]/.test(name);
  if (typeof value === 'function' && !calls[isClass ? `new ${name}` : name]) wrong.push(`${name} is not in the table`);
}

const isOpen = (fd) => sys.fcntl(fd, sys.F_GETFD) >= 0;
const open = () => readdirSync('/proc/self/fd').map(Number).filter(isOpen);
const own = new Set(open());
const isNew = (fd) => !own.has(fd);

/** Closes what a call made; one that threw must have made nothing. */
function tidy(what, threw) {
  const left = open().filter(isNew);
  if (threw && left.length > 0) wrong.push(`${what}: left a descriptor open`);
  for (const fd of left) sys.close(fd);
  if (open().length !== own.size) wrong.push(`${what}: closed a descriptor`);
}

const counted = { calls: 0, results: 0, TypeError: 0, RangeError: 0 };
const FORM = /^The (value of )?"([a-z]+)[^"]*" (argument must be|is out of range\. It must be) .+\. Received .+$/is;

/** One call: a number that a C int holds, or an error that names the argument, what was expected and what came. */
function attempt(name, args, what) {
  counted.calls++;
  let threw = true;
  try {
    const result = call(name, args);
    threw = false;
    counted.results++;
    if (typeof result === 'number' && !Number.isInteger(result)) wrong.push(`${what}: returned ${result}`);
  } catch (error) {
    const names = Object.keys(calls[name]);
    const form = FORM.exec(error.message);
    const expected =
      (error.name === 'TypeError' && error.code === 'ERR_INVALID_ARG_TYPE') ||
      (error.name === 'RangeError' && error.code === 'ERR_OUT_OF_RANGE');
    // A plain address is read, and its getters are the caller's own.
    const read = error instanceof Marker || /revoked|private member/.test(error.message);
    if (read && /address|to$/.test(names.at(-1))) counted.results++;
    else if (!expected || !form || (!names.includes(form[2].toLowerCase()) && !names.includes(form[2])))
      wrong.push(`${what}: ${error.name} ${error.code}: ${error.message.slice(0, 200)}`);
    else counted[error.name]++;
  }
  tidy(what, threw);
  if (name.startsWith('signal_pipe')) while (sys.signal_pipe_remove(12, w) === 0);
}

for (const [name, places] of Object.entries(calls)) {
  const right = Object.values(places);
  attempt(
    name,
    right.map((make) => make()),
    `${name}()`,
  );
  if (once) continue;
  for (const [i, argument] of Object.keys(places).entries()) {
    for (const [kind, make] of Object.entries(hostile)) {
      const args = right.map((value, place) => (place === i ? make() : value()));
      attempt(name, args, `${name}(${argument} = ${kind})`);
    }
  }
  attempt(name, [], `${name} without arguments`);
}

/** The same numbers at every run: Park and Miller's generator. */
let seed = 20_260_101;
function random(below) {
  seed = (seed * 48_271) % 2_147_483_647;
  return seed % below;
}
const kinds = Object.entries(hostile);
const names = Object.keys(calls);
for (let round = 0; round < (once ? 0 : 6000); round++) {
  const name = names[random(names.length)];
  const chosen = [];
  const args = Object.entries(calls[name]).map(([argument, right]) => {
    // A wait that is told neither what to wait for nor how long would never end.
    if (random(2) === 0 || argument.startsWith('timeout')) return right();
    const [kind, make] = kinds[random(kinds.length)];
    chosen.push(`${argument} = ${kind}`);
    return make();
  });
  attempt(name, args, `${name}(${chosen.join(', ')})`);
}

console.log(JSON.stringify({ ...counted, wrong: wrong.slice(0, 40) }));
