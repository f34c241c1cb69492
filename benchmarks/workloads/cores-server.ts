/**
 * The echo server of the cores benchmark: threads that share one port, by one of the ways in which servers do. Each line on
 * stdin, `WAY WORKERS`, sets so many to work and is answered with the port; `stop` ends their work, and is answered with
 * what each of them did. Threads that are not needed wait on their event loops.
 *
 *   node cores-server.js THREADS      how many workers there can be
 */
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { succeeded } from '../../src/error.js';
import * as sys from '../../src/sys/index.js';
import { besides } from '../measure/places.js';
import { type Done, type Order, WAYS, type Way } from './cores-ways.js';

interface Thread {
  order(order: Order): void;
  /** What it says next. @throws Error when it has failed */
  said(): Promise<'ready' | Done>;
}

function startThread(): Thread {
  const worker = new Worker(besides(import.meta.url, './cores-worker.js'));
  const heard: ('ready' | Done)[] = [];
  let failure: Error | undefined;
  let wake = () => {};
  worker.on('message', (message: 'ready' | Done) => {
    heard.push(message);
    wake();
  });
  worker.on('error', (error: Error) => {
    failure = error;
    wake();
  });
  return {
    order: (order) => worker.postMessage(order),
    async said() {
      for (;;) {
        const message = heard.shift();
        if (message !== undefined) return message;
        if (failure !== undefined) throw failure;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
    },
  };
}

const threads = Array.from({ length: Number(process.argv[2]) }, startThread);

/** Descriptors that are connections, by number: any thread may close what another has accepted. */
const limit = new Float64Array(2);
succeeded('getrlimit', sys.getrlimit(sys.RLIMIT_NOFILE, limit));
const open = new Uint8Array(new SharedArrayBuffer(Math.min(limit[0] as number, 1 << 20)));

interface Work {
  readonly busy: readonly Thread[];
  readonly over: number;
  readonly fds: readonly number[];
}

/** @returns a listener, or for workers that bring their own a socket that only keeps the port for them */
function openDoor(way: Way): [fd: number, port: number] {
  const fd = succeeded('socket', sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK | sys.SOCK_CLOEXEC, 0));
  if (way.own) succeeded('setsockopt', sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEPORT, 1));
  succeeded('bind', sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 }));
  if (!way.own) succeeded('listen', sys.listen(fd, sys.SOMAXCONN));
  const address = new sys.SockAddr();
  succeeded('getsockname', sys.getsockname(fd, address));
  const { port } = address.toJSON() as { port: number };
  return [fd, port];
}

async function begin(way: Way, workers: number): Promise<[Work, port: number]> {
  const [door, port] = openDoor(way);
  const over = succeeded('eventfd', sys.eventfd(0, sys.EFD_CLOEXEC | sys.EFD_NONBLOCK));
  const fds = [door, over];
  let set: number | null = null;
  if (way.oneSet) {
    set = succeeded('epoll_create1', sys.epoll_create1(sys.EPOLL_CLOEXEC));
    fds.push(set);
    succeeded('epoll_ctl', sys.epoll_ctl(set, sys.EPOLL_CTL_ADD, door, way.mask));
    succeeded('epoll_ctl', sys.epoll_ctl(set, sys.EPOLL_CTL_ADD, over, sys.EPOLLIN));
  }
  const busy = threads.slice(0, workers);
  for (const thread of busy) thread.order({ way: way.name, door, port, over, set, open });
  for (const thread of busy) await thread.said();
  return [{ busy, over, fds }, port];
}

async function finish({ busy, over, fds }: Work): Promise<Done[]> {
  succeeded('write', sys.write(over, new Uint8Array(new BigUint64Array([1n]).buffer)));
  const done: Done[] = [];
  for (const thread of busy) done.push((await thread.said()) as Done);
  for (const fd of fds) sys.close(fd);
  for (const [fd, is] of open.entries()) if (is === 1) sys.close(fd);
  open.fill(0);
  return done;
}

const say = (words: object) => process.stdout.write(`${JSON.stringify(words)}\n`);

let work: Work | undefined;
say({ threads: threads.length });
for await (const line of createInterface({ input: process.stdin })) {
  try {
    if (line === 'stop' && work !== undefined) {
      say(await finish(work));
      work = undefined;
      continue;
    }
    const [name, workers] = line.split(' ');
    const way = WAYS.find((one) => one.name === name);
    if (work !== undefined || way === undefined || !(Number(workers) >= 1 && Number(workers) <= threads.length)) {
      throw new Error(`cannot do '${line}'`);
    }
    const [begun, port] = await begin(way, Number(workers));
    work = begun;
    say({ port });
  } catch (error) {
    say({ error: (error as Error).message });
    process.exit(1);
  }
}
process.exit(0);
