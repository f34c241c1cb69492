/**
 * `idle`: what one connection that talks costs while others sleep: none, and up to as many as a process may have
 * descriptors for. select and poll look at all of them at every call; epoll is told of the one that is ready.
 */
import { FD_SETSIZE } from '../../src/sys/index.js';
import { atMost, type Target, unlessDisturbed } from '../measure/targets.js';
import { C, echoServers, OWN, TWINS } from '../rivals/echo-servers.js';
import type { Cell, Claim, Contest, Context, Row, Sample, Workload } from '../workload.js';
import {
  across,
  claim,
  type Load,
  pinning,
  type Server,
  sampleOf,
  startServers,
  underLoad,
  usageMetrics,
} from './load.js';

const [SELECT, POLL, LEVEL, EDGE] = OWN;

const load = (idle: number): Load => ({ connections: 1, idle, bytes: 64, rate: 0 });

/** Of 20,000 descriptors, what the processes have to themselves is left. */
const MOST = 15_000;
const SOME = 5000;
/** Descriptors that neither process has for connections. */
const SPARE = 100;
/** What select has no room for beside the server's own descriptors: whoever comes and goes while others stay. */
const SLACK = 8;
const ROUND = 50;

const TIMING = { full: { seconds: 0.2, warmup: 0.05 }, quick: { seconds: 0.1, warmup: 0.03 } };
const HEATING = { full: 0.3, quick: 0.15 };
/** epoll's cost with the most idle connections, in that with none. */
const LIMIT = 1.2;

type Case = readonly [idle: number, contestants: readonly string[]];

/** Who is measured beside how many idle connections. @param most that a process may hold @param fits select's set */
function cases(quick: boolean, most: number, fits: number): Case[] {
  const some = (counts: readonly number[]): number[] => counts.filter((count) => count < most);
  if (quick) {
    return [
      [0, [SELECT, POLL, LEVEL]],
      [fits, [SELECT]],
      ...some([SOME]).map((idle): Case => [idle, [POLL]]),
      [most, most > SOME ? [LEVEL] : [POLL, LEVEL]],
    ];
  }
  return [
    [0, [...OWN, C.select, C.poll, C.level]],
    [fits, [SELECT, C.select]],
    ...some([1000, SOME]).map((idle): Case => [idle, [POLL, LEVEL, EDGE]]),
    [most, [POLL, LEVEL, EDGE, C.poll, C.level]],
  ];
}

async function measure(server: Server, idle: number, quick: boolean, cpu?: number): Promise<Sample> {
  const { seconds, warmup } = TIMING[quick ? 'quick' : 'full'];
  const result = await underLoad(server, load(idle), (run) => run(seconds, warmup), cpu);
  await server.settle();
  const { metrics, ...rest } = sampleOf(result, result.messages, 'message');
  return { ...rest, metrics: { ...metrics, messagesPerSecond: result.messagesPerSecond } };
}

async function open(context: Context): Promise<Contest> {
  const { quick, machine, threads } = context;
  const cpus = pinning(context);
  const names = cases(quick, MOST, 0).flatMap(([, contestants]) => contestants);
  const { running, missing } = await startServers(
    echoServers(threads - 1).filter(({ name }) => names.includes(name)),
    cpus.server,
  );
  for (const server of running.values()) {
    try {
      await underLoad(server, load(0), (run) => run(HEATING[quick ? 'quick' : 'full'], 0), cpus.generator);
      await server.settle();
    } catch {
      // It will fail again when it is measured, and be told then.
    }
  }
  const most = Math.min(MOST, machine.openFiles.hard - SPARE);
  const own = Math.max(...[SELECT, C.select].map((name) => running.get(name)?.descriptors ?? 0));
  const fits = Math.min(most, Math.floor((FD_SETSIZE - own - SLACK) / ROUND) * ROUND);
  const cells = cases(quick, most, fits).flatMap(([idle, contestants]) =>
    contestants.flatMap((contestant): Cell[] => {
      const server = running.get(contestant);
      if (server === undefined) return [];
      const { seconds, warmup } = TIMING[quick ? 'quick' : 'full'];
      return [
        {
          contestant,
          params: { idle },
          seconds: 0.05 + seconds + warmup + idle * 60e-6,
          measure: () => measure(server, idle, quick, cpus.generator),
        },
      ];
    }),
  );
  const notes = [
    `select holds ${FD_SETSIZE} descriptors: with its own, it has room for ${fits} idle connections, rounded down to ${ROUND}s.`,
  ];
  if (most < MOST)
    notes.push(`A process may have ${machine.openFiles.hard} descriptors here: ${most} connections are the most.`);
  return {
    ...{ cells, missing, notes },
    warmsUp: true,
    async close() {
      await Promise.all([...running.values()].map((server) => server.end()));
    },
  };
}

const idleOf = ({ params }: Row): number => Number(params.idle);

/** The row of a contestant with no idle connections, and with the most that it was measured with. */
function ends(rows: readonly Row[], contestant: string): { none: Row; most: Row } | undefined {
  const own = rows.filter((row) => row.contestant === contestant).sort((a, b) => idleOf(a) - idleOf(b));
  const [none, most] = [own[0], own.at(-1)];
  return none && most && idleOf(none) === 0 && idleOf(most) > 0 ? { none, most } : undefined;
}

function judge(rows: readonly Row[]): Target[] {
  return [LEVEL, EDGE].flatMap((name) => {
    const found = ends(rows, name);
    const figure = across(found?.most, found?.none, 'cpu');
    if (!found || !figure) return [];
    const text = `${name}, CPU a message with ${idleOf(found.most)} idle connections`;
    return [unlessDisturbed(atMost(text, LIMIT, 'that with none', figure), found.none, found.most)];
  });
}

const COLLAPSED = 3;

function claims(rows: readonly Row[]): Claim[] {
  const growth = ([SELECT, POLL, LEVEL] as const).map((name) => {
    const found = ends(rows, name);
    const times = across(found?.most, found?.none, 'cpu')?.median;
    return { name, rows: found ? [found.none, found.most] : [], idle: found ? idleOf(found.most) : 0, times };
  });
  const [select, poll, level] = growth.map(({ times }) => times);
  const told = growth.filter(({ times }) => times !== undefined);
  const collapsed = (poll ?? 0) >= COLLAPSED && (select ?? COLLAPSED) >= COLLAPSED;
  const stands = (level ?? Number.POSITIVE_INFINITY) <= LIMIT;
  return [
    claim(
      {
        source: 'Gammo, Brecht et al., 2004',
        text: 'With thousands of idle connections select and poll collapse, and epoll does not.',
      },
      poll === undefined || level === undefined ? [] : told.flatMap((one) => one.rows),
      `CPU time a message of one connection, in that without idle ones: ${told
        .map(({ name, idle, times }) => `${name} ${times?.toFixed(1)} × with ${idle}`)
        .join(', ')}.`,
      collapsed && stands ? 'holds' : (poll ?? 0) >= COLLAPSED || stands ? 'in part' : 'does not hold',
    ),
  ];
}

export const idle: Workload = {
  name: 'idle',
  title: 'One connection talks while thousands sleep',
  question: 'What does a message cost a server that also holds connections on which nothing happens?',
  params: [{ name: 'idle', label: 'idle connections' }],
  metrics: [
    ...usageMetrics('message'),
    { name: 'messagesPerSecond', label: 'messages', unit: 'messages/s', better: 'higher' },
  ],
  baselines: [C.level, C.poll, C.select],
  twins: TWINS,
  charts: [
    {
      ...{ name: 'cpu', title: "The server's CPU time a message, by idle connections", kind: 'line', log: ['y'] },
      ...{ x: 'idle', y: 'cpu' },
    },
    {
      ...{ name: 'latency', title: 'Latency of the one that talks, by idle connections', kind: 'line', log: ['y'] },
      ...{ x: 'idle', y: 'p50' },
    },
  ],
  open,
  judge,
  claims,
};
