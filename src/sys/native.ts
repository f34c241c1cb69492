/**
 * The addon, as TypeScript sees it: functions whose numbers lie in `frame`, in the order of their parameters, and whose
 * answer comes back in `frame[0]`; objects are passed as arguments. `src-native/call.h` says why.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';

/** The number under which the addon knows an ArrayBuffer's memory. 0 is C's NULL. */
export type Memory = number;

/** Under which an object of this floor tells the others its memory. */
export const MEMORY: unique symbol = Symbol('memory');

export interface Native {
  readonly frame: Float64Array;
  readonly constants: Readonly<Record<string, number>>;
  /** The names of the system calls that can be traced, by their ids. */
  readonly traced: readonly string[];
  pin(buffer: ArrayBuffer): Memory;

  epoll_create1(): void;
  epoll_ctl(): void;
  epoll_wait(): void;
  epoll_pwait2(): void;

  poll(): void;
  ppoll(): void;

  select(): void;
  pselect(): void;

  socket(): void;
  socketpair(sv: Int32Array): void;
  bind(): void;
  listen(): void;
  accept4(): void;
  connect(): void;
  recv(buffer: Uint8Array): void;
  send(buffer: Uint8Array): void;
  recvfrom(buffer: Uint8Array): void;
  sendto(buffer: Uint8Array): void;
  shutdown(): void;
  getsockopt_ints(value: Int32Array): void;
  getsockopt_bytes(value: Uint8Array): void;
  setsockopt_int(): void;
  setsockopt_bytes(value: Uint8Array): void;
  getsockname(): void;
  getpeername(): void;
  sockaddr_inet(host: string): void;
  sockaddr_unix(path: string): void;
  sockaddr_family(): void;
  sockaddr_port(): void;
  sockaddr_text(): string;

  read(buffer: Uint8Array): void;
  write(buffer: Uint8Array): void;
  close(): void;
  openat2(pathname: string): void;
  pipe2(pipefd: Int32Array): void;
  dup(): void;
  fcntl(): void;
  ioctl(value: Int32Array): void;
  getrlimit(rlim: Float64Array): void;
  setrlimit(): void;

  signal_keep(): void;
  signal_restore(): void;
  signal_pipe_add(): void;
  signal_pipe_remove(): void;

  own(): void;

  loop_watch(callback: (number: number) => void): void;
  loop_arm(): void;
  loop_ref(): void;
  loop_close(): void;

  eventfd(): void;
  timerfd_create(): void;
  timerfd_settime(oldValue: Float64Array): void;
  pidfd_open(): void;
  inotify_init1(): void;
  inotify_add_watch(path: string): void;
  inotify_rm_watch(): void;

  trace_start(ids: Int32Array, told: (() => void) | undefined): void;
  trace_stop(): void;
}

/** The folder that holds package.json: this file lies at one depth as a source and at another when compiled. */
export const packageRoot: URL = (() => {
  let folder = new URL('./', import.meta.url);
  while (!existsSync(new URL('package.json', folder))) folder = new URL('../', folder);
  return folder;
})();

/** What this platform or runtime cannot do. */
export function unavailable(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_FEATURE_UNAVAILABLE_ON_PLATFORM' });
}

/** Elsewhere than on Linux everything can be imported and nothing called. */
function unsupported(): Native {
  return new Proxy({} as Native, {
    get(_, name) {
      if (name === 'frame') return new Float64Array(9);
      if (name === 'constants') return {};
      if (name === 'traced') return [];
      const what = name === 'pin' ? "Memory for a system call is Linux's" : `${String(name)} is a system call of Linux`;
      return () => {
        throw unavailable(`${what}. This is ${process.platform}`);
      };
    },
  });
}

function load(): Native {
  const require = createRequire(import.meta.url);
  try {
    return require('node-gyp-build')(fileURLToPath(packageRoot)) as Native;
  } catch (error) {
    // node-gyp-build knows musl by a file of Alpine's: elsewhere it has tried the other one.
    const musl = new URL(`prebuilds/linux-${process.arch}/fdmux.musl.node`, packageRoot);
    if (existsSync(musl)) {
      try {
        return require(fileURLToPath(musl)) as Native;
      } catch {
        throw error;
      }
    }
    const message = `fdmux has no binary for linux-${process.arch} here. With a compiler at hand, \`npx node-gyp rebuild\` in ${fileURLToPath(packageRoot)} makes one`;
    throw Object.assign(new Error(message, { cause: error }), { code: 'ERR_DLOPEN_FAILED' });
  }
}

// A copy: V8 keeps what an addon exports as a dictionary, and looks each call up in it, 5 to 15 ns a time.
export const native: Native = process.platform === 'linux' ? { ...load() } : unsupported();
export const { frame } = native;

/** A constant of the C headers; elsewhere than on Linux, NaN. */
export function constant(name: string): number {
  return native.constants[name] ?? Number.NaN;
}
