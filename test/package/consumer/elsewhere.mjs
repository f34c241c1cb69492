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
// Every system call there is, with arguments that are right where arguments are looked at first.
const memory = (name) => {
  const sizes = { EpollEvents: 1, PollFds: 1, FdSet: undefined };
  return name in sizes ? new sys[name](sizes[name]) : undefined;
};
const given = {
  epoll_wait: [0, memory('EpollEvents'), 1, 0],
  epoll_pwait2: [0, memory('EpollEvents'), 1, 0],
  poll: [memory('PollFds'), 1, 0],
  ppoll: [memory('PollFds'), 1, 0],
  select: [1, memory('FdSet'), null, null, 0],
  pselect: [1, memory('FdSet'), null, null, 0],
};
for (const [name, call] of Object.entries(sys)) {
  if (typeof call !== 'function' || /^[A-Z]/.test(name)) continue;
  calls[`sys.${name}`] = () => call(...(given[name] ?? []));
}
for (const [name, call] of Object.entries(calls)) {
  let outcome = 'returned';
  try {
    call();
  } catch (error) {
    outcome = `${error.code}: ${error.message}`;
  }
  console.log(JSON.stringify([name, outcome]));
}
