/**
 * From a write in another process to the callback, for bench:delivery: each way in turn on the same pipe. The writer puts
 * the time into the pipe; clock and pipe are the system's, so the difference is the way's.
 */
import { Socket as NetSocket } from 'node:net';
import { EPOLLIN, Epoll, watch } from '../../src/index.js';
import * as sys from '../../src/sys/index.js';
import { start } from '../measure/children.js';
import { besides } from '../measure/places.js';
import { median, ratio, type Spread, spread } from '../measure/statistics.js';

export const NET_SOCKET = "net.Socket 'readable'";

/** Calls `told` whenever there is something to read. @returns what reads it, and what ends it */
type Way = (fd: number, told: () => void) => { read(): Buffer; end(): void };

function reader(fd: number): () => Buffer {
  const buffer = Buffer.alloc(65536);
  return () => buffer.subarray(0, sys.read(fd, buffer));
}

const WAYS: Readonly<Record<string, Way>> = {
  'Epoll.watch'(fd, told) {
    const epoll = new Epoll();
    epoll.register(fd, EPOLLIN);
    epoll.watch(told);
    return { read: reader(fd), end: () => epoll.close() };
  },
  'watch(fd)'(fd, told) {
    const one = watch(fd, 'readable', told);
    return { read: reader(fd), end: () => one.close() };
  },
  [NET_SOCKET](fd, told) {
    // It closes what it is given.
    const own = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 0);
    const socket = new NetSocket({ fd: own, readable: true, writable: false });
    socket.on('readable', () => {
      if (socket.readableLength > 0) told();
    });
    return { read: () => socket.read() as Buffer, end: () => socket.destroy() };
  },
};

/** The latencies of `count` writes, in ns. */
function measure(way: Way, fd: number, count: number, write: () => void): Promise<number[]> {
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const { read, end } = way(fd, () => {
      const now = process.hrtime.bigint();
      const bytes = read();
      // A reader that was kept from running finds several.
      if (bytes.length === 0 || bytes.length % 8 !== 0) return reject(new Error(`${bytes.length} bytes came`));
      for (let at = 0; at < bytes.length; at += 8) latencies.push(Number(now - bytes.readBigInt64LE(at)));
      if (latencies.length < count) return;
      end();
      setImmediate(() => resolve(latencies));
    });
    write();
  });
}

export interface LatencyFigures {
  way: string;
  /** Of each round's median and 99th percentile, in ns. */
  median: Spread;
  p99: Spread;
  /** To those of net.Socket in the same round. */
  toNetSocket: { median: number; p99: number };
}

function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] as number;
}

export async function measureLatency(rounds: number, writes: number): Promise<LatencyFigures[]> {
  const pipefd = new Int32Array(2);
  if (sys.pipe2(pipefd, sys.O_CLOEXEC | sys.O_NONBLOCK) < 0) throw new Error('pipe2 failed');
  const [readFd, writeFd] = pipefd as unknown as [number, number];
  const writer = start(process.execPath, [
    besides(import.meta.url, './latency-writer.js'),
    `/proc/${process.pid}/fd/${writeFd}`,
  ]);
  await writer.line();
  const names = Object.keys(WAYS);
  const medians = new Map<string, number[]>(names.map((name) => [name, []]));
  const p99s = new Map<string, number[]>(names.map((name) => [name, []]));
  // The first round is a warm-up.
  for (let round = -1; round < rounds; round++) {
    const first = (round + names.length) % names.length;
    for (const name of [...names.slice(first), ...names.slice(0, first)]) {
      const latencies = await measure(WAYS[name] as Way, readFd, writes, () => writer.say(String(writes)));
      if (round < 0) continue;
      medians.get(name)?.push(median(latencies));
      p99s.get(name)?.push(percentile(latencies, 0.99));
    }
  }
  await writer.end();
  sys.close(readFd);
  sys.close(writeFd);
  const of = (figures: Map<string, number[]>, name: string) => figures.get(name) as number[];
  return names.map((way) => ({
    way,
    median: spread(of(medians, way)),
    p99: spread(of(p99s, way)),
    toNetSocket: {
      median: ratio(of(medians, way), of(medians, NET_SOCKET)).median,
      p99: ratio(of(p99s, way), of(p99s, NET_SOCKET)).median,
    },
  }));
}
