/** The parts of a contestant in calls.ts that are not the calls: descriptors, the clock, the answers. c/calls.c in TypeScript. */
import { createInterface } from 'node:readline';
import { succeeded } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { threads } from '../measure/machine.js';
import { median } from '../measure/statistics.js';

export const MAXEVENTS = 1024;
export const BYTES = 65536;
export const BYTE = 0x5a;
/** select(2) looks at every descriptor up to the highest: it has to be the same one in each contestant. */
const FIRST_FD = 50;

/** One call's loop, and what is done around it outside the clock. */
export interface Loop {
  before?(calls: number): void;
  /** @returns how many calls answered as they must: that they all did is checked, so none can be left out */
  run(calls: number): number;
  /** @throws Error when the calls did not do what they said */
  after?(calls: number): void;
}

function high(fd: number): number {
  const copy = succeeded('fcntl', sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, FIRST_FD));
  sys.close(fd);
  return copy;
}

export function check(right: boolean, what: string): void {
  if (!right) throw new Error(what);
}

/** The descriptors that the calls are made on. */
export function prepare() {
  const pair = new Int32Array(2);
  const ends = (): [number, number] => [high(pair[0] as number), high(pair[1] as number)];
  succeeded('pipe2', sys.pipe2(pair));
  const ready = high(pair[0] as number);
  succeeded('write', sys.write(pair[1] as number, Uint8Array.of(BYTE)));
  succeeded('pipe2', sys.pipe2(pair, sys.O_NONBLOCK));
  const [readEnd, writeEnd] = ends();
  succeeded('socketpair', sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0, pair));
  const [left, right] = ends();
  const epfd = high(succeeded('epoll_create1', sys.epoll_create1(0)));
  succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, ready, sys.EPOLLIN));

  const buffer = Buffer.allocUnsafeSlow(BYTES);
  const arrived = () => check(buffer[0] === BYTE, 'wrong byte');
  return {
    ready,
    readEnd,
    writeEnd,
    left,
    right,
    epfd,
    buffer,
    /** Around the calls that move a byte. */
    moves: {
      read: {
        before: (calls: number) => put(sys.write(writeEnd, buffer.fill(BYTE, 0, calls), 0, calls), calls),
        after: arrived,
      },
      write: { before: one, after: (calls: number) => took(sys.read(readEnd, buffer), calls) },
      recv: {
        before: (calls: number) => put(sys.send(left, buffer.fill(BYTE, 0, calls), 0, calls), calls),
        after: arrived,
      },
      send: { before: one, after: (calls: number) => took(sys.recv(right, buffer), calls) },
    },
  };

  function put(count: number, calls: number): void {
    check(count === calls, `no room for ${calls} bytes: ${count}`);
    buffer[0] = 0;
  }
  function one(): void {
    buffer[0] = BYTE;
  }
  function took(count: number, calls: number): void {
    check(count === calls && buffer[calls - 1] === BYTE, `${calls} bytes written, ${count} came`);
  }
}

function measure(loop: Loop, name: string, batch: number, milliseconds: number): { ns: number; batches: number } {
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    loop.before?.(batch);
    const start = process.hrtime.bigint();
    const right = loop.run(batch);
    const time = process.hrtime.bigint() - start;
    check(right === batch, `${name}: ${batch - right} of ${batch} calls failed`);
    loop.after?.(batch);
    times.push(Number(time) / batch);
  } while (performance.now() < end);
  return { ns: median(times), batches: times.length };
}

/** Says how many threads there are, and then answers each line of stdin, `CALL BATCH MILLISECONDS`, until there is no more. */
export async function answer(loops: Readonly<Record<string, Loop>>): Promise<void> {
  const say = (words: object) => process.stdout.write(`${JSON.stringify(words)}\n`);
  say({ threads: threads('self') });
  for await (const line of createInterface({ input: process.stdin })) {
    const [call = '', batch, milliseconds] = line.split(' ');
    try {
      const loop = loops[call];
      if (loop === undefined) throw new Error('no such call');
      say({ call, ...measure(loop, call, Number(batch), Number(milliseconds)) });
    } catch (error) {
      say({ error: (error as Error).message });
      process.exitCode = 1;
      return;
    }
  }
}
