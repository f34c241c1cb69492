/**
 * System calls as strace(1) writes them: `epoll_wait(5, [{events=EPOLLIN, data={u32=7, u64=7}}], 64, 0) = 1`.
 *
 * Where memory holds nothing (a failed call has not filled it), strace shows its address, and here stands `0x...`. `select` and
 * `ppoll` say how much of the timeout is left only where it is known: the calls of `fdmux/sys` do not hand it back.
 */
import { errorCode } from '../error.js';
import * as sys from '../sys/index.js';
import { constant } from '../sys/native.js';
import { strerror } from './strerror.js';

/** An event of epoll. */
export interface EventData {
  /** A mask of EPOLLIN and its like. */
  events: number;
  /** The descriptor that it was registered with. */
  fd: number;
  /** The upper half of its data. */
  tag: number;
}
/** An entry of poll. */
export interface PollData {
  /** The descriptor; less than 0 is passed over. */
  fd: number;
  /** A mask of what is asked. */
  events: number;
  /** A mask of what was told. */
  revents: number;
}
/** A set of select: as it went in, and as it came out. */
export interface SetData {
  /** The descriptors that were asked about. */
  before: readonly number[];
  /** Those of them that are ready. */
  after: readonly number[];
}
/** A buffer's window: the bytes that the call read or wrote (no more than are shown are needed) and its length. */
export interface WindowData {
  /** The first of its bytes. */
  bytes: Uint8Array;
  /** How many there are, or were asked for. */
  length: number;
}
/** What an argument held, told by the call and its place. */
export type Argument =
  | number
  | string
  | null
  | undefined
  | sys.Address
  | SetData
  | WindowData
  | readonly EventData[]
  | readonly PollData[]
  | readonly number[];

/** A call of `fdmux/sys`: its name, its arguments in their order with the memory that it read and filled, its result. */
export interface Call {
  /** Its name in `fdmux/sys`. */
  name: string;
  /** Its arguments, with what they held. */
  args: readonly Argument[];
  /** What it returned: less than 0 is `-errno`. */
  result: number;
}

/** How a call is written. */
export interface FormatOptions {
  /** A descriptor's name, shown in angle brackets as `strace -y` does: `recvfrom(7<client>, …`. */
  nameOf?: (fd: number) => string | undefined;
  /** The column of the equals sign: strace's own `-a`, which is 40. None unless given. */
  align?: number;
  /** What stands before the call on its line. */
  prefix?: string;
}

/** How many bytes of a buffer, and elements of an array, are shown: strace's `-s`. */
export const SHOWN = 32;

const UNKNOWN = '0x...';

type Flags = readonly (readonly [name: string, value: number])[];

function flags(...names: string[]): Flags {
  return names.map((name) => [name, constant(name)]);
}

const EPOLL_CREATE = flags('EPOLL_CLOEXEC');
const EPOLL_OPS = flags('EPOLL_CTL_ADD', 'EPOLL_CTL_DEL', 'EPOLL_CTL_MOD');
const EPOLL_EVENTS = flags(
  'EPOLLIN',
  'EPOLLPRI',
  'EPOLLOUT',
  'EPOLLRDNORM',
  'EPOLLRDBAND',
  'EPOLLWRNORM',
  'EPOLLWRBAND',
  'EPOLLMSG',
  'EPOLLERR',
  'EPOLLHUP',
  'EPOLLRDHUP',
  'EPOLLEXCLUSIVE',
  'EPOLLWAKEUP',
  'EPOLLONESHOT',
  'EPOLLET',
);
const POLL_EVENTS = flags(
  'POLLIN',
  'POLLPRI',
  'POLLOUT',
  'POLLRDNORM',
  'POLLWRNORM',
  'POLLRDBAND',
  'POLLWRBAND',
  'POLLERR',
  'POLLHUP',
  'POLLNVAL',
  'POLLMSG',
  'POLLRDHUP',
);
const DOMAINS = flags('AF_UNSPEC', 'AF_UNIX', 'AF_INET', 'AF_INET6');
const SOCKET_TYPES = flags('SOCK_STREAM', 'SOCK_DGRAM', 'SOCK_SEQPACKET');
const SOCKET_FLAGS = flags('SOCK_CLOEXEC', 'SOCK_NONBLOCK');
const PROTOCOLS = flags('IPPROTO_IP', 'IPPROTO_TCP', 'IPPROTO_UDP');
const PIPE_FLAGS = flags('O_NONBLOCK', 'O_DIRECT', 'O_CLOEXEC');
const OPEN_FLAGS = flags(
  ...[
    'O_CREAT',
    'O_EXCL',
    'O_NOCTTY',
    'O_TRUNC',
    'O_APPEND',
    'O_NONBLOCK',
    'O_DIRECT',
    'O_NOFOLLOW',
    'O_CLOEXEC',
    'O_PATH',
  ],
  ...['O_TMPFILE', 'O_DIRECTORY'],
);
const RESOLVE_FLAGS = flags(
  ...['RESOLVE_NO_XDEV', 'RESOLVE_NO_MAGICLINKS', 'RESOLVE_NO_SYMLINKS', 'RESOLVE_BENEATH', 'RESOLVE_IN_ROOT'],
);
const FILE_FLAGS = flags('O_APPEND', 'O_NONBLOCK', 'O_DIRECT', 'O_CLOEXEC');
const ACCESS = flags('O_RDONLY', 'O_WRONLY', 'O_RDWR');
const FD_FLAGS = flags('FD_CLOEXEC');
const MESSAGE_FLAGS = flags(
  'MSG_OOB',
  'MSG_PEEK',
  'MSG_TRUNC',
  'MSG_DONTWAIT',
  'MSG_WAITALL',
  'MSG_NOSIGNAL',
  'MSG_MORE',
);
const HOW = flags('SHUT_RD', 'SHUT_WR', 'SHUT_RDWR');
const FCNTL = flags(
  'F_DUPFD',
  'F_DUPFD_CLOEXEC',
  'F_GETFD',
  'F_SETFD',
  'F_GETFL',
  'F_SETFL',
  'F_GETPIPE_SZ',
  'F_SETPIPE_SZ',
);
const IOCTL = flags('FIONREAD', 'TIOCOUTQ');
const LIMITS = flags('RLIMIT_NOFILE');
const EVENTFD_FLAGS = flags('EFD_SEMAPHORE', 'EFD_CLOEXEC', 'EFD_NONBLOCK');
const CLOCKS = flags(
  'CLOCK_REALTIME',
  'CLOCK_MONOTONIC',
  'CLOCK_BOOTTIME',
  'CLOCK_REALTIME_ALARM',
  'CLOCK_BOOTTIME_ALARM',
);
const TIMERFD_FLAGS = flags('TFD_TIMER_ABSTIME', 'TFD_CLOEXEC', 'TFD_NONBLOCK');
const TIMER_FLAGS = flags('TFD_TIMER_ABSTIME', 'TFD_TIMER_CANCEL_ON_SET');
const PIDFD_FLAGS = flags('PIDFD_NONBLOCK');
const INOTIFY_FLAGS = flags('IN_NONBLOCK', 'IN_CLOEXEC');
const INOTIFY_EVENTS = flags(
  'IN_ACCESS',
  'IN_MODIFY',
  'IN_ATTRIB',
  'IN_CLOSE_WRITE',
  'IN_CLOSE_NOWRITE',
  'IN_OPEN',
  'IN_MOVED_FROM',
  'IN_MOVED_TO',
  'IN_CREATE',
  'IN_DELETE',
  'IN_DELETE_SELF',
  'IN_MOVE_SELF',
  'IN_UNMOUNT',
  'IN_Q_OVERFLOW',
  'IN_IGNORED',
  'IN_ONLYDIR',
  'IN_DONT_FOLLOW',
  'IN_EXCL_UNLINK',
  'IN_MASK_CREATE',
  'IN_MASK_ADD',
  'IN_ISDIR',
  'IN_ONESHOT',
);
const LEVELS: Flags = [
  ['SOL_SOCKET', sys.SOL_SOCKET],
  ['SOL_IP', sys.IPPROTO_IP],
  ['SOL_TCP', sys.IPPROTO_TCP],
  ['SOL_UDP', sys.IPPROTO_UDP],
  ['SOL_IPV6', sys.IPPROTO_IPV6],
];
const named = Object.entries(sys).filter((entry): entry is [string, number] => typeof entry[1] === 'number');
const starting = (prefix: string): Flags => named.filter(([name]) => name.startsWith(prefix));
const OPTIONS = new Map<number, Flags>([
  [sys.SOL_SOCKET, starting('SO_')],
  [sys.IPPROTO_TCP, starting('TCP_')],
  [sys.IPPROTO_IPV6, starting('IPV6_')],
]);

const hex = (value: number): string => `0x${value.toString(16)}`;

/** One name of several, or the number. */
function one(value: number, names: Flags): string {
  return names.find(([, known]) => known === value)?.[0] ?? hex(value >>> 0);
}

/** What a file may be used for, and what else is said of it. */
function accessAnd(value: number, names: Flags): string {
  const rest = mask(value & ~sys.O_ACCMODE, names);
  return [one(value & sys.O_ACCMODE, ACCESS), ...(rest === '0' ? [] : [rest])].join('|');
}

/** A mask in names, joined by `|`; what has no name as a number. */
export function mask(value: number, names: Flags): string {
  let rest = value >>> 0;
  const found: string[] = [];
  for (const [name, bit] of names) {
    if (bit === 0 || (rest & bit) >>> 0 !== bit) continue;
    found.push(name);
    rest = (rest & ~bit) >>> 0;
  }
  if (rest !== 0) found.push(hex(rest));
  return found.join('|') || '0';
}

/** A mask of epoll's events. */
export function epollMask(events: number): string {
  return mask(events, EPOLL_EVENTS);
}

/** A mask of poll's events. */
export function pollMask(events: number): string {
  return mask(events, POLL_EVENTS);
}

/** Bytes as a C string, cut like strace cuts them. */
function text(bytes: Uint8Array, cut = SHOWN): string {
  const shown = bytes.subarray(0, cut);
  let out = '';
  for (const [i, byte] of shown.entries()) {
    const char = String.fromCharCode(byte);
    const escaped = { '"': '\\"', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t', '\v': '\\v', '\f': '\\f' }[char];
    if (escaped !== undefined) out += escaped;
    else if (byte >= 32 && byte < 127) out += char;
    else {
      // A digit that follows would be read as part of the number.
      const next = shown[i + 1];
      const digit = next !== undefined && next >= 48 && next <= 57;
      out += `\\${byte.toString(8).padStart(digit ? 3 : 1, '0')}`;
    }
  }
  return `"${out}"${bytes.length > cut ? '...' : ''}`;
}

function address(value: Argument): string {
  if (value === null || value === undefined) return 'NULL';
  const { family } = value as sys.Address;
  if (family === 'unix') {
    const { path } = value as sys.UnixAddress;
    if (path === '') return '{sa_family=AF_UNIX}';
    const abstract = path.startsWith('\0');
    const name = text(Buffer.from(abstract ? path.slice(1) : path), 108);
    return `{sa_family=AF_UNIX, sun_path=${abstract ? '@' : ''}${name}}`;
  }
  const { address: host, port } = value as sys.InetAddress;
  if (family === 'IPv4') return `{sa_family=AF_INET, sin_port=htons(${port}), sin_addr=inet_addr("${host}")}`;
  return (
    `{sa_family=AF_INET6, sin6_port=htons(${port}), sin6_flowinfo=htonl(0), ` +
    `inet_pton(AF_INET6, "${host}", &sin6_addr), sin6_scope_id=0}`
  );
}

/** How long the C struct of an address is. */
function addressLength(value: Argument): number {
  const given = value as sys.Address;
  if (given.family !== 'unix') return given.family === 'IPv4' ? 16 : 28;
  const bytes = Buffer.byteLength(given.path);
  return 2 + bytes + (given.path.startsWith('\0') || bytes === 0 ? 0 : 1);
}

const ADDRESS_ROOM = 128;

/** An address that a call fills, and its length: two arguments of C's. */
function filledAddress(value: Argument, result: number): string[] {
  if (value === null) return ['NULL', 'NULL'];
  if (result < 0 || value === undefined) return [UNKNOWN, `[${ADDRESS_ROOM}]`];
  return [address(value), `[${ADDRESS_ROOM} => ${addressLength(value)}]`];
}

function time(value: number, perSecond: number, fraction: string): string {
  const seconds = Math.floor(value / perSecond);
  return `{tv_sec=${seconds}, ${fraction}=${value - seconds * perSecond}}`;
}
const timeval = (us: Argument): string => (typeof us === 'number' ? time(us, 1e6, 'tv_usec') : 'NULL');
const timespec = (ns: Argument): string => (typeof ns === 'number' ? time(ns, 1e9, 'tv_nsec') : 'NULL');

/** A call's parts: its arguments, and what is said behind the result. */
interface Parts {
  args: string[];
  result?: string;
  note?: string;
}

interface Context {
  args: readonly Argument[];
  result: number;
  /** Argument `i` as a number. */
  int: (i: number) => number;
  /** Argument `i` as a descriptor. */
  fd: (i: number) => string;
  /** A descriptor. */
  named: (fd: number) => string;
}

function socketType(type: number): string {
  const extra = mask(type & (sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK), SOCKET_FLAGS);
  const kind = one(type & ~(sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK), SOCKET_TYPES);
  return extra === '0' ? kind : `${kind}|${extra}`;
}

function protocol(domain: number, value: number): string {
  return domain === sys.AF_INET || domain === sys.AF_INET6 ? one(value, PROTOCOLS) : String(value);
}

/** An array of structs, cut like strace cuts it. */
function array(elements: readonly string[]): string {
  const more = elements.length > SHOWN ? ', ...' : '';
  return `[${elements.slice(0, SHOWN).join(', ')}${more}]`;
}

function events(value: Argument, result: number): string {
  if (result < 0) return UNKNOWN;
  const list = (value as EventData[]).map(
    (event) =>
      `{events=${epollMask(event.events)}, data={u32=${event.fd >>> 0}, ` +
      `u64=${(BigInt(event.tag) << 32n) | BigInt(event.fd >>> 0)}}}`,
  );
  return array(list);
}

function pollfds({ args, result, named: fdName }: Context): { args: string[]; told: string } {
  const list = args[0] as PollData[];
  const asked = list.map(({ fd, events: mask }) =>
    fd < 0 ? `{fd=${fd}}` : `{fd=${fdName(fd)}, events=${pollMask(mask)}}`,
  );
  const told = list
    .filter(({ revents }) => revents !== 0)
    .map(({ fd, revents }) => `{fd=${fdName(fd)}, revents=${pollMask(revents)}}`);
  return { args: [array(asked), String(args[1])], told: result > 0 ? array(told) : '' };
}

function sets(context: Context, time: (value: Argument) => string): { args: string[]; note?: string } {
  const { args, result, named: fdName } = context;
  const list = (fds: readonly number[]): string => `[${fds.map(fdName).join(' ')}]`;
  const set = (i: number): SetData | null => (args[i] ?? null) as SetData | null;
  const shown = [1, 2, 3].map((i) => (set(i) === null ? 'NULL' : list((set(i) as SetData).before)));
  const parts = { args: [String(args[0]), ...shown, time(args[4])] };
  if (result < 0) return parts;
  if (result === 0) return { ...parts, note: 'Timeout' };
  const out = ['in', 'out', 'except'].flatMap((name, i) => {
    const after = set(i + 1)?.after ?? [];
    return after.length > 0 ? [`${name} ${list(after)}`] : [];
  });
  if (args[4] === 0) out.push(`left ${time(0)}`);
  return { ...parts, note: out.join(', ') };
}

function received({ args, result }: Context): string {
  return result < 0 ? UNKNOWN : text((args[1] as WindowData).bytes);
}

/** `read`, `recv` and their like take (fd, buffer, offset, length, flags, address): C takes no offset. */
const lengthOf = ({ args }: Context): string => String((args[1] as WindowData).length);

function option(level: number, name: number): string[] {
  return [one(level, LEVELS), one(name, OPTIONS.get(level) ?? [])];
}

function optionValue(level: number, name: number, value: Argument): string {
  if (typeof value === 'number') return `[${value}]`;
  const bytes = Buffer.from((value as WindowData).bytes);
  if (level === sys.SOL_SOCKET && name === sys.SO_LINGER && bytes.length === 8) {
    return `{l_onoff=${bytes.readInt32LE(0)}, l_linger=${bytes.readInt32LE(4)}}`;
  }
  if (bytes.length !== 4) return text(bytes);
  const int = bytes.readInt32LE(0);
  return `[${level === sys.SOL_SOCKET && name === sys.SO_ERROR && int > 0 ? errorCode(-int) : int}]`;
}

const rlimit = (value: Argument): string => {
  const [soft, hard] = (value as number[]).map((limit) => (limit === Infinity ? 'RLIM64_INFINITY' : String(limit)));
  return `{rlim_cur=${soft}, rlim_max=${hard}}`;
};

/** A `struct itimerspec`, from its four numbers. */
function itimerspec(value: Argument): string {
  if (value === null || value === undefined) return 'NULL';
  const [intervalS, intervalNs, valueS, valueNs] = value as number[];
  return (
    `{it_interval={tv_sec=${intervalS}, tv_nsec=${intervalNs}}, ` + `it_value={tv_sec=${valueS}, tv_nsec=${valueNs}}}`
  );
}

const calls: Readonly<Record<string, (call: Context) => Parts>> = {
  epoll_create1: ({ int }) => ({ args: [mask(int(0), EPOLL_CREATE)] }),
  epoll_ctl: ({ int, fd }) => {
    const op = one(int(1), EPOLL_OPS);
    const data = { events: int(3) >>> 0, fd: int(2), tag: int(4) };
    // The kernel does not look at the event of a DEL.
    const event = int(1) === sys.EPOLL_CTL_DEL ? UNKNOWN : events([data], 0).slice(1, -1);
    return { args: [fd(0), op, fd(2), event] };
  },
  epoll_wait: ({ args, result, fd }) => ({ args: [fd(0), events(args[1], result), String(args[2]), String(args[3])] }),
  epoll_pwait2: ({ args, result, fd }) => ({
    args: [fd(0), events(args[1], result), String(args[2]), timespec(args[3]), 'NULL', '0'],
  }),

  poll: (call) => {
    const { args, told } = pollfds(call);
    const note = call.result === 0 ? 'Timeout' : told;
    return { args: [...args, String(call.args[2])], note };
  },
  ppoll: (call) => {
    const { args, told } = pollfds(call);
    const note = call.result === 0 ? 'Timeout' : told;
    return { args: [...args, timespec(call.args[2]), 'NULL', '8'], note };
  },

  select: (call) => sets(call, timeval),
  pselect: (call) => {
    const { args, ...rest } = sets(call, timespec);
    return { args: [...args, '{sigmask=NULL, sigsetsize=8}'], ...rest };
  },

  socket: ({ int }) => ({ args: [one(int(0), DOMAINS), socketType(int(1)), protocol(int(0), int(2))] }),
  socketpair: ({ args, int, result, named: fdName }) => ({
    args: [
      one(int(0), DOMAINS),
      socketType(int(1)),
      protocol(int(0), int(2)),
      result < 0 ? UNKNOWN : `[${(args[3] as number[]).map(fdName).join(', ')}]`,
    ],
  }),
  bind: ({ args, fd }) => ({ args: [fd(0), address(args[1]), String(addressLength(args[1]))] }),
  listen: ({ args, fd }) => ({ args: [fd(0), String(args[1])] }),
  accept4: ({ args, int, fd, result }) => ({
    args: [fd(0), ...filledAddress(args[2], result), mask(int(1), SOCKET_FLAGS)],
  }),
  connect: ({ args, fd }) => ({ args: [fd(0), address(args[1]), String(addressLength(args[1]))] }),
  recv: (call) => ({
    args: [call.fd(0), received(call), lengthOf(call), mask(call.int(4), MESSAGE_FLAGS), 'NULL', 'NULL'],
  }),
  send: (call) => ({
    args: [
      call.fd(0),
      text((call.args[1] as WindowData).bytes),
      lengthOf(call),
      mask(call.int(4), MESSAGE_FLAGS),
      'NULL',
      '0',
    ],
  }),
  recvfrom: (call) => ({
    args: [
      call.fd(0),
      received(call),
      lengthOf(call),
      mask(call.int(4), MESSAGE_FLAGS),
      ...filledAddress(call.args[5], call.result),
    ],
  }),
  sendto: (call) => ({
    args: [
      call.fd(0),
      text((call.args[1] as WindowData).bytes),
      lengthOf(call),
      mask(call.int(4), MESSAGE_FLAGS),
      address(call.args[5]),
      String(call.args[5] ? addressLength(call.args[5]) : 0),
    ],
  }),
  shutdown: ({ int, fd }) => ({ args: [fd(0), one(int(1), HOW)] }),
  getsockopt: ({ args, int, fd, result }) => ({
    args: [
      fd(0),
      ...option(int(1), int(2)),
      ...(result < 0
        ? [UNKNOWN, `[${(args[3] as WindowData).length}]`]
        : [optionValue(int(1), int(2), args[3]), `[${(args[3] as WindowData).bytes.length}]`]),
    ],
    // C hands the length back through its last argument, and returns 0.
    ...(result < 0 ? {} : { result: '0' }),
  }),
  setsockopt: ({ args, int, fd }) => ({
    args: [
      fd(0),
      ...option(int(1), int(2)),
      optionValue(int(1), int(2), args[3]),
      String(typeof args[3] === 'number' ? 4 : (args[3] as WindowData).length),
    ],
  }),
  getsockname: ({ args, fd, result }) => ({ args: [fd(0), ...filledAddress(args[1], result)] }),
  getpeername: ({ args, fd, result }) => ({ args: [fd(0), ...filledAddress(args[1], result)] }),

  read: (call) => ({ args: [call.fd(0), received(call), lengthOf(call)] }),
  write: (call) => ({ args: [call.fd(0), text((call.args[1] as WindowData).bytes), lengthOf(call)] }),
  close: ({ fd }) => ({ args: [fd(0)] }),
  openat2: ({ args, int, fd }) => {
    const making = (int(2) & sys.O_CREAT) !== 0 || (int(2) & sys.O_TMPFILE) === sys.O_TMPFILE;
    const mode = making ? [`mode=0${int(3).toString(8)}`] : [];
    const how = [`flags=${accessAnd(int(2), OPEN_FLAGS)}`, ...mode, `resolve=${mask(int(4), RESOLVE_FLAGS)}`];
    const from = int(0) === sys.AT_FDCWD ? 'AT_FDCWD' : fd(0);
    return { args: [from, text(Buffer.from(args[1] as string), 4096), `{${how.join(', ')}}`, '24'] };
  },
  pipe2: ({ args, int, result, named: fdName }) => ({
    args: [result < 0 ? UNKNOWN : `[${(args[0] as number[]).map(fdName).join(', ')}]`, mask(int(1), PIPE_FLAGS)],
  }),
  dup: ({ fd }) => ({ args: [fd(0)] }),
  fcntl: ({ int, fd, result, args }) => {
    const command = int(1);
    const name = one(command, FCNTL);
    const statusFlags = (value: number): string => accessAnd(value, FILE_FLAGS);
    if (name.startsWith('F_GET')) {
      if (command === sys.F_GETPIPE_SZ || result <= 0) return { args: [fd(0), name] };
      const said = command === sys.F_GETFL ? statusFlags(result) : mask(result, FD_FLAGS);
      return { args: [fd(0), name], result: hex(result), note: `flags ${said}` };
    }
    if (command === sys.F_SETFL) return { args: [fd(0), name, statusFlags(int(2))] };
    if (command === sys.F_SETFD) return { args: [fd(0), name, mask(int(2), FD_FLAGS)] };
    return { args: [fd(0), name, String(args[2])] };
  },
  ioctl: ({ args, int, fd, result }) => ({
    args: [fd(0), one(int(1), IOCTL), result < 0 ? UNKNOWN : `[${(args[2] as number[])[0]}]`],
  }),
  getrlimit: ({ args, int }) => ({ args: ['0', one(int(0), LIMITS), 'NULL', rlimit(args[1])] }),
  setrlimit: ({ args, int }) => ({ args: ['0', one(int(0), LIMITS), rlimit(args[1]), 'NULL'] }),

  eventfd: ({ args, int }) => ({ args: [String(args[0]), mask(int(1), EVENTFD_FLAGS)] }),
  timerfd_create: ({ int }) => ({ args: [one(int(0), CLOCKS), mask(int(1), TIMERFD_FLAGS)] }),
  timerfd_settime: ({ args, int, fd, result }) => ({
    args: [
      fd(0),
      mask(int(1), TIMER_FLAGS),
      itimerspec(args[2]),
      result < 0 && args[3] !== null ? UNKNOWN : itimerspec(args[3]),
    ],
  }),
  pidfd_open: ({ args, int }) => ({ args: [String(args[0]), mask(int(1), PIDFD_FLAGS)] }),
  inotify_init1: ({ int }) => ({ args: [mask(int(0), INOTIFY_FLAGS)] }),
  inotify_add_watch: ({ args, int, fd }) => ({
    args: [fd(0), text(Buffer.from(args[1] as string), 4096), mask(int(2), INOTIFY_EVENTS)],
  }),
  inotify_rm_watch: ({ args, fd }) => ({ args: [fd(0), String(args[1])] }),
};

/** The calls that can be written: functions of `fdmux/sys`. */
export const callNames: ReadonlySet<string> = new Set(Object.keys(calls));

/** Where libc's name is not the kernel's. It has neither recv nor send on most machines: these lack an address. */
const KERNEL_NAMES: Readonly<Record<string, string>> = {
  recv: 'recvfrom',
  send: 'sendto',
  pselect: 'pselect6',
  getrlimit: 'prlimit64',
  setrlimit: 'prlimit64',
  eventfd: 'eventfd2',
};

/** What the kernel, and so strace, calls a function of `fdmux/sys`. */
export function kernelName(name: string): string {
  return KERNEL_NAMES[name] ?? name;
}

/** A result in strace's form: the number, or `-1` with the error's name and text. */
export function formatResult(result: number): string {
  if (result >= 0) return String(result);
  const known = errorCode(result);
  // One number has two names: Node.js and strace do not agree on which.
  const code = known === 'ENOTSUP' ? 'EOPNOTSUPP' : known;
  return `-1 ${code} (${strerror[code] ?? 'Unknown error'})`;
}

/** Calls whose result is a descriptor. */
const OPENING: ReadonlySet<string> = new Set([
  'epoll_create1',
  'openat2',
  'socket',
  'accept4',
  'dup',
  'eventfd',
  'timerfd_create',
  'pidfd_open',
  'inotify_init1',
]);

/** Whether a call opens a descriptor, and returns it. */
function opens({ name, args, result }: Call): boolean {
  const duplicates = name === 'fcntl' && (args[1] === sys.F_DUPFD || args[1] === sys.F_DUPFD_CLOEXEC);
  return result >= 0 && (OPENING.has(name) || duplicates);
}

/** The descriptors that a call has opened. */
export function opened(call: Call): readonly number[] {
  const { name, args, result } = call;
  if (result >= 0 && name === 'pipe2') return args[0] as number[];
  if (result >= 0 && name === 'socketpair') return args[3] as number[];
  return opens(call) ? [result] : [];
}

/** A call on one line. @throws Error for what is no call of `fdmux/sys` */
export function formatCall(made: Call, { nameOf, align = 0, prefix = '' }: FormatOptions = {}): string {
  const { name, args, result } = made;
  const call = callNames.has(name) ? calls[name] : undefined;
  if (call === undefined) throw new Error(`no system call of fdmux: ${name}`);
  const fdName = (fd: number): string => {
    const known = nameOf?.(fd);
    return known === undefined ? String(fd) : `${fd}<${known}>`;
  };
  const int = (i: number): number => args[i] as number;
  const parts = call({ args, result, int, fd: (i) => fdName(int(i)), named: fdName });
  const left = `${prefix}${kernelName(name)}(${parts.args.join(', ')})`;
  const note = parts.note && result >= 0 ? ` (${parts.note})` : '';
  const right = parts.result ?? (opens(made) ? fdName(result) : formatResult(result));
  return `${left.padEnd(align - 1)} = ${right}${note}`;
}
