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
export const FIRST_FD = 50;
/** What no wait looks at lies above. */
const OTHER_FD = 400;
export const MAX_READY = 64;
const MAX_QUIET = 128;

/** What a wait waits for. */
export interface Ready {
  /** How many are ready: the descriptors from `FIRST_FD` on. */
  readonly count: number;
  /** A set that holds them. */
  readonly epfd: number;
}

/** One call's loop, and what is done around it outside the clock. */
export interface Loop {
  before?(calls: number, ready: Ready): void;
  /** @returns how many calls answered as they must: that they all did is checked, so none can be left out */
  run(calls: number, ready: Ready): number;
  /** @throws Error when the calls did not do what they said */
  after?(calls: number, ready: Ready): void;
}

function high(fd: number, from = OTHER_FD): number {
  const copy = succeeded('fcntl', sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, from));
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
  for (let i = 0; i < MAX_READY; i++) {
    succeeded('pipe2', sys.pipe2(pair));
    check(high(pair[0] as number, FIRST_FD) === FIRST_FD + i, `descriptor ${FIRST_FD + i} is taken`);
    succeeded('write', sys.write(high(pair[1] as number), Uint8Array.of(BYTE)));
  }
  succeeded('pipe2', sys.pipe2(pair));
  const quiet = Int32Array.from({ length: MAX_QUIET }, () =>
    succeeded('fcntl', sys.fcntl(pair[0] as number, sys.F_DUPFD_CLOEXEC, OTHER_FD)),
  );
  succeeded('pipe2', sys.pipe2(pair, sys.O_NONBLOCK));
  const [readEnd, writeEnd] = ends();
  succeeded('socketpair', sys.socketpair(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_NONBLOCK, 0, pair));
  const [left, right] = ends();

  const buffer = Buffer.allocUnsafeSlow(BYTES);
  const arrived = () => check(buffer[0] === BYTE, 'wrong byte');
  return {
    readEnd,
    writeEnd,
    left,
    right,
    buffer,
    /** What `epoll_ctl` adds and deletes: nothing ever comes there. */
    quiet,
    /** Around the calls that add and delete. */
    registers: {
      add: { after: (calls: number, { epfd }: Ready) => each(calls, epfd, sys.EPOLL_CTL_DEL) },
      delete: { before: (calls: number, { epfd }: Ready) => each(calls, epfd, sys.EPOLL_CTL_ADD, sys.EPOLLIN) },
    },
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

  function each(calls: number, epfd: number, op: number, events?: number): void {
    for (const fd of quiet.subarray(0, calls)) succeeded('epoll_ctl', sys.epoll_ctl(epfd, op, fd, events));
  }
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

/** A set that holds as many ready descriptors. */
function choose(count: number): Ready {
  const epfd = high(succeeded('epoll_create1', sys.epoll_create1(0)));
  for (let fd = FIRST_FD; fd < FIRST_FD + count; fd++) {
    succeeded('epoll_ctl', sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, fd, sys.EPOLLIN));
  }
  return { count, epfd };
}

function measure(
  loop: Loop,
  name: string,
  count: number,
  batch: number,
  milliseconds: number,
): { ns: number; batches: number } {
  const ready = choose(count);
  const times: number[] = [];
  const end = performance.now() + milliseconds;
  do {
    loop.before?.(batch, ready);
    const start = process.hrtime.bigint();
    const right = loop.run(batch, ready);
    const time = process.hrtime.bigint() - start;
    check(right === batch, `${name}: ${batch - right} of ${batch} calls failed`);
    loop.after?.(batch, ready);
    times.push(Number(time) / batch);
  } while (performance.now() < end);
  sys.close(ready.epfd);
  return { ns: median(times), batches: times.length };
}

/** Says how many threads there are, and then answers each line of stdin, `CALL READY BATCH MILLISECONDS`, until there is no more. */
export async function answer(loops: Readonly<Record<string, Loop>>): Promise<void> {
  const say = (words: object) => process.stdout.write(`${JSON.stringify(words)}\n`);
  say({ threads: threads('self') });
  for await (const line of createInterface({ input: process.stdin })) {
    const [call = '', ...numbers] = line.split(' ');
    const [ready, batch, milliseconds] = numbers.map(Number) as [number, number, number];
    try {
      const loop = loops[call];
      if (loop === undefined) throw new Error('no such call');
      say({ call, ...measure(loop, call, ready, batch, milliseconds) });
    } catch (error) {
      say({ error: (error as Error).message });
      process.exitCode = 1;
      return;
    }
  }
}
