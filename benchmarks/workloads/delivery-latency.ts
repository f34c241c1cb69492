/**
 * From a write in another process to the callback, a contestant's process of `delivery`: each way in turn reads the same
 * pipe. The writer puts the time into the pipe; clock and pipe are the system's, so the difference is the way's.
 */
import { Socket as NetSocket } from 'node:net';
import { createInterface } from 'node:readline';
import { EPOLLIN, Epoll, watch } from '../../src/index.js';
import * as sys from '../../src/sys/index.js';

export const QUANTILES = [0.5, 0.9, 0.99] as const;

/** What the process is asked. It says `ready` when whoever writes may begin, and then an answer. */
export interface LatencyOrder {
  way: string;
  writes: number;
}

export interface LatencyAnswer {
  writes: number;
  /** In µs. */
  quantiles: [quantile: number, microseconds: number][];
}

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
  "net.Socket 'readable'"(fd, told) {
    // It closes what it is given.
    const own = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, 0);
    const socket = new NetSocket({ fd: own, readable: true, writable: false });
    socket.on('readable', () => {
      if (socket.readableLength > 0) told();
    });
    return { read: () => socket.read() as Buffer, end: () => socket.destroy() };
  },
};

/** The latencies of `count` writes, in µs, ascending. */
function measure(way: Way, fd: number, count: number): Promise<number[]> {
  const latencies: number[] = [];
  return new Promise((resolve, reject) => {
    const { read, end } = way(fd, () => {
      const now = process.hrtime.bigint();
      const bytes = read();
      // A reader that was kept from running finds several.
      if (bytes.length === 0 || bytes.length % 8 !== 0) return reject(new Error(`${bytes.length} bytes came`));
      for (let at = 0; at < bytes.length; at += 8) latencies.push(Number(now - bytes.readBigInt64LE(at)) / 1000);
      if (latencies.length < count) return;
      end();
      setImmediate(() => resolve(latencies.sort((a, b) => a - b)));
    });
    console.log('ready');
  });
}

const pipefd = new Int32Array(2);
if (sys.pipe2(pipefd, sys.O_CLOEXEC | sys.O_NONBLOCK) < 0) throw new Error('pipe2 failed');
const [readFd, writeFd] = pipefd as unknown as [number, number];
console.log(`/proc/${process.pid}/fd/${writeFd}`);
for await (const line of createInterface({ input: process.stdin })) {
  const { way, writes } = JSON.parse(line) as LatencyOrder;
  const latencies = await measure(WAYS[way] as Way, readFd, writes);
  const answer: LatencyAnswer = {
    writes: latencies.length,
    quantiles: QUANTILES.map((quantile) => {
      return [quantile, latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * quantile))] as number];
    }),
  };
  console.log(JSON.stringify(answer));
}
