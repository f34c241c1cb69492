/** A server under load: it and the generator, c/load.c, a process each, on a CPU each where there are two. */
import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, start } from '../measure/children.js';
import { cProgram, isMissing } from '../measure/places.js';
import { disturbed } from '../measure/process-cpu.js';
import { ratio, type Spread } from '../measure/statistics.js';
import type { Target } from '../measure/targets.js';
import type { EchoServer } from '../rivals/echo-servers.js';
import type { Claim, Context, Flag, Metric, Row, Sample } from '../workload.js';

/** A generator with less time left than this may have been what held the server up. */
const BUSY = 0.95;
/** In the open loop the generator never rests: it is the limit where it sends so late that half of the slowest is its own. */
const LATE = 0.5;
/** Connecting thousands, and the last answers, in milliseconds. */
const PATIENCE = 60_000;
/** How long a server may take to close what its clients have closed, in milliseconds. */
const SETTLE = 10_000;

export interface Load {
  /** Connections that talk. */
  readonly connections: number;
  /** Connections that are silent. */
  readonly idle: number;
  /** Of a message. */
  readonly bytes: number;
  /** Messages a second, each due at its time; 0 for a closed loop: as fast as the answers come. */
  readonly rate: number;
}

/** What every generator prints. */
export interface Usage {
  seconds: number;
  /** Latencies in µs by quantile. */
  quantiles: [quantile: number, microseconds: number][];
  latencyMicroseconds: { median: number; p99: number; p999: number };
  cpuShare: number;
  waitShare: number;
  serverCpuSeconds: number;
  serverCpuShare: number;
  serverWaitShare: number;
  serverVoluntarySwitches: number;
  serverInvoluntarySwitches: number;
  bytesLost: number;
  bytesWrong: number;
  connectionFailures: number;
}

/** What c/load.c prints. */
export interface LoadResult extends Usage {
  /** Answered within the time that was measured. */
  messages: number;
  /** Answered at all, with those of the warm-up. */
  exchanged: number;
  messagesPerSecond: number;
  /** Of the open loop: how late the generator itself sent. */
  lagMicroseconds?: { median: number; p99: number };
  /** Of the open loop: due, and never sent because the server had not answered what came before. */
  unsent?: number;
  /** What the server holds in memory with all connections, in bytes. */
  serverMemory: number;
  /** And before there were any. */
  serverMemoryBefore: number;
  idleClosed: number;
}

/** A server that could not be started. */
export class NotStarted extends Error {}

/** A server that runs, and is asked for nothing yet. */
export class Server {
  readonly pid: number;
  /** How many descriptors it has for itself; not known before it has answered: until then it may still open some. */
  #own = Number.POSITIVE_INFINITY;

  private constructor(
    readonly name: string,
    readonly port: string,
    readonly child: Child,
  ) {
    this.pid = child.pid;
  }

  /** @throws NotStarted when it does not say that it listens */
  static async start(name: string, [file, ...args]: readonly [string, ...string[]], cpu?: number): Promise<Server> {
    const child = start(file, args, cpu);
    try {
      const said = await child.line();
      const port = /listening on 127\.0\.0\.1:(\d+)$/.exec(said)?.[1];
      if (port === undefined) throw new Error(`it said '${said}', not where it listens`);
      return new Server(name, port, child);
    } catch (error) {
      await child.end();
      throw new NotStarted((error as Error).message);
    }
  }

  /** How many descriptors it has open. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** It has answered so many connections, and holds them. */
  holds(connections: number): void {
    this.#own = Math.min(this.#own, this.descriptors - connections);
  }

  /**
   * Waits until it has closed what its clients have closed: the next measurement begins with a server that rests.
   * @throws Error when it ended, or leaves something open
   */
  async settle(): Promise<void> {
    for (const end = performance.now() + SETTLE; ; await sleep(1)) {
      if (this.child.ended) throw new Error(`${this.name} ended under load`);
      const left = this.descriptors - this.#own;
      if (left <= 0) return;
      if (performance.now() > end) throw new Error(`${this.name} left ${left} connections open`);
    }
  }

  end(): Promise<void> {
    return this.child.end();
  }
}

/** The CPUs of a contest: one for whoever is measured, one for the generator. */
export function pinning({ cpus }: Pick<Context, 'cpus'>): { server?: number; generator?: number } {
  const [server, generator] = [...(cpus ?? [])].reverse();
  return server === undefined || generator === undefined ? {} : { server, generator };
}

/** Starts each server that there is. @returns the others with their reasons */
export async function startServers(
  servers: readonly EchoServer[],
  cpu?: number,
): Promise<{ running: Map<string, Server>; missing: Record<string, string> }> {
  const running = new Map<string, Server>();
  const missing: Record<string, string> = {};
  await Promise.all(
    servers.map(async ({ name, command }) => {
      if (isMissing(command)) {
        missing[name] = command.missing;
        return;
      }
      try {
        running.set(name, await Server.start(name, command, cpu));
      } catch (error) {
        if (!(error instanceof NotStarted)) throw error;
        missing[name] = error.message;
      }
    }),
  );
  return { running, missing };
}

/** @throws Error when it has not been built */
export function generatorProgram(name: 'load' | 'churn'): string {
  const path = cProgram(name);
  if (isMissing(path)) throw new Error(`the load generator is ${path.missing}`);
  return path;
}

/** @throws Error that says what was lost: a benchmark that loses a message fails */
export function verify(name: string, result: Usage & { idleClosed?: number; leftOpen?: number }): void {
  const counts: [count: number, what: string][] = [
    [result.bytesLost, 'bytes lost'],
    [result.bytesWrong, 'bytes wrong'],
    [result.connectionFailures, 'connections failed'],
    [result.idleClosed ?? 0, 'silent connections closed by the server'],
    [result.leftOpen ?? 0, 'connections left open by the server'],
  ];
  const wrong = counts.filter(([count]) => count > 0).map(([count, what]) => `${count} ${what}`);
  if (wrong.length > 0) throw new Error(`${name}: ${wrong.join(', ')}`);
}

export type Measure = (seconds: number, warmup: number) => Promise<LoadResult>;

/**
 * Opens the connections of a load to a server, lets `body` measure as often as it likes, and closes them.
 * @throws Error when a byte is lost or wrong, a connection fails, or the server ends
 */
export async function underLoad<Result>(
  server: Server,
  load: Load,
  body: (measure: Measure) => Promise<Result>,
  cpu?: number,
): Promise<Result> {
  const args = ['--connections', load.connections, '--idle', load.idle, '--bytes', load.bytes, '--pid', server.pid];
  const rate = load.rate > 0 ? ['--rate', load.rate] : [];
  const words = ['127.0.0.1', server.port, ...args, ...rate, '--steps'].map(String);
  const client = start(generatorProgram('load'), words, cpu);
  try {
    // The first line says that every connection has been tried, and answered.
    await client.line(PATIENCE);
    server.holds(load.connections + load.idle);
    return await body(async (seconds, warmup) => {
      client.say(`${seconds} ${warmup}`);
      const result = JSON.parse(await client.line((seconds + warmup) * 1000 + PATIENCE)) as LoadResult;
      if (server.child.ended) throw new Error(`${server.name} ended under load`);
      verify(server.name, result);
      return result;
    });
  } finally {
    await client.end();
  }
}

export function flagsOf(result: Usage & Pick<LoadResult, 'lagMicroseconds'>): Flag[] {
  const flags: Flag[] = [];
  const late = result.lagMicroseconds;
  const bound = late ? late.p99 > LATE * result.latencyMicroseconds.p99 : result.cpuShare >= BUSY;
  if (bound) flags.push('generator-bound');
  const delay = Math.max(result.waitShare, result.serverWaitShare) * result.seconds;
  return [...flags, ...disturbed(delay * 1e9, result.seconds * 1000)];
}

/** What is told of every load: latencies, what the server paid for each of `count`, and how much the generator had to do. */
export function sampleOf(result: Usage & Pick<LoadResult, 'lagMicroseconds'>, count: number, what: string): Sample {
  if (count === 0) throw new Error(`no ${what} was answered in time`);
  return {
    metrics: {
      cpu: (result.serverCpuSeconds * 1e6) / count,
      p50: result.latencyMicroseconds.median,
      p99: result.latencyMicroseconds.p99,
      p999: result.latencyMicroseconds.p999,
      switches: (result.serverVoluntarySwitches + result.serverInvoluntarySwitches) / count,
      generator: result.cpuShare * 100,
    },
    flags: flagsOf(result),
    quantiles: result.quantiles,
  };
}

/** The metrics of `sampleOf`. @param of what is counted: `message` */
export function usageMetrics(of: string): Metric[] {
  return [
    { name: 'cpu', label: `server's CPU time a ${of}`, unit: 'µs', better: 'lower' },
    { name: 'p50', label: 'latency, median', unit: 'µs', better: 'lower' },
    { name: 'p99', label: 'latency, 99 %', unit: 'µs', better: 'lower' },
    { name: 'p999', label: 'latency, 99.9 %', unit: 'µs', better: 'lower' },
    { name: 'switches', label: `context switches a ${of}`, unit: '', better: 'lower' },
    { name: 'generator', label: "generator's CPU", unit: '%', better: 'lower' },
  ];
}

/**
 * One row's figure divided by another's, round by round.
 * @returns `undefined` where one of them is not there
 */
export function across(row: Row | undefined, other: Row | undefined, metric: string): Spread | undefined {
  const rounds = row?.metrics[metric]?.rounds ?? [];
  const below = other?.metrics[metric]?.rounds ?? [];
  // An interruption may have come between the two.
  const both = Math.min(rounds.length, below.length);
  return both === 0 ? undefined : ratio(rounds.slice(0, both), below.slice(0, both));
}

/**
 * Whoever the generator bounded might have reached more: the baseline, of a target that is met, or the row itself, of one that
 * is not.
 */
export function unlessBound(target: Target, row: Row, baseline: Row): Target {
  const bounded = target.met ? baseline : row;
  return bounded.flags.includes('generator-bound') ? { ...target, met: null } : target;
}

/** What is said about a claim, unless its rows are not there, or their figures the machine's. */
export function claim(
  told: Pick<Claim, 'source' | 'text'>,
  rows: readonly Row[],
  measured: string,
  verdict: Claim['verdict'],
): Claim {
  if (rows.length === 0) return { ...told, measured: 'Not measured.', verdict: 'not measured' };
  if (!rows.some(({ flags }) => flags.includes('disturbed'))) return { ...told, measured, verdict };
  return { ...told, measured: `${measured} But the machine was busy with something else.`, verdict: 'not measured' };
}
