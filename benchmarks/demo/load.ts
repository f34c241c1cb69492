/**
 * The client of the demo, a process of its own: holds idle connections, exchanges messages over active ones as fast as the
 * answers come, and checks every byte. Takes its orders as JSON in its first argument, and prints its result as JSON.
 */
import { Socket } from '../../src/socket.js';
import * as sys from '../../src/sys/index.js';
import { Histogram } from '../measure/histogram.js';
import { processCpu } from '../measure/process-cpu.js';

export interface LoadOrder {
  host: string;
  port: number;
  /** The server's process, whose CPU time is measured. */
  pid: number;
  active: number;
  idle: number;
  /** Bytes of a message, 8 or more. */
  bytes: number;
  warmupMs: number;
  durationMs: number;
}

export interface LoadResult {
  messages: number;
  seconds: number;
  /** In microseconds, from sending a message to having its echo. */
  median: number;
  p99: number;
  /** In microseconds a message. */
  serverCpu: number;
  /** Bytes that did not come back, or came back different. */
  lost: number;
}

/** How long the last answers may take, in milliseconds. */
const LAST_ANSWERS = 2000;

class Talker {
  readonly fd: number;
  readonly #socket: Socket;
  readonly #message: Buffer;
  readonly #answer: Buffer;
  #received = 0;
  sentAt = 0;

  constructor(host: string, port: number, bytes: number, seed: number) {
    this.#socket = new Socket();
    this.#socket.setOption(sys.IPPROTO_TCP, sys.TCP_NODELAY, 1);
    this.#socket.connect({ family: 'IPv4', address: host, port });
    this.#socket.setBlocking(false);
    this.fd = this.#socket.fd;
    this.#message = Buffer.from(Uint8Array.from({ length: bytes }, (_, i) => seed * 31 + i * 7));
    this.#answer = Buffer.alloc(bytes);
  }

  /** Sends the next message, which is unlike the one before. */
  say(number: number, now: number): void {
    this.#message.writeUInt32LE(number, 0);
    this.#message.writeUInt32LE(this.fd, 4);
    this.#received = 0;
    this.sentAt = now;
    if (sys.send(this.fd, this.#message) !== this.#message.length) this.#socket.sendAll(this.#message);
  }

  /** @returns whether the answer is complete; throws when the server has gone */
  hear(): boolean {
    const count = sys.recv(this.fd, this.#answer, this.#received);
    if (count === -sys.EAGAIN) return false;
    if (count <= 0) throw new Error(`the server ended a connection (${count})`);
    this.#received += count;
    return this.#received === this.#answer.length;
  }

  /** Bytes of the last answer that are missing or wrong. */
  wrong(): number {
    if (this.#received === this.#answer.length && this.#answer.equals(this.#message)) return 0;
    return this.#message.reduce((sum, byte, i) => sum + (i < this.#received && this.#answer[i] === byte ? 0 : 1), 0);
  }

  close(): void {
    // A reset leaves nothing behind that the next server's clients would have to wait for.
    this.#socket.setOption(sys.SOL_SOCKET, sys.SO_LINGER, new Uint8Array(new Int32Array([1, 0]).buffer));
    this.#socket.close();
  }
}

/**
 * Each connection is used once before the measuring: all have been accepted, none has been refused. All at once: one by
 * one, a server that goes through all its connections for each message would take a minute.
 * @returns bytes that were wrong
 */
function greet(talkers: readonly Talker[]): number {
  const one = new sys.PollFds(1);
  for (const talker of talkers) talker.say(0, 0);
  for (const talker of talkers) {
    do {
      one.set(0, talker.fd, sys.POLLIN);
      if (sys.poll(one, 1, 10_000) === 0) throw new Error('the server does not answer a new connection');
    } while (!talker.hear());
  }
  return talkers.reduce((sum, talker) => sum + talker.wrong(), 0);
}

function run(order: LoadOrder): LoadResult {
  const open = (count: number): Talker[] =>
    Array.from({ length: count }, (_, i) => new Talker(order.host, order.port, order.bytes, i));
  const idle = open(order.idle);
  const active = open(order.active);
  let lost = greet([...idle, ...active]);

  const epfd = sys.epoll_create1(sys.EPOLL_CLOEXEC);
  const events = new sys.EpollEvents(active.length);
  const latencies = new Histogram();
  for (const [i, talker] of active.entries()) sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, talker.fd, sys.EPOLLIN, i);

  let messages = 0;
  let number = 0;
  /** Exchanges messages until `end`; whoever is answered after it sends no more. */
  const talkUntil = (end: number): number => {
    for (;;) {
      const count = sys.epoll_wait(epfd, events, events.capacity, LAST_ANSWERS);
      if (count === 0) throw new Error('the server has stopped answering');
      let now = performance.now();
      for (let i = 0; i < count; i++) {
        const talker = active[events.tag(i)] as Talker;
        if (!talker.hear()) continue;
        now = performance.now();
        latencies.record((now - talker.sentAt) * 1e6);
        messages++;
        lost += talker.wrong();
        talker.say(++number, now);
      }
      if (now >= end) return now;
    }
  };

  const begin = performance.now();
  for (const talker of active) talker.say(++number, begin);
  const start = talkUntil(begin + order.warmupMs);
  messages = 0;
  latencies.clear();
  const cpu = processCpu(order.pid);
  const end = talkUntil(start + order.durationMs);
  const serverCpu = processCpu(order.pid) - cpu;
  const result = { messages, seconds: (end - start) / 1000 };

  let outstanding = active.length;
  while (outstanding > 0) {
    const count = sys.epoll_wait(epfd, events, events.capacity, LAST_ANSWERS);
    if (count <= 0) break;
    for (let i = 0; i < count; i++) {
      const talker = active[events.tag(i)] as Talker;
      if (!talker.hear()) continue;
      outstanding--;
      lost += talker.wrong();
      sys.epoll_ctl(epfd, sys.EPOLL_CTL_DEL, talker.fd);
    }
  }
  lost += outstanding * order.bytes;
  for (const talker of [...idle, ...active]) talker.close();
  return {
    ...result,
    median: latencies.quantile(0.5) / 1000,
    p99: latencies.quantile(0.99) / 1000,
    serverCpu: serverCpu / 1000 / result.messages,
    lost,
  };
}

try {
  process.stdout.write(`${JSON.stringify(run(JSON.parse(process.argv[2] as string) as LoadOrder))}\n`);
} catch (error) {
  process.stderr.write(`fdmux: the client of the demo: ${(error as Error).message}\n`);
  process.exitCode = 1;
}
