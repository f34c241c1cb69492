/** The echo programs, what sets each apart, and how a test runs one, talks to it and looks into it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import * as sys from 'fdmux/sys';
import { onTestFinished, type TestContext, test } from 'vitest';
import { keep, ok } from './fds.js';
import { type Child, type Ended, root, start } from './processes.js';

/** A row of the table: a new echo program is one more. */
export interface EchoProgram {
  /** Of the row, in the tests' names. */
  title: string;
  name: string;
  args: string[];
  /** Its default port. */
  port: number;
  /** What it sends before each reply. @param peer the client's own address, HOST:PORT */
  greeting?: (peer: string) => string;
  /** Nobody is served before the one ahead has left. */
  oneAtATime?: boolean;
  /** Whether a line typed by the operator stops it. */
  keyboard?: boolean;
  /** Lines of its own, beside who came, what came and who left. */
  also?: RegExp;
  /** The highest descriptor it can watch, and one. */
  descriptors?: number;
}

export const echoPrograms: readonly EchoProgram[] = [
  { title: 'select-echo', name: 'select-echo', args: [], port: 7788, keyboard: true, descriptors: 1024 },
  { title: 'poll-echo', name: 'poll-echo', args: [], port: 7788, keyboard: true },
  { title: 'epoll-echo --trigger level', name: 'epoll-echo', args: ['--trigger', 'level'], port: 7788 },
  { title: 'epoll-echo --trigger edge', name: 'epoll-echo', args: ['--trigger', 'edge'], port: 7788 },
  { title: 'epoll-echo --until eagain', name: 'epoll-echo', args: ['--until', 'eagain'], port: 7788 },
  { title: 'selectors-echo', name: 'selectors-echo', args: [], port: 1234 },
  {
    title: 'select-timeout-echo',
    name: 'select-timeout-echo',
    args: [],
    port: 9999,
    descriptors: 1024,
    also: /^(inputs|rlist):/,
  },
  {
    title: 'select-queues',
    name: 'select-queues',
    args: [],
    port: 9999,
    descriptors: 1024,
    also: /^inputs:| (was sent|has an empty queue|has a full queue)/,
  },
  { title: 'selectors-server', name: 'selectors-server', args: [], port: 6969, also: /^\w+: \d+ registered|^ {2}/ },
  {
    title: 'blocking-echo',
    name: 'blocking-echo',
    args: [],
    port: 6969,
    greeting: (peer) => `${peer} have connected to server\n`,
    oneAtATime: true,
  },
];

/** Declares a test for the programs that it is about: for any other it is none, rather than one that is skipped. */
export function testIf(applies: boolean): (name: string, body: (ctx: TestContext) => unknown, ms?: number) => void {
  return (name, body, ms) => {
    if (applies) test(name, body, ms);
  };
}

/** Skips a test, visibly, where a process may not have so many descriptors. */
export function needsDescriptors(ctx: TestContext, count: number): void {
  const limit = new Float64Array(2);
  sys.getrlimit(sys.RLIMIT_NOFILE, limit);
  if ((limit[0] as number) < count) ctx.skip(`needs RLIMIT_NOFILE ${count}`);
}

/** The command, compiled: a server's process runs what a user runs. */
export const FDMUX = `${root}dist/src/cli/main.js`;

/** How long anything may take before a test gives up, in milliseconds: a bound, never a measure. */
const PATIENCE = 20_000;

/** Looks again and again until `condition` holds, or a bounded while has passed. */
export async function until(condition: () => boolean, what: string, pause = 2): Promise<void> {
  for (const end = Date.now() + PATIENCE; !condition(); ) {
    if (Date.now() > end) throw new Error(`still not so: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** What a promise gives, or an error that says what was waited for in vain. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain for ${what}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Until `read` gives the same value ten times running: whatever made it move has come to rest. */
export async function settled(read: () => number, what: string): Promise<number> {
  let last = read();
  let same = 0;
  const rests = (): boolean => {
    const now = read();
    same = now === last ? same + 1 : 0;
    last = now;
    return same === 10;
  };
  await until(rests, `${what} at rest`, 15);
  return last;
}

export interface Server extends Child {
  program: EchoProgram;
  host: string;
  port: number;
}

export interface HowToServe {
  host?: string;
  port?: number;
  /** Otherwise it tells its operator everything. */
  quiet?: boolean;
  /** RLIMIT_NOFILE, soft and hard: Node.js raises the one to the other when it starts. */
  descriptors?: number;
}

/** The command that runs a program. */
export function command(program: EchoProgram, how: HowToServe = {}): [string, string[]] {
  const { host = '127.0.0.1', port = 0, quiet = true, descriptors } = how;
  const args = [FDMUX, 'serve', program.name, ...program.args, '--host', host, '--port', String(port)];
  if (quiet) args.push('--quiet');
  if (descriptors === undefined) return [process.execPath, args];
  return ['sh', ['-c', 'ulimit -n "$0" && exec "$@"', String(descriptors), process.execPath, ...args]];
}

/** Where a program says that it listens. */
export function portOf(line: string): number {
  const match = /^[\w-]+ listening on \S+:(\d+)$/.exec(line);
  if (match === null) throw new Error(`not what a server says first: ${line}`);
  return Number(match[1]);
}

/** Runs a program on a free port, and ends it with the test. */
export async function serve(program: EchoProgram, how: HowToServe = {}): Promise<Server> {
  const child = start(...command(program, how));
  const port = portOf(await within(child.line(), 'the listening line'));
  return { ...child, program, host: how.host ?? '127.0.0.1', port };
}

/** What a program says of who came, what came and who left. */
export function common({ also }: EchoProgram, lines: readonly string[]): string[] {
  return lines.filter((line) => !also?.test(line));
}

/** The next such line. */
export async function commonLine(server: Server): Promise<string> {
  for (;;) {
    const line = await within(server.line(), 'a line');
    if (!server.program.also?.test(line)) return line;
  }
}

/** Asks a server to stop, and tells how it ended. */
export async function stop(server: Child, signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
  server.process.kill(signal);
  return within(server.ended, `the end after ${signal}`);
}

/** A process whose standard output is the test's own descriptor. It is ended with the test. */
export function startInto(stdout: number, [program, args]: [string, string[]]): ChildProcess {
  const child = spawn(program, args, { cwd: root, stdio: ['ignore', stdout, 'inherit'] });
  onTestFinished(() => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
  });
  return child;
}

/** Resident memory in bytes: `VmRSS` of proc(5). */
export function residentMemory(pid: number): number {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))?.[1]) * 1024;
}

export function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** What a server has open of its own: it still starts when it says that it listens, and has started when it answers. */
export async function ownDescriptors(server: Server): Promise<number> {
  const client = await Client.to(server);
  await client.ask('?');
  const own = descriptorsOf(server.pid) - 1;
  client.leave();
  await until(() => descriptorsOf(server.pid) === own, 'the end of the one who asked');
  return own;
}

/** A port that nobody else is given before the test ends: bound, not listening. Who sets SO_REUSEADDR may bind and listen there. */
export function holdPort(): number {
  const fd = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0));
  ok(sys.setsockopt(fd, sys.SOL_SOCKET, sys.SO_REUSEADDR, 1));
  ok(sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 }));
  const address = new sys.SockAddr();
  ok(sys.getsockname(fd, address));
  return address.port;
}

/** How many descriptors below `limit` a server has for clients: one that it has inherited may lie beyond. */
export async function roomBelow(limit: number, server: Server): Promise<number> {
  await ownDescriptors(server);
  return limit - readdirSync(`/proc/${server.pid}/fd`).filter((fd) => Number(fd) < limit).length;
}

/** How much time a process's main thread has been on a CPU or waited for one, in nanoseconds. */
function wanted(pid: number): number {
  const [running, waiting] = readFileSync(`/proc/${pid}/schedstat`, 'latin1').split(' ').map(Number) as [
    number,
    number,
  ];
  return running + waiting;
}

/**
 * What part of a while, measured here and now, a process wanted to be on a CPU: 1 is all of it. What other processes
 * take from it counts, so that one that spins shows on a busy machine, too.
 */
export async function busyness(pid: number, ms: number): Promise<number> {
  const before = wanted(pid);
  const begin = process.hrtime.bigint();
  await new Promise((resolve) => setTimeout(resolve, ms));
  return (wanted(pid) - before) / Number(process.hrtime.bigint() - begin);
}

/** How many bytes the kernel holds for a server: received and not read, sent and not taken (proc_net_tcp). */
export function queued({ port }: Pick<Server, 'port'>): number {
  let bytes = 0;
  for (const line of readFileSync('/proc/net/tcp', 'latin1').split('\n').slice(1)) {
    const [, from, , , queues] = line.trim().split(/\s+/);
    if (Number.parseInt(from?.split(':')[1] ?? '', 16) !== port) continue;
    for (const queue of queues?.split(':') ?? []) bytes += Number.parseInt(queue, 16);
  }
  return bytes;
}

/** A connection whose every byte the test decides about: nothing is read before it is asked for. */
export class Client {
  /** HOST:PORT, as the server sees it. */
  readonly name: string;
  /** `ended`, or the error's name, once the other side has finished. */
  over: string | null = null;

  private constructor(
    readonly socket: Socket,
    readonly program: EchoProgram,
  ) {
    const { localAddress, localPort, localFamily } = socket;
    this.name = localFamily === 'IPv6' ? `[${localAddress}]:${localPort}` : `${localAddress}:${localPort}`;
    socket.on('end', () => {
      this.over ??= 'ended';
    });
    socket.on('error', (error: NodeJS.ErrnoException) => {
      this.over ??= error.code ?? error.message;
    });
    socket.on('close', () => {
      this.over ??= 'closed';
    });
  }

  static async to(server: Server): Promise<Client> {
    const socket = connect({ host: server.host, port: server.port, allowHalfOpen: true, noDelay: true });
    onTestFinished(() => {
      socket.destroy();
    });
    await within(
      new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject)),
      'a connection',
    );
    return new Client(socket, server.program);
  }

  /** All at once. */
  static many(server: Server, count: number): Promise<Client[]> {
    return Promise.all(Array.from({ length: count }, () => Client.to(server)));
  }

  say(data: string | Buffer): void {
    this.socket.write(data);
  }

  /** Reads `length` bytes, or fewer if that is all that ever comes. */
  async hear(length: number): Promise<Buffer> {
    const parts: Buffer[] = [];
    let left = length;
    await until(
      () => {
        for (;;) {
          const part = this.socket.read(Math.min(left, this.socket.readableLength)) as Buffer | null;
          if (part === null || part.length === 0) break;
          parts.push(part);
          left -= part.length;
        }
        return left === 0 || this.over !== null;
      },
      `${length} bytes, of which ${length - left} have come`,
    );
    return Buffer.concat(parts);
  }

  /** Reads what comes until the other side has finished. */
  async hearAll(): Promise<Buffer> {
    const parts: Buffer[] = [];
    this.socket.on('data', (part: Buffer) => parts.push(part));
    await until(() => this.over !== null, 'the end of what the server says');
    return Buffer.concat(parts);
  }

  /** Says something and hears it back. @returns the echo, which is to be what was said */
  async ask(text: string): Promise<string> {
    const greeting = this.program.greeting?.(this.name) ?? '';
    this.say(text);
    const answer = (await this.hear(greeting.length + text.length)).toString('latin1');
    return answer.startsWith(greeting) ? answer.slice(greeting.length) : `not greeted: ${answer}`;
  }

  /** What it was sent beside the greetings. */
  payload(heard: Buffer): Buffer {
    const greeting = this.program.greeting?.(this.name);
    return greeting === undefined ? heard : Buffer.from(heard.toString('latin1').replaceAll(greeting, ''), 'latin1');
  }

  /** SHUT_WR: says goodbye, and can still hear. */
  finish(): void {
    this.socket.end();
  }

  leave(): void {
    this.socket.destroy();
  }

  /** Closes with SO_LINGER 0: the other side gets ECONNRESET. */
  reset(): void {
    this.socket.resetAndDestroy();
  }
}

/** Bytes in which any loss, doubling or exchange shows. */
export function pattern(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let i = 0; i + 4 <= length; i += 4) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes.writeUInt32LE(state, i);
  }
  return bytes;
}
