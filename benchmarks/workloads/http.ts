/**
 * One page by every kind of server that document 004 compares, and by `web` and node:http. All but the last two are the same
 * server with another loop, so that the figures are the loops'.
 *
 * - One connection that stays: what a request costs at best.
 * - 50 that stay: what waiting for many costs. A server of one at a time serves one of them, and the others starve.
 * - A connection for each request, as in the document: there such a server serves everybody, and a thread or a process a
 *   connection is started for a single answer.
 *
 * Under wrk, where it is there and a connection needs no time to begin; else under c/http-load.c, which begins to measure
 * when everybody has been answered once. It also looks at every byte before the first measurement and after each.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { type HttpServer, httpServers, NODE_HTTP } from '../http/contestants.js';
import { hasWrk, type LoadResult, ownLoad, type Running, WRK_SECONDS, wrkLoad } from '../http/load.js';
import { type Child, start } from '../measure/children.js';
import { cProgram, isMissing } from '../measure/places.js';
import { disturbed } from '../measure/process-cpu.js';
import type { Spread } from '../measure/statistics.js';
import type { Cell, Claim, Contest, Context, Flag, Row, Sample, Workload } from '../workload.js';

/** A generator with less time left than this may have been what held the server up. */
const BUSY = 0.95;
/** How long a server may take to say where it listens, or to be rid of threads and processes, in milliseconds. */
const PATIENCE = 30_000;
/** How long those are waited for that a server of one at a time does not answer, in seconds. */
const STARVING = 0.05;
/** Threads and processes that begin together end together: how often all of them are waited for. */
const TURNS = 2;
/** How long the look at every byte takes, in seconds. */
const LOOK = 0.05;

const OWN = 'http-load';
const WRK = 'wrk';

/** A case, and how long it is measured. */
interface Case {
  connections: number;
  close: boolean;
  seconds: number;
}

const FULL: readonly Case[] = [
  { connections: 1, close: false, seconds: 0.15 },
  { connections: 50, close: false, seconds: 0.4 },
  { connections: 10, close: true, seconds: 0.2 },
];
const QUICK: readonly Case[] = [
  { connections: 1, close: false, seconds: 0.05 },
  { connections: 50, close: false, seconds: 0.1 },
];
/** To start so many threads or processes takes longer than a quick run has. */
const TOO_MANY_FOR_QUICK = 50;
const WARMUP = 0.05;

const modeOf = ({ close }: Case): string => (close ? 'one request' : 'kept');

function threadsOf(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).length;
}

/** Until all threads and processes that a server had for its connections are gone: they would disturb whoever comes next. */
async function quiet({ name, pid }: Running, threads: number): Promise<void> {
  for (const end = performance.now() + PATIENCE; performance.now() < end; ) {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
    if (children === '' && threadsOf(pid) <= threads) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  throw new Error(`${name}: threads or processes of connections that have ended are still there`);
}

/** A server that runs, and has been seen to serve the page. */
interface Contestant extends Running {
  about: HttpServer;
  child: Child;
  /** How many threads it has while nobody is connected. */
  threads: number;
}

async function begin(
  about: HttpServer,
  command: readonly [string, ...string[]],
  context: Context,
): Promise<Contestant> {
  const [file, ...args] = command;
  const child = start(file, args, context.cpus?.at(-1));
  const said = await child.line(PATIENCE);
  const port = /listening on 127\.0\.0\.1:(\d+)$/.exec(said)?.[1];
  if (port === undefined) throw new Error(`${about.name} said '${said}', not where it listens`);
  return { name: about.name, pid: child.pid, port, about, child, threads: 0 };
}

function sampleOf(result: LoadResult, connections: number, own: Awaited<ReturnType<typeof ownLoad>>): Sample {
  if (result.requests === 0) throw new Error('nothing was answered');
  const waitShare = Math.max(own.waitShare, result.serverWaitShare);
  const flags: Flag[] = disturbed(waitShare * result.seconds * 1e9, result.seconds * 1000);
  if (result.cpuSeconds / result.seconds >= BUSY) flags.push('generator-bound');
  const at = (wanted: number): number => result.latencyMicroseconds.find(([part]) => part === wanted)?.[1] ?? 0;
  return {
    metrics: {
      rate: result.requests / result.seconds,
      median: at(0.5),
      p99: at(0.99),
      cpu: (result.serverCpuSeconds * 1e6) / result.requests,
      memory: result.serverMemory / 2 ** 20,
      served: (own.answered * 100) / connections,
      fairness: own.fairness,
      ...(own.ready && { setup: own.setupSeconds * 1000 }),
    },
    flags,
    quantiles: result.latencyMicroseconds,
  };
}

function cellOf(one: Contestant, what: Case, load: string, generator: string, cpu: number | undefined): Cell {
  const { oneAtATime = false, eachCosts = 0 } = one.about;
  const { connections, close, seconds } = what;
  const starves = oneAtATime && !close && connections > 1;
  const setup = starves ? STARVING : PATIENCE / 1000;
  const least = eachCosts > 0 && close ? TURNS * connections : 1;
  const own = { connections, close, seconds: load === WRK ? LOOK : seconds, warmup: WARMUP, least, setup };
  const begins = connections * eachCosts + (starves ? STARVING : 0);
  return {
    contestant: one.name,
    params: { connections, mode: modeOf(what), load },
    fresh: eachCosts > 0,
    seconds: Math.max(own.seconds, least * eachCosts) + WARMUP + begins + (load === WRK ? WRK_SECONDS + 0.1 : 0.05),
    async measure() {
      const wrk = load === WRK ? await wrkLoad(generator, one, connections, cpu) : undefined;
      await quiet(one, one.threads);
      const checked = await ownLoad(generator, one, own, cpu);
      if (one.child.ended) throw new Error(`${one.name} ended under load`);
      await quiet(one, one.threads);
      return sampleOf(wrk ?? checked, connections, checked);
    },
  };
}

async function open(context: Context): Promise<Contest> {
  const generator = cProgram(OWN);
  if (isMissing(generator)) throw new Error(`The load generator is ${generator.missing}`);
  const cpu = context.cpus?.at(-2);
  const missing: Record<string, string> = {};
  const notes: string[] = [];
  const running: Contestant[] = [];
  const close = async (): Promise<void> => {
    await Promise.all(running.map(({ child }) => child.end()));
  };
  try {
    for (const about of httpServers) {
      if (isMissing(about.command)) missing[about.name] = about.command.missing;
      else running.push(await begin(about, about.command, context));
    }
    for (const one of running) {
      await ownLoad(generator, one, { connections: 1, close: true, seconds: LOOK, warmup: 0, setup: 10 }, cpu);
      one.threads = await atRest(one.pid);
    }
  } catch (error) {
    await close();
    throw error;
  }

  const wrk = !context.quick && hasWrk();
  if (context.quick)
    notes.push(`measured by our own generator: wrk counts in whole seconds, which is too long for --quick`);
  else if (!wrk) notes.push('wrk is not installed: measured by our own generator');
  else notes.push('wrk measures 50 connections that stay; our own generator all else, and looks at every byte');
  const cells: Cell[] = [];
  for (const what of context.quick ? QUICK : FULL) {
    const many = what.connections > 1;
    const hasTime = ({ about }: Contestant): boolean =>
      !context.quick || what.connections < TOO_MANY_FOR_QUICK || about.eachCosts === undefined;
    const contestants = running.filter(hasTime);
    const left = running.filter((one) => !hasTime(one)).map(({ name }) => name);
    if (left.length > 0) {
      notes.push(
        `${left.join(', ')}: not with ${what.connections} connections in a --quick run: starting them takes seconds`,
      );
    }
    // wrk counts from its first connect: it would measure how threads and processes start.
    const load = ({ about }: Contestant): string => {
      return wrk && many && !what.close && about.eachCosts === undefined ? WRK : OWN;
    };
    const byLoad = [WRK, OWN].flatMap((name) => contestants.filter((one) => load(one) === name));
    cells.push(...byLoad.map((one) => cellOf(one, what, load(one), generator, cpu)));
  }
  return { cells, missing, notes, close };
}

/** How many threads a process has once no thread of a connection is left. */
async function atRest(pid: number): Promise<number> {
  let last = threadsOf(pid);
  for (let same = 0; same < 5; ) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const now = threadsOf(pid);
    same = now === last ? same + 1 : 0;
    last = now;
  }
  return last;
}

/** A metric's median, of who was measured in the case. */
function figure(rows: readonly Row[], contestant: string, metric: string, where: Partial<Row['params']>): number {
  const found = rows.find(
    (row) =>
      row.contestant === contestant && Object.entries(where).every(([name, value]) => row.params[name] === value),
  );
  return found?.metrics[metric]?.median ?? Number.NaN;
}

const MANY = { connections: 50, mode: 'kept' };
const EACH = { mode: 'one request' };

/** How many times as much as the other one a contestant did, in each round; the other is a baseline. */
function times(rows: readonly Row[], contestant: string, baseline: string): Spread | undefined {
  const many = (wanted: string): Row | undefined =>
    rows.find(({ contestant: name, params }) => {
      return name === wanted && params.connections === MANY.connections && params.mode === MANY.mode;
    });
  const both = [many(contestant), many(baseline)];
  // What something else on the machine slowed down says nothing.
  if (both.some((row) => row === undefined || row.flags.includes('disturbed'))) return undefined;
  return both[0]?.ratios[baseline]?.rate;
}

/** More in every round, or in some of them, or in none. */
function ahead({ min, max }: Spread): Claim['verdict'] {
  return min > 1 ? 'holds' : max < 1 ? 'does not hold' : 'in part';
}

function claim(text: string, values: readonly number[], measured: string, verdict: () => Claim['verdict']): Claim {
  const known = values.every(Number.isFinite);
  return {
    source: 'document 004',
    text,
    measured: known ? measured : 'not measured in this run',
    verdict: known ? verdict() : 'not measured',
  };
}

function claims(rows: readonly Row[]): Claim[] {
  const rate = (contestant: string): number => figure(rows, contestant, 'rate', MANY);
  const cpu = (contestant: string): number => figure(rows, contestant, 'cpu', MANY);
  const round = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: value < 100 ? 1 : 0 });
  const [level, edge] = [rate('epoll level'), rate('epoll edge')];
  const others = ['blocking', 'nonblocking', 'select', 'poll'].map((name) => [name, rate(name)] as const);
  const best = others.reduce((a, b) => (b[1] > a[1] ? b : a));
  const bestTimes = times(rows, best[0], 'epoll level');
  const edgeTimes = times(rows, 'epoll edge', 'epoll level');
  const each = (contestant: string): number => figure(rows, contestant, 'rate', EACH);
  const [oneThread, oneProcess, oneEpoll] = [each('thread'), each('process'), each('epoll level')];
  const served = figure(rows, 'blocking', 'served', MANY);
  return [
    claim(
      'epoll serves more requests than every other kind of server',
      [level, ...others.map(([, value]) => value), bestTimes?.min ?? Number.NaN],
      `50 connections: epoll, level, ${round(level)} requests/s, ${best[0]} ${round(best[1])}. With few connections a scan is cheap`,
      () => ahead({ median: 1, min: 1 / (bestTimes?.max ?? 1), max: 1 / (bestTimes?.min ?? 1) }),
    ),
    claim(
      'edge-triggered, epoll is faster than level-triggered',
      [level, edge, edgeTimes?.min ?? Number.NaN],
      `50 connections: edge ${round(edge)} requests/s, level ${round(level)}: on an edge each request costs a read more`,
      () => ahead(edgeTimes ?? { median: 1, min: 1, max: 1 }),
    ),
    claim(
      'a thread or a process for each connection serves fewer requests than one thread with epoll',
      [oneThread, oneProcess, oneEpoll],
      `a connection a request: thread ${round(oneThread)}, process ${round(oneProcess)}, epoll ${round(oneEpoll)} requests/s. Here a process is a new Node.js, no fork(2)`,
      () => (Math.max(oneThread, oneProcess) < oneEpoll ? 'holds' : 'does not hold'),
    ),
    claim(
      'a blocking server serves one client, and all others wait',
      [served],
      `of 50 connections that stay, ${round(served)} % were answered`,
      () => (served <= 2 ? 'holds' : 'does not hold'),
    ),
    claim(
      'asking every socket in turn wastes the processor',
      [cpu('nonblocking'), cpu('epoll level'), figure(rows, 'nonblocking', 'cpu', { connections: 1 })],
      `CPU a request: ${round(figure(rows, 'nonblocking', 'cpu', { connections: 1 }))} µs with one connection and ${round(cpu('nonblocking'))} µs with 50, epoll ${round(figure(rows, 'epoll level', 'cpu', { connections: 1 }))} and ${round(cpu('epoll level'))} µs. With everybody busy few questions are in vain`,
      () => (cpu('nonblocking') > cpu('epoll level') ? 'holds' : 'in part'),
    ),
  ];
}

export const http: Workload = {
  name: 'http',
  title: 'One page by every kind of server',
  question: 'What does it matter to an HTTP server how it waits?',
  params: [
    { name: 'connections', label: 'connections' },
    { name: 'mode', label: 'connections are' },
    { name: 'load', label: 'load generator' },
  ],
  metrics: [
    { name: 'rate', label: 'requests', unit: 'requests/s', better: 'higher' },
    { name: 'cpu', label: 'CPU a request', unit: 'µs', better: 'lower' },
    { name: 'median', label: 'median latency', unit: 'µs', better: 'lower' },
    { name: 'p99', label: '99th percentile', unit: 'µs', better: 'lower' },
    { name: 'memory', label: 'memory', unit: 'MiB', better: 'lower' },
    { name: 'served', label: 'connections answered', unit: '%', better: 'higher' },
    { name: 'fairness', label: 'fairness', unit: '', better: 'higher' },
    { name: 'setup', label: 'until all had an answer', unit: 'ms', better: 'lower' },
  ],
  baselines: ['epoll level', NODE_HTTP],
  charts: [
    {
      name: 'http-rate',
      title: 'Requests a second',
      kind: 'bar',
      x: 'mode',
      y: 'rate',
      log: ['y'],
      facet: 'connections',
    },
    {
      name: 'http-cpu',
      title: 'CPU a request',
      kind: 'bar',
      x: 'connections',
      y: 'cpu',
      log: ['y'],
      where: { mode: 'kept' },
    },
    {
      name: 'http-latency',
      title: 'Latency, 50 connections that stay',
      kind: 'distribution',
      x: 'load',
      y: 'p99',
      where: MANY,
    },
  ],
  open,
  judge: () => [],
  claims,
};
