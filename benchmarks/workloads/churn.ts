/**
 * `churn`: connections that come, exchange one message and go, as fast as the server lets them: accepting, adding to the
 * set and closing are most of the work. The client, c/churn.c, closes first; every byte is checked, and at the end the
 * server must have closed all that had been opened to it.
 */
import { start } from '../measure/children.js';
import { isMissing } from '../measure/places.js';
import { type CallCounter, findCallCounter } from '../measure/system-calls.js';
import { C, echoServers, KOFFI, LIBEVENT, NODE_NET, OWN, PYTHON, TWINS } from '../rivals/echo-servers.js';
import type { Cell, Contest, Context, Sample, Workload } from '../workload.js';
import {
  generatorProgram,
  pinning,
  type Server,
  sampleOf,
  startServers,
  type Usage,
  usageMetrics,
  verify,
} from './load.js';

/** What c/churn.c prints. */
interface ChurnResult extends Usage {
  /** Connections that exchanged their message, with those of the warm-up. */
  exchanged: number;
  /** Those that did within the time that was measured. */
  measured: number;
  connectionsPerSecond: number;
  leftOpen: number;
}

/** Connections that are on their way at any time. */
const IN_FLIGHT = 50;
const BYTES = 64;
const TIMING = {
  full: { seconds: 0.45, warmup: 0.1, counting: 0.05 },
  quick: { seconds: 0.1, warmup: 0.03, counting: 0.02 },
};
/** To compile what is hot, before anything is measured. */
const HEATING = { full: 0.2, quick: 0.1 };
/** The last answers and closings, beside what is asked for, in milliseconds. */
const PATIENCE = 20_000;

const FULL: readonly string[] = [...OWN, C.select, C.poll, C.level, C.edge, LIBEVENT, NODE_NET, PYTHON, KOFFI];
const QUICK: readonly string[] = [...OWN, C.level, NODE_NET];
/** Whose system calls are counted when time is short. */
const COUNTED: readonly string[] = [OWN[2], C.level];

/** @throws Error when a byte is lost or wrong, a connection fails or is left open, or the server ends */
export async function churnOnce(server: Server, seconds: number, warmup: number, cpu?: number): Promise<ChurnResult> {
  const options = ['--connections', IN_FLIGHT, '--bytes', BYTES, '--seconds', seconds, '--warmup', warmup];
  const args = ['127.0.0.1', server.port, ...options, '--pid', server.pid].map(String);
  const client = start(generatorProgram('churn'), args, cpu);
  try {
    const result = JSON.parse(await client.line((seconds + warmup) * 1000 + PATIENCE)) as ChurnResult;
    if (server.child.ended) throw new Error(`${server.name} ended under load`);
    verify(server.name, result);
    return result;
  } finally {
    await client.end();
  }
}

async function measure(server: Server, quick: boolean, counter: CallCounter | null, cpu?: number): Promise<Sample> {
  const { seconds, warmup, counting } = TIMING[quick ? 'quick' : 'full'];
  const result = await churnOnce(server, seconds, warmup, cpu);
  const { metrics, ...rest } = sampleOf(result, result.measured, 'connection');
  const counted = await counter?.count(server.pid, () => churnOnce(server, counting, 0, cpu));
  return {
    ...rest,
    metrics: {
      connectionsPerSecond: result.connectionsPerSecond,
      ...metrics,
      ...(counted && {
        calls: counted.calls.all / counted.result.exchanged,
        controls: counted.calls.epollCtl / counted.result.exchanged,
      }),
    },
  };
}

async function open(context: Context): Promise<Contest> {
  const { quick, threads } = context;
  const cpus = pinning(context);
  const names = quick ? QUICK : FULL;
  const { running, missing } = await startServers(
    echoServers(threads - 1).filter(({ name }) => names.includes(name)),
    cpus.server,
  );
  const found = await findCallCounter();
  const counter = isMissing(found) ? null : found;
  for (const server of running.values()) {
    // Whoever fails here fails again when it is measured, and that is told.
    await churnOnce(server, HEATING[quick ? 'quick' : 'full'], 0, cpus.generator).catch(() => {});
  }
  const { seconds, warmup, counting } = TIMING[quick ? 'quick' : 'full'];
  const cells = [...running].map(([contestant, server]): Cell => {
    const counts = quick && !COUNTED.includes(contestant) ? null : counter;
    return {
      contestant,
      params: { inFlight: IN_FLIGHT },
      seconds: 0.05 + seconds + warmup + (counts ? counting + 0.1 : 0),
      measure: () => measure(server, quick, counts, cpus.generator),
    };
  });
  return {
    ...{ cells, missing },
    notes: [
      'The client closes first, and in order: the server reads the end of the stream. What is left to wait out (TIME_WAIT) is ' +
        "on the client's side, spread over 65,000 addresses of 127.1.0.0/16.",
      'A connection costs the client at least as much as the server, so that it is often the limit: then the CPU time a ' +
        "connection is the server's own, and connections/s are both's.",
      isMissing(found)
        ? `System calls are not counted: ${found.missing}.`
        : `System calls are counted by ${found.how}, in a measurement of their own, from the first connection to the last.`,
    ],
    warmsUp: true,
    async close() {
      await Promise.all([...running.values()].map((server) => server.end()));
    },
  };
}

export const churn: Workload = {
  name: 'churn',
  title: 'Connect, one message, close',
  question: 'How many connections a second come, are answered once and go, and what does each cost the server?',
  params: [{ name: 'inFlight', label: 'connections at any time' }],
  metrics: [
    { name: 'connectionsPerSecond', label: 'connections', unit: 'connections/s', better: 'higher' },
    ...usageMetrics('connection'),
    { name: 'calls', label: 'system calls a connection', unit: '', better: 'lower' },
    { name: 'controls', label: 'epoll_ctl calls a connection', unit: '', better: 'lower' },
  ],
  baselines: [C.level, C.edge, C.poll, C.select, NODE_NET],
  twins: TWINS,
  charts: [
    {
      ...{ name: 'connections', title: 'Connections a second', kind: 'bar' },
      ...{ x: 'inFlight', y: 'connectionsPerSecond' },
    },
    { name: 'cpu', title: "The server's CPU time a connection", kind: 'bar', x: 'inFlight', y: 'cpu' },
  ],
  open,
  judge: () => [],
  claims: () => [],
};
