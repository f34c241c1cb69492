/**
 * The main job: select, poll and epoll (level, edge) echo servers, each a process of its own, driven over loopback by
 * another process that checks every byte; side by side with few connections and with many idle ones.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { MultiBar, Presets } from 'cli-progress';
import { FD_SETSIZE, getrlimit, RLIMIT_NOFILE } from '../../src/sys/index.js';
import { wrapped } from '../measure/table.js';
import type { LoadOrder, LoadResult } from './load.js';

const HOST = '127.0.0.1';
const ACTIVE = 50;
const BYTES = 64;
const WARMUP_MS = 250;
const DURATION_MS = 1200;
/** Idle connections beyond what select can hold. */
const MANY = 8000;
/** Descriptors that a server may still open for itself once it listens. */
const SLACK = 8;
/** Descriptors that neither process has for connections. */
const SPARE = 100;

const COMMAND = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url));
const LOAD = fileURLToPath(new URL('./load.js', import.meta.url));

interface Server {
  name: string;
  serve: string[];
  /** Whether it stops at FD_SETSIZE. */
  limited?: boolean;
}

const servers: readonly Server[] = [
  { name: 'select', serve: ['select-echo'], limited: true },
  { name: 'poll', serve: ['poll-echo'] },
  { name: 'epoll, level', serve: ['epoll-echo', '--trigger', 'level'] },
  { name: 'epoll, edge', serve: ['epoll-echo', '--trigger', 'edge'] },
];

interface Row extends LoadResult {
  server: string;
  idle: number;
}

/** Every process that the demo has started and not seen end. */
const running = new Set<ChildProcess>();

function start(args: string[]): ChildProcess {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  running.add(child);
  child.once('exit', () => running.delete(child));
  return child;
}

async function firstLine(child: ChildProcess): Promise<string> {
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) return line;
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  const how = child.signalCode ?? `exit code ${child.exitCode}`;
  throw new Error(`${child.spawnargs.slice(2).join(' ')} ended (${how}) before it had said anything`);
}

/** How many descriptors a server has before anybody comes. */
function descriptorsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

async function measure(server: Server, idleFor: (taken: number) => number): Promise<Row> {
  const child = start([COMMAND, 'serve', ...server.serve, '--host', HOST, '--port', '0', '--quiet']);
  const ended = once(child, 'exit');
  const pid = child.pid as number;
  try {
    const port = Number(/:(\d+)$/.exec(await firstLine(child))?.[1]);
    const idle = idleFor(descriptorsOf(pid));
    const order: LoadOrder = {
      ...{ host: HOST, port, pid, active: ACTIVE, idle, bytes: BYTES },
      ...{ warmupMs: WARMUP_MS, durationMs: DURATION_MS },
    };
    const result = JSON.parse(await firstLine(start([LOAD, JSON.stringify(order)]))) as LoadResult;
    return { server: server.name, idle, ...result };
  } finally {
    child.kill('SIGTERM');
    const [code, signal] = (await ended) as [number | null, string | null];
    if (code !== 0) process.stderr.write(`fdmux: ${server.name} ended with ${code ?? signal}\n`);
  }
}

const columns: readonly [title: string, width: number, cell: (row: Row) => string][] = [
  ['', -14, (row) => row.server],
  ['connections', 11, (row) => whole(row.idle + ACTIVE)],
  ['messages', 10, (row) => whole(row.messages)],
  ['messages/s', 11, (row) => whole(row.messages / row.seconds)],
  ['median', 10, (row) => micro(row.median)],
  ['99 %', 10, (row) => micro(row.p99)],
  ['CPU/message', 12, (row) => micro(row.serverCpu)],
  ['bytes lost', 11, (row) => whole(row.lost)],
];

function whole(value: number): string {
  return Math.round(value).toLocaleString('en-US');
}

function micro(us: number): string {
  return us >= 10_000 ? `${(us / 1000).toFixed(1)} ms` : `${us.toFixed(us < 100 ? 1 : 0)} µs`;
}

function line(cell: (column: (typeof columns)[number]) => string): string {
  return columns
    .map((column) => (column[1] < 0 ? cell(column).padEnd(-column[1]) : cell(column).padStart(column[1])))
    .join(' ');
}

/** What the numbers say, in words. */
export function conclusion(few: readonly Row[], held: readonly Row[], many: readonly Row[]): string {
  const cost = (rows: readonly Row[], name: string): number =>
    rows.find((row) => row.server === name)?.serverCpu ?? Number.NaN;
  const growth = (rows: readonly Row[], name: string): string => (cost(rows, name) / cost(few, name)).toFixed(1);
  const costs = few.map((row) => row.serverCpu);
  const apart = Math.round((Math.max(...costs) / Math.min(...costs) - 1) * 100);
  const heldIdle = whole(held[0]?.idle ?? 0);
  const manyIdle = whole(many[0]?.idle ?? 0);
  return (
    `On this machine, with ${ACTIVE} connections the four cost the same within ${apart} %. ` +
    `Beside ${heldIdle} idle ones a message costs ${growth(held, 'select')} times as much CPU over select and ` +
    `${growth(held, 'poll')} times over poll` +
    (many.length > 0 ? `, beside ${manyIdle} ${growth(many, 'poll')} times over poll (select holds no more)` : '') +
    `; over epoll ${growth(many.length > 0 ? many : held, 'epoll, level')} times: ` +
    'select and poll go through every descriptor at every call, epoll is told the ready ones.'
  );
}

/** Progress on a terminal; in a pipe, the lines alone. */
class Screen {
  readonly #bars: MultiBar | undefined;
  readonly #bar: ReturnType<MultiBar['create']> | undefined;

  constructor(total: number) {
    if (!process.stdout.isTTY) return;
    const format = '{bar} {value}/{total}  {what}';
    this.#bars = new MultiBar(
      { format, hideCursor: true, clearOnComplete: true, stream: process.stdout },
      Presets.shades_classic,
    );
    this.#bar = this.#bars.create(total, 0, { what: '' });
  }

  doing(what: string): void {
    this.#bar?.update({ what });
  }

  done(): void {
    this.#bar?.increment();
  }

  print(text: string): void {
    if (this.#bars === undefined) process.stdout.write(`${text}\n`);
    else {
      this.#bars.log(`${text}\n`);
      this.#bars.update();
    }
  }

  close(): void {
    this.#bars?.stop();
  }
}

/** How many idle connections both processes may hold. */
function affordable(): number {
  const limit = new Float64Array(2);
  getrlimit(RLIMIT_NOFILE, limit);
  return Math.min(MANY, (limit[0] as number) - ACTIVE - SPARE);
}

/** @returns whether every byte came back */
export async function demo(): Promise<boolean> {
  const many = affordable();
  const unlimited = servers.filter((server) => !server.limited);
  const roomy = many > 2 * FD_SETSIZE ? unlimited : [];
  const screen = new Screen(servers.length * 2 + roomy.length);
  const end = (signal: NodeJS.Signals): void => {
    screen.close();
    process.exit(signal === 'SIGINT' ? 130 : 143);
  };
  // Also when nobody reads any more what it says. The clients first: they would say that their server has gone.
  const endAll = (): void => {
    for (const child of [...running].reverse()) child.kill('SIGTERM');
  };
  process.once('SIGINT', end).once('SIGTERM', end).once('exit', endAll);

  // The same for all: what select's set has room for beside the server's own descriptors.
  let room = 0;
  const phase = async (title: string, which: readonly Server[], idleFor: (taken: number) => number): Promise<Row[]> => {
    screen.print(`\n${title}\n${line(([heading]) => heading)}`);
    const rows: Row[] = [];
    for (const server of which) {
      screen.doing(`${server.name}: ${title.toLowerCase()}`);
      const row = await measure(server, idleFor);
      rows.push(row);
      screen.print(line(([, , cell]) => cell(row)));
      screen.done();
    }
    return rows;
  };

  try {
    screen.print(
      `Echo servers, each a process of its own, and a client that sends ${BYTES} bytes over each of ${ACTIVE}\n` +
        'connections, waits for their return, checks them and sends the next.',
    );
    const few = await phase('Few connections', servers, () => 0);
    const held = await phase('As many idle ones as select can hold', servers, (taken) => {
      if (room === 0) room = FD_SETSIZE - taken - SLACK - ACTIVE;
      return room;
    });
    const beyond = roomy.length > 0 ? await phase('Many more than select can hold', roomy, () => many) : [];
    const lost = [...few, ...held, ...beyond].reduce((sum, row) => sum + row.lost, 0);
    screen.print(`\n${wrapped(conclusion(few, held, beyond), 80)}`);
    if (lost > 0) screen.print(`${whole(lost)} bytes were lost: this must never be.`);
    return lost === 0;
  } finally {
    screen.close();
    process.off('SIGINT', end).off('SIGTERM', end).off('exit', endAll);
    endAll();
  }
}
