// node elsewhere.mjs PLATFORM ENTRY…: the package on an operating system that this is not, and what each call says there.
const [platform, ...entries] = process.argv.slice(2);
Object.defineProperty(process, 'platform', { value: platform });
const modules = {};
for (const entry of entries) modules[entry.replace('fdmux/', '')] = await import(entry);
const { fdmux, sys, selectors, 'compat/epoll': compat } = modules;

const calls = {
  'new Epoll': () => new fdmux.Epoll(),
  'new Socket': () => new fdmux.Socket(),
  select: () => fdmux.select([0], [], [], 0),
  'Poll.poll': () => {
    const poll = new fdmux.Poll();
    poll.register(0);
    poll.poll(0);
  },
  watch: () => fdmux.watch(0, 'readable', () => {}),
  'new DefaultSelector': () => new selectors.DefaultSelector().register(0, 1, null),
  'compat Epoll.add': () => new compat.Epoll(() => {}).add(0, 1),
};
// The memory that calls want cannot be had, and what looks at its arguments first gets right ones.
for (const name of ['EpollEvents', 'PollFds', 'FdSet', 'SockAddr']) calls[`new sys.${name}`] = () => new sys[name](8);
const bytes = new Uint8Array(8);
const pair = new Int32Array(2);
const address = { family: 'IPv4', address: '127.0.0.1', port: 0 };
const given = {
  epoll_create1: [0],
  epoll_ctl: [0, 1, 0, 1],
  select: [1, null, null, null, 0],
  pselect: [1, null, null, null, 0],
  socket: [2, 1, 0],
  socketpair: [1, 1, 0, pair],
  bind: [0, address],
  connect: [0, address],
  listen: [0, 1],
  accept4: [0, 0],
  recv: [0, bytes],
  send: [0, bytes],
  recvfrom: [0, bytes, 0, 8, 0],
  sendto: [0, bytes, 0, 8, 0, address],
  shutdown: [0, 0],
  getsockopt: [0, 1, 1, pair],
  setsockopt: [0, 1, 1, 1],
  read: [0, bytes],
  write: [0, bytes],
  close: [0],
  pipe2: [pair, 0],
  dup: [0],
  fcntl: [0, 1, 0],
  ioctl: [0, 0, pair],
  getrlimit: [7, new Float64Array(2)],
  setrlimit: [7, new Float64Array(2)],
  eventfd: [0, 0],
  timerfd_create: [0, 0],
  timerfd_settime: [0, 0, new Float64Array(4)],
  pidfd_open: [1, 0],
  inotify_init1: [0],
  inotify_add_watch: [0, '/', 1],
  inotify_rm_watch: [0, 1],
};
for (const [name, args] of Object.entries(given)) calls[`sys.${name}`] = () => sys[name](...args);
for (const [name, call] of Object.entries(calls)) {
  let outcome = 'returned';
  try {
    call();
  } catch (error) {
    outcome = `${error.code}: ${error.message}`;
  }
  console.log(JSON.stringify([name, outcome]));
}
