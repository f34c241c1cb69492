/** The load generators: c/http-load.c, which checks every byte, and wrk, which checks none but is known. */
import { spawnSync } from 'node:child_process';
import { start } from '../measure/children.js';
import { inPackage } from '../measure/places.js';
import { PAGE_FILE, PATH } from './page.js';

/** What a load of some seconds is. */
export interface HttpLoad {
  connections: number;
  /** A connection for each request. */
  close: boolean;
  seconds: number;
  /** In seconds. */
  warmup: number;
  /** How many answers are measured, however long they take. */
  least?: number;
  /** How long the connections may wait for their first answers before the measuring begins, in seconds. */
  setup: number;
}

/** What both generators say. */
export interface LoadResult {
  requests: number;
  seconds: number;
  latencyMicroseconds: [quantile: number, microseconds: number][];
  cpuSeconds: number;
  /** Of the server, its children and theirs. */
  serverCpuSeconds: number;
  serverWaitShare: number;
  /** In bytes. */
  serverMemory: number;
  serverProcesses: number;
}

/** What c/http-load.c says beside. */
export interface OwnResult extends LoadResult {
  waitShare: number;
  /** Whether all connections had an answer before the measuring began. */
  ready: boolean;
  /** How long that took. */
  setupSeconds: number;
  /** How many connections had an answer while it was measured. */
  answered: number;
  /** Jain's index: 1 when all connections had as many answers, 1/n when one had them all. */
  fairness: number;
  wrong: number;
  failures: number;
  why: string;
}

/** A server that runs. */
export interface Running {
  name: string;
  pid: number;
  port: string;
}

/** Beside what is asked for, in milliseconds. */
const PATIENCE = 30_000;

/** @throws Error for a generator that does not say what it measured */
async function run(file: string, args: readonly string[], lines: number, ms: number, cpu?: number): Promise<unknown[]> {
  const child = start(file, args, cpu);
  try {
    const said: unknown[] = [];
    while (said.length < lines) {
      const line = await child.line(ms + PATIENCE);
      // wrk tells people what it does; what is for us is JSON.
      if (line.startsWith('{')) said.push(JSON.parse(line));
    }
    return said;
  } finally {
    await child.end();
  }
}

/**
 * Loads a server by our own generator.
 * @param body the file that the page is to be
 * @throws Error when an answer was wrong, or a connection failed
 */
export async function ownLoad(
  generator: string,
  server: Running,
  load: HttpLoad,
  cpu?: number,
  body = PAGE_FILE,
): Promise<OwnResult> {
  const { connections, close, seconds, warmup, least = 1, setup } = load;
  const figures = { path: PATH, body, connections, seconds, warmup, least, setup, pid: server.pid };
  const options = Object.entries(figures).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const args = ['127.0.0.1', server.port, ...options, ...(close ? ['--close'] : [])];
  const [said] = await run(generator, args, 1, (seconds + warmup + setup) * 1000, cpu);
  const result = said as OwnResult;
  if (result.wrong + result.failures === 0) return result;
  throw new Error(
    `${server.name}: ${result.wrong} wrong answers, ${result.failures} failed connections: ${result.why}`,
  );
}

/** Whether wrk is there. */
export function hasWrk(): boolean {
  return spawnSync('wrk', ['--version'], { stdio: 'ignore' }).error === undefined;
}

/** The least that wrk measures: it knows whole seconds. */
export const WRK_SECONDS = 1;

/**
 * Loads a server by wrk, which our own generator starts to tell what the server used.
 * @throws Error when wrk saw an error. What the answers were it does not look at
 */
export async function wrkLoad(
  generator: string,
  server: Running,
  connections: number,
  cpu?: number,
): Promise<LoadResult> {
  const url = `http://127.0.0.1:${server.port}${PATH}`;
  const wrk = ['wrk', '-t1', `-c${connections}`, `-d${WRK_SECONDS}s`, '-s', inPackage('benchmarks/http/wrk.lua'), url];
  const said = await run(generator, ['--pid', String(server.pid), '--', ...wrk], 2, WRK_SECONDS * 1000, cpu);
  const [seen, used] = said as [LoadResult & { failures: number }, LoadResult];
  if (seen.failures > 0) throw new Error(`${server.name}: wrk counts ${seen.failures} errors`);
  return { ...used, ...seen };
}
