/**
 * An echo server under load: the server and c/load.c, a process each, on a CPU each where there are two. Some connections
 * send a message, wait for its echo, check every byte and send the next; others say nothing.
 */
import { start } from '../measure/children.js';
import { ratio, type Spread, spread } from '../measure/statistics.js';

export interface EchoLoad {
  connections: number;
  idle: number;
  bytes: number;
  seconds: number;
  warmup: number;
}

/** What c/load.c prints. */
export interface EchoResult {
  connections: number;
  idle: number;
  bytes: number;
  messages: number;
  seconds: number;
  messagesPerSecond: number;
  latencyMicroseconds: { median: number; p99: number; p999: number };
  cpuSeconds: number;
  cpuShare: number;
  waitShare: number;
  serverCpuSeconds: number;
  serverCpuShare: number;
  serverWaitShare: number;
  bytesLost: number;
  bytesWrong: number;
  connectionFailures: number;
  idleClosed: number;
}

export interface Cpus {
  server: number;
  generator: number;
}

/** Whoever waits longer than this for its CPU has been kept from it by something else on the machine. */
const DISTURBED = 0.05;
/** How long a machine that was busy with something else is given to become quiet again, in measurements. */
const REPEATS = 2;

/** What the machine disturbed is measured again, a few times; the least disturbed counts, whatever its figures are. */
export async function leastDisturbed(measure: () => Promise<EchoResult>): Promise<EchoResult> {
  let best = await measure();
  for (let i = 0; i < REPEATS && waitShareOf(best) > DISTURBED; i++) {
    const again = await measure();
    if (waitShareOf(again) < waitShareOf(best)) best = again;
  }
  return best;
}

/** A server that could not be started. */
export class NotStarted extends Error {}

/** Connecting, warming up and the last answers, beside what is asked for, in milliseconds. */
const PATIENCE = 60_000;

/**
 * Starts a server, measures it once and ends it.
 * @throws NotStarted when it does not say that it listens; Error when the generator fails, or the server ends under load
 */
export async function measureEcho(
  command: readonly [string, ...string[]],
  generator: string,
  load: EchoLoad,
  cpus: Cpus | null,
): Promise<EchoResult> {
  const [file, ...args] = command;
  const server = start(file, args, cpus?.server);
  try {
    const port = await listening(server.line());
    const words = Object.entries(load).flatMap(([name, value]) => [`--${name}`, String(value)]);
    const client = start(generator, ['127.0.0.1', port, ...words, '--pid', String(server.pid)], cpus?.generator);
    try {
      const patience = (load.seconds + load.warmup) * 1000 + PATIENCE;
      const result = JSON.parse(await client.line(patience)) as EchoResult;
      if (server.ended) throw new Error(`${command.join(' ')} ended under load`);
      return result;
    } finally {
      await client.end();
    }
  } finally {
    await server.end();
  }
}

async function listening(line: Promise<string>): Promise<string> {
  let said: string;
  try {
    said = await line;
  } catch (error) {
    throw new NotStarted((error as Error).message);
  }
  const port = /listening on 127\.0\.0\.1:(\d+)$/.exec(said)?.[1];
  if (port === undefined) throw new NotStarted(`it said '${said}', not where it listens`);
  return port;
}

/** A generator with less time left than this may have been what held the server up. */
const BUSY = 0.95;

export interface EchoFigures {
  server: string;
  messagesPerSecond: Spread;
  /** In microseconds. */
  cpuPerMessage: Spread;
  latencyMicroseconds: { median: number; p99: number; p999: number };
  serverCpuShare: number;
  generatorCpuShare: number;
  /** Whether the generator had no time left: a faster server might not have shown. */
  generatorBound: boolean;
  /** The part of the time that server or generator, whichever it was more, waited for a CPU. */
  waitShare: number;
  /** Whether the machine was busy with something else: messages/s is then its figure, not the server's. */
  disturbed: boolean;
  bytesLost: number;
  bytesWrong: number;
  connectionFailures: number;
  idleClosed: number;
  /** Its figures divided by those of the C server of its trigger, within each round. */
  toC?: { messagesPerSecond: Spread; cpuPerMessage: Spread };
  /** Its messages a second divided by node:net's, within each round. */
  toNodeNet?: Spread;
}

const waitShareOf = (result: EchoResult): number => Math.max(result.waitShare, result.serverWaitShare);
const rate = (result: EchoResult): number => result.messagesPerSecond;
const cpu = (result: EchoResult): number => (result.serverCpuSeconds * 1e6) / result.messages;

export function summariseEcho(
  server: string,
  rounds: readonly EchoResult[],
  c?: readonly EchoResult[],
  nodeNet?: readonly EchoResult[],
): EchoFigures {
  const middle = (of: (result: EchoResult) => number): number => spread(rounds.map(of)).median;
  const sum = (of: (result: EchoResult) => number): number => rounds.reduce((total, result) => total + of(result), 0);
  const waitShare = middle(waitShareOf);
  const generatorCpuShare = middle((result) => result.cpuShare);
  return {
    server,
    messagesPerSecond: spread(rounds.map(rate)),
    cpuPerMessage: spread(rounds.map(cpu)),
    latencyMicroseconds: {
      median: middle((result) => result.latencyMicroseconds.median),
      p99: middle((result) => result.latencyMicroseconds.p99),
      p999: middle((result) => result.latencyMicroseconds.p999),
    },
    serverCpuShare: middle((result) => result.serverCpuShare),
    generatorCpuShare,
    generatorBound: generatorCpuShare >= BUSY,
    waitShare,
    disturbed: waitShare > DISTURBED,
    bytesLost: sum((result) => result.bytesLost),
    bytesWrong: sum((result) => result.bytesWrong),
    connectionFailures: sum((result) => result.connectionFailures),
    idleClosed: sum((result) => result.idleClosed),
    ...(c && {
      toC: {
        messagesPerSecond: ratio(rounds.map(rate), c.map(rate)),
        cpuPerMessage: ratio(rounds.map(cpu), c.map(cpu)),
      },
    }),
    ...(nodeNet && { toNodeNet: ratio(rounds.map(rate), nodeNet.map(rate)) }),
  };
}
