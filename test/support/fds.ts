/** Descriptors of a test: made in one line, closed when the test is over, and counted around each file. */
import { readdirSync, readlinkSync } from 'node:fs';
import { getSystemErrorName } from 'node:util';
import * as sys from 'fdmux/sys';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';

/** What this process has open: `number → target`. */
export function openFds(): Map<number, string> {
  const open = new Map<number, string>();
  for (const name of readdirSync('/proc/self/fd')) {
    try {
      open.set(Number(name), readlinkSync(`/proc/self/fd/${name}`));
    } catch {
      // The one that listed the folder is gone.
    }
  }
  return open;
}

/** Fails a file whose tests leave descriptors open. */
export function failOnLeaks(): void {
  let before: Map<number, string>;
  beforeAll(() => {
    before = openFds();
  });
  afterAll(() => {
    const leaked = [...openFds()].filter(([fd, target]) => before.get(fd) !== target);
    expect(leaked, 'descriptors left open').toEqual([]);
  });
}

/** The result of a call that must succeed. */
export function ok(result: number): number {
  if (result < 0) throw new Error(`the call failed: ${getSystemErrorName(result)}`);
  return result;
}

const closed = new Set<number>();

/** Closes `fd` when the test is over, unless `close` has done it. */
export function keep(fd: number): number {
  ok(fd);
  closed.delete(fd);
  onTestFinished(() => {
    if (!closed.delete(fd)) sys.close(fd);
  });
  return fd;
}

/** Closes a kept descriptor before the test is over. */
export function close(fd: number): void {
  ok(sys.close(fd));
  closed.add(fd);
}

export type Pair = [number, number];

function both(filled: Int32Array): Pair {
  return [keep(filled[0] as number), keep(filled[1] as number)];
}

/** The reading end and the writing end. */
export function pipe(flags = sys.O_CLOEXEC | sys.O_NONBLOCK): Pair {
  const pipefd = new Int32Array(2);
  ok(sys.pipe2(pipefd, flags));
  return both(pipefd);
}

/** Two unix sockets, connected to each other. */
export function pair(type = sys.SOCK_STREAM | sys.SOCK_NONBLOCK): Pair {
  const sv = new Int32Array(2);
  ok(sys.socketpair(sys.AF_UNIX, type | sys.SOCK_CLOEXEC, 0, sv));
  return both(sv);
}

export function epoll(): number {
  return keep(sys.epoll_create1(sys.EPOLL_CLOEXEC));
}

export function socket(domain = sys.AF_INET, type = sys.SOCK_STREAM): number {
  return keep(sys.socket(domain, type | sys.SOCK_CLOEXEC, 0));
}

export const LOOPBACK: sys.Address = { family: 'IPv4', address: '127.0.0.1', port: 0 };

/** A listener on loopback, and where it listens. */
export function listener(type = sys.SOCK_STREAM, at: sys.Address = LOOPBACK): [number, sys.SockAddr] {
  const domain = at.family === 'IPv4' ? sys.AF_INET : at.family === 'IPv6' ? sys.AF_INET6 : sys.AF_UNIX;
  const fd = socket(domain, type);
  ok(sys.bind(fd, at));
  ok(sys.listen(fd, 16));
  const address = new sys.SockAddr();
  ok(sys.getsockname(fd, address));
  return [fd, address];
}

/** Two ends of a TCP connection over loopback: the one that connected and the one that was accepted. Both non-blocking. */
export function tcp(): Pair {
  const [server, address] = listener();
  const client = socket();
  ok(sys.connect(client, address));
  const accepted = keep(sys.accept4(server, sys.SOCK_CLOEXEC | sys.SOCK_NONBLOCK));
  ok(sys.fcntl(client, sys.F_SETFL, sys.O_NONBLOCK));
  close(server);
  return [client, accepted];
}

/** Sends until the other end takes no more. @returns how many bytes it took */
export function fill(fd: number): number {
  const chunk = Buffer.alloc(4096);
  let sent = 0;
  for (;;) {
    const count = sys.write(fd, chunk);
    if (count === -sys.EAGAIN) return sent;
    sent += ok(count);
  }
}

/** Reads all there is. */
export function drain(fd: number): Buffer {
  const parts: Buffer[] = [];
  for (;;) {
    const buffer = Buffer.alloc(65536);
    const count = sys.read(fd, buffer);
    if (count <= 0) return Buffer.concat(parts);
    parts.push(buffer.subarray(0, count));
  }
}

/** Blocks until `fd` has `events`: what travels over loopback arrives in the kernel's own time. */
export function arrived(fd: number, events = sys.POLLIN): void {
  const fds = new sys.PollFds(1);
  fds.set(0, fd, events);
  ok(sys.poll(fds, 1, -1));
}

/** A number that no descriptor has. */
export function unused(): number {
  const fd = ok(sys.dup(0));
  ok(sys.close(fd));
  return fd;
}

/** An abstract name that nobody else has. */
export function abstractName(): string {
  return `\0fdmux-test-${process.pid}-${process.hrtime.bigint()}`;
}

/** An ArrayBuffer of ES2024, which the types of ES2023 do not know. */
export function resizable(length: number, maxByteLength: number): ArrayBuffer & { resize(length: number): void } {
  const make = ArrayBuffer as unknown as new (
    length: number,
    options: { maxByteLength: number },
  ) => ArrayBuffer & { resize(length: number): void };
  return new make(length, { maxByteLength });
}
