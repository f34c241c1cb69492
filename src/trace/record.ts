/**
 * `fdmux/sys` with an ear to it: the same functions, classes and constants, and each call told as data once it has
 * returned. The memory of a caller's is copied, for it may hold something else by the time it is read.
 */
import * as sys from '../sys/index.js';
import { type Argument, type Call, callNames, type PollData, SHOWN } from './format.js';

/** The system calls, as `import * as sys` has them. */
export type Sys = typeof sys;

/** What an argument holds before the call. */
function before(value: unknown, args: readonly unknown[]): unknown {
  if (value instanceof sys.FdSet) return [...value].filter((fd) => fd < (args[0] as number));
  return undefined;
}

/** What an argument holds after the call, as data. */
function after(name: string, i: number, args: readonly unknown[], result: number, earlier: unknown): Argument {
  const value = args[i];
  if (value instanceof sys.EpollEvents) {
    return Array.from({ length: Math.max(result, 0) }, (_, at) => ({
      events: value.events(at),
      fd: value.fd(at),
      tag: value.tag(at),
    }));
  }
  if (value instanceof sys.PollFds) {
    const list: PollData[] = [];
    for (let at = 0; at < (args[i + 1] as number); at++) {
      list.push({ fd: value.fd(at), events: value.events(at), revents: value.revents(at) });
    }
    return list;
  }
  if (value instanceof sys.FdSet) {
    const left = [...value].filter((fd) => fd < (args[0] as number));
    return { before: earlier as number[], after: left };
  }
  if (value instanceof sys.SockAddr) return value.toJSON() ?? undefined;
  if (name === 'getsockopt' && i === 3) return optionBytes(value as Uint8Array | Int32Array, result);
  if (value instanceof Int32Array || value instanceof Float64Array) return [...value];
  if (value instanceof Uint8Array) {
    if (name === 'setsockopt') return { bytes: copy(value, 0, value.length), length: value.length };
    const [offset = 0, length = value.length - offset] = args.slice(2) as [number?, number?];
    const moved =
      name === 'send' || name === 'sendto' || name === 'write' ? length : Math.min(Math.max(result, 0), length);
    return { bytes: copy(value, offset, Math.min(moved, SHOWN + 1)), length };
  }
  return value as Argument;
}

/** A Buffer's own `slice` would not copy. */
function copy(bytes: Uint8Array, offset: number, length: number): Uint8Array {
  return new Uint8Array(bytes.subarray(offset, offset + length));
}

function optionBytes(value: Uint8Array | Int32Array, result: number): Argument {
  const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
  return { bytes: bytes.slice(0, Math.max(result, 0)), length: bytes.length };
}

/** Parameters that may be left out, with what they are then. */
const DEFAULTS: Readonly<Record<string, Readonly<Record<number, Argument>>>> = {
  epoll_ctl: { 3: 0, 4: 0 },
  accept4: { 1: 0, 2: null },
  recv: { 2: 0, 4: 0 },
  send: { 2: 0, 4: 0 },
  recvfrom: { 2: 0, 4: 0, 5: null },
  pipe2: { 1: 0 },
  fcntl: { 2: 0 },
  timerfd_settime: { 3: null },
};

/** @param told hears of each call that was made; one that threw was not */
export function recording(told: (call: Call) => void): Sys {
  const wrap = (name: string, call: (...args: unknown[]) => number) => {
    return (...given: unknown[]): number => {
      const args = [...given];
      for (const [i, value] of Object.entries(DEFAULTS[name] ?? {})) args[Number(i)] ??= value;
      const earlier = args.map((value) => before(value, args));
      const result = call(...given);
      told({ name, args: args.map((_, i) => after(name, i, args, result, earlier[i])), result });
      return result;
    };
  };
  return Object.fromEntries(
    Object.entries(sys).map(([name, value]) => [
      name,
      callNames.has(name) ? wrap(name, value as unknown as (...args: unknown[]) => number) : value,
    ]),
  ) as unknown as Sys;
}
