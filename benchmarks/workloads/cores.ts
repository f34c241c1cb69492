/**
 * More threads than one: an echo server of worker threads over fdmux, whose workers share a port by one of the ways of
 * cores-ways.ts. c/load.c, in a process of its own, keeps some connections busy; c/churn.c makes one connection after the
 * other, for a message each: all workers sleep when it comes. Both check every byte, and the server counts: who was let in
 * by whom, and who was told of somebody who was not there any more.
 */
import { type Child, start } from '../measure/children.js';
import { allowedCpus } from '../measure/machine.js';
import { besides, cProgram, isMissing } from '../measure/places.js';
import { disturbed, runDelay } from '../measure/process-cpu.js';
import { ratio } from '../measure/statistics.js';
import { judged, type Target } from '../measure/targets.js';
import type { Cell, Claim, Contest, Context, Flag, Row, Sample, Workload } from '../workload.js';
import { type Done, WAYS, type Way } from './cores-ways.js';

export type Traffic = 'kept open' | 'one by one';

/** That are kept open. */
const CONNECTIONS = 64;
const BYTES = 64;
/** A generator with less time left than this may have been what held the server up. */
const BUSY = 0.95;
/** Beyond it more workers say nothing that fewer do not. */
const MOST_WORKERS = 16;
const OWN = 'own listeners';
const EXCLUSIVE = 'shared listener, EPOLLEXCLUSIVE';
const SHARED = 'shared listener';
/** What the second core has to bring. */
const GAIN = 1.6;
/** Beside the time that is measured, a generator connects, warms up and takes its last answers, in milliseconds. */
const PATIENCE = 30_000;

/** Who runs where. */
export interface Places {
  /** `null`: anywhere. */
  readonly server: readonly number[] | null;
  /** A CPU for each generator; `undefined`: anywhere. */
  readonly generators: readonly (number | undefined)[];
  /** CPUs that the workers have to themselves. */
  readonly cores: number;
}

/** @param cpus that can be pinned to; `null`: none can */
export function places(cpus: readonly number[] | null, count: number): Places {
  if (cpus === null || cpus.length < 3) {
    return { server: null, generators: [undefined], cores: cpus?.length ?? count };
  }
  // One generator keeps about two workers busy.
  const generators = Math.max(1, Math.floor(cpus.length / 3));
  return { server: cpus.slice(generators), generators: cpus.slice(0, generators), cores: cpus.length - generators };
}

/** How many workers are measured: 1, 2, 4… up to the cores; and twice as many as there are, where they are few. */
export function workerCounts(cores: number, quick: boolean): number[] {
  if (quick) return [1, 2];
  const counts = new Set([1, 2]);
  for (let count = 4; count <= cores; count *= 2) counts.add(count);
  counts.add(cores);
  if (cores <= 4) counts.add(2 * cores);
  return [...counts].filter((count) => count <= MOST_WORKERS).sort((a, b) => a - b);
}

/** What a generator prints. */
interface Generated {
  readonly connections: number;
  readonly cpuShare: number;
  readonly waitShare: number;
  readonly bytesLost: number;
  readonly bytesWrong: number;
  readonly connectionFailures: number;
  /** How often a thread of the server went to sleep while it was measured. */
  readonly serverVoluntarySwitches?: number;
  /** load's. */
  readonly messages?: number;
  readonly messagesPerSecond?: number;
  readonly idleClosed?: number;
  /** churn's. */
  readonly opened?: number;
  readonly exchanged?: number;
  readonly measured?: number;
  readonly connectionsPerSecond?: number;
  readonly leftOpen?: number;
}

const sum = <T>(values: readonly T[], of: (value: T) => number): number =>
  values.reduce((total, value) => total + of(value), 0);

/** @throws Error when a byte or a connection was lost, or the two sides have counted different things */
export function check(generated: readonly Generated[], done: readonly Done[]): void {
  const bad = (['bytesLost', 'bytesWrong', 'connectionFailures', 'idleClosed', 'leftOpen'] as const).flatMap((name) => {
    const count = sum(generated, (one) => one[name] ?? 0);
    return count === 0 ? [] : [`${name}: ${count}`];
  });
  if (bad.length > 0) throw new Error(bad.join(', '));
  const opened = sum(generated, (one) => one.opened ?? one.connections);
  const accepted = sum(done, (one) => one.accepted);
  if (accepted !== opened) throw new Error(`${opened} connections were opened, ${accepted} accepted`);
  const sent = sum(generated, (one) => one.exchanged ?? one.messages ?? 0);
  const echoed = sum(done, (one) => one.echoed);
  if (echoed < sent) throw new Error(`${sent} messages came back, ${echoed} were sent`);
}

interface Load {
  readonly traffic: Traffic;
  readonly seconds: number;
  readonly warmup: number;
}

class Server {
  readonly #child: Child;

  constructor(child: Child) {
    this.#child = child;
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** @throws Error with what the server says is wrong */
  async ask<T>(line: string): Promise<T> {
    this.#child.say(line);
    const answer = JSON.parse(await this.#child.line()) as T & { error?: string };
    if (answer.error !== undefined) throw new Error(answer.error);
    return answer;
  }
}

/** Runs the generators, each with its part of the connections. @throws Error when one of them fails */
async function generate(
  program: string,
  cpus: Places['generators'],
  port: number,
  pid: number,
  { traffic, ...times }: Load,
): Promise<Generated[]> {
  const all = traffic === 'one by one' ? 1 : CONNECTIONS;
  const children = cpus.map((cpu, i) => {
    const connections = Math.floor((all * (i + 1)) / cpus.length) - Math.floor((all * i) / cpus.length);
    const options = { connections, bytes: BYTES, ...times, pid };
    const words = Object.entries(options).flatMap(([option, value]) => [`--${option}`, String(value)]);
    return start(program, ['127.0.0.1', String(port), ...words], cpu);
  });
  const patience = (times.seconds + times.warmup) * 1000 + PATIENCE;
  try {
    const lines = await Promise.all(children.map((child) => child.line(patience)));
    return lines.map((line) => JSON.parse(line) as Generated);
  } finally {
    await Promise.all(children.map((child) => child.end()));
  }
}

async function measure(
  server: Server,
  { name }: Way,
  workers: number,
  load: Load,
  program: string,
  { server: pinned, generators, cores }: Places,
): Promise<Sample> {
  const { port } = await server.ask<{ port: number }>(`${name} ${workers}`);
  // What churn has opened it also looks for in the server: it can only be alone.
  const used = load.traffic === 'one by one' ? generators.slice(0, 1) : generators;
  const [waited, begun] = [runDelay(server.pid), performance.now()];
  const flags: Flag[] = [];
  let generated: Generated[];
  let done: Done[];
  try {
    generated = await generate(program, used, port, server.pid, load);
    if (generated.some(({ cpuShare, waitShare }) => cpuShare + waitShare >= BUSY)) flags.push('generator-bound');
    // Where they have to share the CPUs, they wait for one another.
    if (workers + (pinned === null ? used.length : 0) <= cores) {
      flags.push(...disturbed(runDelay(server.pid) - waited, (performance.now() - begun) * workers));
    }
  } finally {
    done = await server.ask<Done[]>('stop');
  }
  check(generated, done);
  const messages = sum(generated, (one) => one.measured ?? one.messages ?? 0);
  const slept = generated[0]?.serverVoluntarySwitches;
  return {
    metrics: {
      ...(slept !== undefined && messages > 0 && { wakeups: slept / messages }),
      rate: sum(generated, (one) => one.messagesPerSecond ?? one.connectionsPerSecond ?? 0),
      wasted: sum(done, (one) => one.wasted) / sum(done, (one) => one.accepted),
      busiest: (100 * Math.max(...done.map((one) => one.echoed))) / sum(done, (one) => one.echoed),
    },
    flags,
  };
}

const TRAFFICS: readonly { readonly traffic: Traffic; readonly program: string }[] = [
  { traffic: 'kept open', program: 'load' },
  { traffic: 'one by one', program: 'churn' },
];

function notesOf({ server, generators, cores }: Places): string[] {
  const some = generators.length > 1 ? `${generators.length} generators have a core each` : 'the generator has a core';
  if (server !== null) return [`Workers run on ${cores} CPUs; ${some} of their own.`];
  return [
    `There is no core for the generator alone: it, the workers and the kernel share ${cores} CPUs, and nobody is pinned. ` +
      `What ${Math.max(2, cores)} workers bring is less than it would be elsewhere, and is not judged.`,
  ];
}

async function open({ quick, machine, cpus }: Context): Promise<Contest> {
  const where = places(cpus, machine.allowedCpus.length);
  const counts = workerCounts(where.cores, quick);
  const missing: Record<string, string> = {};
  const command = [process.execPath, besides(import.meta.url, './cores-server.js'), String(Math.max(...counts))];
  const [file, ...args] = where.server === null ? command : ['taskset', '-c', where.server.join(), ...command];
  const child = start(file as string, args);
  await child.line();
  const server = new Server(child);

  const cells: Cell[] = [];
  const times = quick ? { seconds: 0.06, warmup: 0.02 } : { seconds: 0.25, warmup: 0.1 };
  for (const { traffic, program } of TRAFFICS) {
    const path = cProgram(program);
    if (isMissing(path)) {
      missing[`c/${program}.c`] = path.missing;
      continue;
    }
    for (const workers of counts) {
      for (const way of WAYS) {
        // That it makes no difference in one set can wait for a full run.
        if (quick && way.oneSet && way.title.includes('EPOLLEXCLUSIVE')) continue;
        cells.push({
          contestant: way.title,
          params: { traffic, workers },
          seconds: times.seconds + times.warmup + 0.05,
          measure: () => measure(server, way, workers, { traffic, ...times }, path, where),
        });
      }
    }
  }
  return { cells, missing, notes: notesOf(where), close: () => child.end() };
}

function find(rows: readonly Row[], contestant: string, traffic: Traffic, workers: number): Row | undefined {
  return rows.find(
    (row) => row.contestant === contestant && row.params.traffic === traffic && row.params.workers === workers,
  );
}

/** @param cpus that the benchmark may use */
export function targets(rows: readonly Row[], cpus: number): Target[] {
  const [one, two] = [1, 2].map((workers) => find(rows, OWN, 'kept open', workers));
  const [before, after] = [one?.metrics.rate?.rounds, two?.metrics.rate?.rounds];
  if (before === undefined || after === undefined || before.length !== after.length) return [];
  const gain = ratio(after, before);
  const text = `${OWN}, 2 workers: at least ${GAIN} × 1 worker`;
  const enough = (times: number): boolean => times >= GAIN;
  if (cpus < 3) return [{ ...judged(`${text} (${cpus} CPUs: none for the generator)`, gain, enough), met: null }];
  // A generator or a neighbour that took the time away cannot have made it faster.
  const doubtful = [one, two].some((row) => row !== undefined && row.flags.length > 0);
  const target = judged(text, gain, enough);
  return [target.met || !doubtful ? target : { ...target, met: null }];
}

function claims(rows: readonly Row[]): Claim[] {
  const most = Math.max(0, ...rows.map(({ params }) => Number(params.workers)));
  const wakeups = (way: string) => find(rows, way, 'one by one', most)?.metrics.wakeups?.median;
  const busiest = (way: string) => find(rows, way, 'kept open', most)?.metrics.busiest?.median;
  const found: Claim[] = [];

  const herd = {
    source: 'epoll_ctl(2)',
    text: 'With EPOLLEXCLUSIVE one or more of the sets that watch a descriptor are woken, and without it all.',
  };
  const [all, few, least] = [wakeups(SHARED), wakeups(EXCLUSIVE), wakeups(OWN)];
  if (most > 1 && all !== undefined && few !== undefined && least !== undefined) {
    found.push({
      ...herd,
      measured:
        `${most} workers, one connection at a time: ${all.toFixed(1)} wake-ups for each with a shared listener, ` +
        `${few.toFixed(1)} with EPOLLEXCLUSIVE, ${least.toFixed(1)} with a listener each.`,
      verdict: few < all && few - least <= (all - least) / 2 ? 'holds' : few < all ? 'in part' : 'does not hold',
    });
  } else found.push({ ...herd, measured: 'Not enough cases.', verdict: 'not measured' });

  const spread = {
    source: 'socket(7)',
    text: 'SO_REUSEPORT distributes connections better than threads that compete to accept from one socket.',
  };
  const [own, shared] = [busiest(OWN), busiest(SHARED)];
  if (most > 1 && own !== undefined && shared !== undefined) {
    const even = 100 / most;
    found.push({
      ...spread,
      measured: `Of ${most} workers the busiest had ${own.toFixed(0)} % of the messages; with a shared listener ${shared.toFixed(0)} %.`,
      verdict:
        own < shared - 2 ? 'holds' : Math.abs(own - shared) <= 2 || own <= even * 1.2 ? 'in part' : 'does not hold',
    });
  } else found.push({ ...spread, measured: 'Not enough cases.', verdict: 'not measured' });
  return found;
}

export const cores: Workload = {
  name: 'cores',
  title: 'More threads than one',
  question: 'What do more worker threads bring, and who is woken for nothing, by how they share a port?',
  params: [
    { name: 'traffic', label: 'connections' },
    { name: 'workers', label: 'worker threads' },
  ],
  metrics: [
    { name: 'rate', label: 'messages', unit: 'messages/s', better: 'higher' },
    { name: 'wakeups', label: 'wake-ups', unit: 'a message', better: 'lower' },
    { name: 'wasted', label: 'wasted wake-ups', unit: 'a connection', better: 'lower' },
    { name: 'busiest', label: "busiest worker's share", unit: '%', better: 'lower' },
  ],
  baselines: [OWN],
  charts: [
    {
      ...{ name: 'cores', title: 'Messages a second, by worker threads', kind: 'bar', x: 'workers', y: 'rate' },
      where: { traffic: 'kept open' },
    },
    {
      ...{ name: 'wake-ups', title: 'Wake-ups for a connection with one message, by worker threads', kind: 'bar' },
      ...{ x: 'workers', y: 'wakeups', where: { traffic: 'one by one' } },
    },
    {
      ...{ name: 'busiest', title: "The busiest worker's share of the messages", kind: 'bar' },
      ...{ x: 'workers', y: 'busiest', where: { traffic: 'kept open' } },
    },
  ],
  open,
  judge: (rows) => targets(rows, allowedCpus().length),
  claims,
};
