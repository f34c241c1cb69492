/** Records of the addon (`src-native/trace.h`) as calls: the arguments of `fdmux/sys`, in their order. */
import { endianness } from 'node:os';
import * as sys from '../sys/index.js';
import { constant } from '../sys/native.js';
import { addressText, HEAD_BYTES, traced } from '../sys/trace.js';
import type { TraceCall } from './event.js';
import type { Argument, EventData, PollData, SetData, WindowData } from './format.js';

const LITTLE = endianness() === 'LE';
const EVENT_WORDS = constant('EPOLL_EVENT_WORDS');
const POLLFD_BYTES = constant('POLLFD_BYTES');
const SET_SWAP = constant('FD_SET_SWAP');
const text = new TextDecoder();

/** The fields of a ring, in the order of the addon's `Ring`. */
export const NEXT = 0;
export const FIRST = 1;
export const COUNT = 2;
export const DROPPED = 3;
export const LATEST = 4;

/** A part's bytes. */
interface Bytes {
  readonly view: DataView;
  readonly at: number;
  readonly length: number;
}

const bytesOf = ({ view, at, length }: Bytes): Uint8Array => new Uint8Array(view.buffer, view.byteOffset + at, length);

function events({ view, at, length }: Bytes): EventData[] {
  const word = (i: number, name: string): number => view.getUint32(at + (i + constant(name)) * 4, LITTLE);
  return Array.from({ length: length / 4 / EVENT_WORDS }, (_, i) => ({
    events: word(i * EVENT_WORDS, 'EPOLL_EVENT_EVENTS'),
    fd: word(i * EVENT_WORDS, 'EPOLL_EVENT_FD') | 0,
    tag: word(i * EVENT_WORDS, 'EPOLL_EVENT_TAG'),
  }));
}

function pollFds({ view, at, length }: Bytes): PollData[] {
  return Array.from({ length: length / POLLFD_BYTES }, (_, i) => {
    const entry = at + i * POLLFD_BYTES;
    return {
      fd: view.getInt32(entry + constant('POLLFD_FD'), LITTLE),
      events: view.getUint16(entry + constant('POLLFD_EVENTS'), LITTLE),
      revents: view.getUint16(entry + constant('POLLFD_REVENTS'), LITTLE),
    };
  });
}

/** The descriptors in a set. */
function descriptors({ view, at, length }: Bytes): number[] {
  const fds: number[] = [];
  for (let word = 0; word < length / 4; word++) {
    for (let left = view.getUint32(at + (word ^ SET_SWAP) * 4, LITTLE); left !== 0; left &= left - 1) {
      fds.push(word * 32 + 31 - Math.clz32(left & -left));
    }
  }
  return fds;
}

function set({ view, at, length }: Bytes): SetData {
  const half = length / 2;
  return { before: descriptors({ view, at, length: half }), after: descriptors({ view, at: at + half, length: half }) };
}

function address(bytes: Bytes): Argument {
  const { family, port, text: host } = addressText(bytesOf(bytes));
  if (family === sys.AF_UNIX) return { family: 'unix', path: host };
  if (family === sys.AF_INET || family === sys.AF_INET6) {
    return { family: family === sys.AF_INET ? 'IPv4' : 'IPv6', address: host, port };
  }
  return undefined;
}

/** In the order of the addon's `Part`. */
const parts: readonly ((bytes: Bytes) => Argument)[] = [
  ({ view, at }) => view.getFloat64(at, LITTLE),
  () => null,
  () => undefined,
  events,
  pollFds,
  set,
  address,
  // A copy: the memory that records lie in is used again.
  ({ view, at, length }) => ({
    bytes: bytesOf({ view, at: at + 8, length: length - 8 }).slice(),
    length: view.getFloat64(at, LITTLE),
  }),
  ({ view, at, length }) => Array.from({ length: length / 4 }, (_, i) => view.getInt32(at + 4 * i, LITTLE)),
  ({ view, at, length }) => Array.from({ length: length / 8 }, (_, i) => view.getFloat64(at + 8 * i, LITTLE)),
  (bytes) => text.decode(bytesOf(bytes)),
];

type Arguments = readonly Argument[];

/** `null` is for ever: the addon has it as a number of its own. */
const timeout = (args: Arguments, at: number): Argument[] => [...args.slice(0, at), args[at + 1] ? null : args[at]];

/** All that follows the offset has no length of its own. */
const window = (args: Arguments): Argument[] => {
  const [fd, bytes, offset, length, ...rest] = args;
  return [fd, bytes, offset, (length as number) < 0 ? (bytes as WindowData).length : length, ...rest];
};

/** Where the addon's parameters are not those of `fdmux/sys`. */
const arrangements: Readonly<Record<string, (args: Arguments) => Arguments>> = {
  read: window,
  write: window,
  recv: window,
  send: window,
  recvfrom: window,
  sendto: window,
  epoll_pwait2: (args) => timeout(args, 3),
  ppoll: (args) => timeout(args, 2),
  select: (args) => timeout(args, 4),
  pselect: (args) => timeout(args, 4),
  setrlimit: ([resource, soft, hard]) => [resource, [soft, hard] as number[]],
  timerfd_settime: (args) => [args[0], args[1], args.slice(2, 6) as number[], args[7] ? args[6] : null],
  inotify_add_watch: ([fd, mask, path]) => [fd, path, mask],
};

/** How many bytes the record at `at` has; 0 where the end of a ring is empty. */
export function recordSize(view: DataView, at: number): number {
  return view.byteLength < at + 4 ? 0 : view.getUint32(at, LITTLE);
}

/**
 * The call that a record tells of.
 * @param epoch what times count from, in nanoseconds of CLOCK_MONOTONIC
 */
export function decodeRecord(view: DataView, at: number, epoch: number): TraceCall {
  const name = traced[view.getUint16(at + 4, LITTLE)] ?? '';
  const raw: Argument[] = [];
  let part = at + HEAD_BYTES;
  for (let left = view.getUint16(at + 6, LITTLE); left > 0; left--) {
    const length = view.getUint32(part + 4, LITTLE);
    raw.push(parts[view.getUint32(part, LITTLE)]?.({ view, at: part + 8, length }));
    part += 8 + Math.ceil(length / 8) * 8;
  }
  return {
    name,
    args: arrangements[name]?.(raw) ?? raw,
    result: view.getFloat64(at + 32, LITTLE),
    thread: view.getUint32(at + 8, LITTLE),
    start: view.getFloat64(at + 16, LITTLE) - epoch,
    duration: view.getFloat64(at + 24, LITTLE),
  };
}
