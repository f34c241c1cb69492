/**
 * `delivery`: from the kernel to a JavaScript callback on Node.js's event loop. What an event costs where level-triggered
 * descriptors are always ready, and how long a write in another process takes to reach the callback.
 */
import { type Child, start } from '../measure/children.js';
import { besides, isMissing } from '../measure/places.js';
import { disturbed, runDelay } from '../measure/process-cpu.js';
import { atLeast, atMost, type Target, unlessDisturbed } from '../measure/targets.js';
import { findEpoll } from '../rivals/epoll.js';
import type { Cell, Contest, Context, Params, Row, Sample, Workload } from '../workload.js';
import type { LatencyAnswer, LatencyOrder } from './delivery-latency.js';
import type { EventsAnswer, EventsOrder } from './delivery-serve.js';
import { pinning } from './load.js';

/** How many descriptors are ready at once. */
const READY = [1, 8, 64] as const;
const RIVAL = 'npm epoll';
const NET_SOCKET = "net.Socket 'readable'";
/** `epoll_wait`, in a loop that blocks, is what the kernel alone takes. */
const OWN = ['Epoll.watch', 'watch(fd)', 'for await', 'epoll_wait'] as const;
const OWN_LATENCY = ['Epoll.watch', 'watch(fd)'] as const;

/** How many times faster than npm epoll, by contestant and number of ready descriptors. */
const LIMITS: readonly [string, number, number][] = [
  ['Epoll.watch', 1, 10],
  ['Epoll.watch', 64, 100],
  ['watch(fd)', 1, 7],
];
/** No worse than, allowing for what two rounds of the same differ by. */
const LATENCY_LIMIT = 1.05;
/** For how long events are told in one measurement, in milliseconds. */
const MILLISECONDS = { full: 250, quick: 50 };
/** Writes in one measurement. */
const WRITES = { full: 2000, quick: 150 };
/** From one write to the next, on average, in seconds: half of it at least, and as much again by chance. */
const PAUSE = 1.15e-3;

const EVENTS: Params = { part: 'events' };
const LATENCY: Params = { part: 'latency' };

/** A 99th percentile shows what happens to one write in a hundred. */
const LATENCY_DISTURBED = 0.01;

/** @returns what was measured, and whether the processes waited for a CPU meanwhile */
async function watched(children: readonly Child[], measure: () => Promise<Sample>, share?: number): Promise<Sample> {
  const delay = (): number => children.reduce((sum, { pid }) => sum + runDelay(pid), 0);
  const before = delay();
  const begin = performance.now();
  const sample = await measure();
  return { ...sample, flags: disturbed(delay() - before, performance.now() - begin, share) };
}

function events(child: Child, contestant: string, ready: number, milliseconds: number): Cell {
  return {
    ...{ contestant, params: { ...EVENTS, ready }, seconds: milliseconds / 1000 },
    measure: () =>
      watched([child], async () => {
        child.say(JSON.stringify({ way: contestant, ready, milliseconds } satisfies EventsOrder));
        const { events, ns } = JSON.parse(await child.line()) as EventsAnswer;
        return { metrics: { ns: ns / events } };
      }),
  };
}

function latency(child: Child, writer: Child, contestant: string, writes: number): Cell {
  return {
    ...{ contestant, params: LATENCY, seconds: writes * PAUSE },
    measure: () =>
      watched(
        [child, writer],
        async () => {
          child.say(JSON.stringify({ way: contestant, writes } satisfies LatencyOrder));
          await child.line();
          writer.say(String(writes));
          const answer = JSON.parse(await child.line()) as LatencyAnswer;
          if (answer.writes !== writes) throw new Error(`${writes} were written, ${answer.writes} came`);
          const at = (quantile: number) => answer.quantiles.find(([known]) => known === quantile)?.[1] ?? Number.NaN;
          return { metrics: { median: at(0.5), p99: at(0.99) }, quantiles: answer.quantiles };
        },
        LATENCY_DISTURBED,
      ),
  };
}

async function open({ quick, cpus }: Context): Promise<Contest> {
  const size = quick ? 'quick' : 'full';
  const missing: Record<string, string> = {};
  const node = (path: string, args: string[] = [], cpu?: number): Child => {
    return start(process.execPath, [besides(import.meta.url, path), ...args], cpu);
  };
  const own = node('./delivery-events.js');
  await own.line();
  const children = [own];
  const contestants: [string, Child][] = OWN.map((name) => [name, own]);
  const rival = findEpoll();
  if (isMissing(rival)) {
    missing[RIVAL] = rival.missing;
  } else {
    const child = node('../rivals/delivery-epoll.js');
    await child.line();
    children.push(child);
    contestants.push([RIVAL, child]);
  }
  // On one CPU the reader would wait for the writer to leave it, sometimes, and no one could tell that from a disturbance.
  const { server, generator } = pinning({ cpus });
  const reader = node('./delivery-latency.js', [], server);
  const writer = node('./delivery-latency-writer.js', [await reader.line()], generator);
  await writer.line();
  children.push(reader, writer);
  return {
    cells: [
      ...READY.flatMap((ready) => contestants.map(([name, child]) => events(child, name, ready, MILLISECONDS[size]))),
      ...[...OWN_LATENCY, NET_SOCKET].map((name) => latency(reader, writer, name, WRITES[size])),
    ],
    missing,
    notes: [
      'Time an event: not pinned, because npm epoll waits in a thread of its own.',
      ...(server === undefined ? [] : ['Latency: reader and writer have a CPU each.']),
    ],
    async close() {
      await Promise.all(children.map((child) => child.end()));
    },
  };
}

function judge(rows: readonly Row[]): Target[] {
  const find = (contestant: string, ready?: number): Row | undefined => {
    const part = ready === undefined ? LATENCY.part : EVENTS.part;
    return rows.find((row) => {
      return row.contestant === contestant && row.params.part === part && row.params.ready === ready;
    });
  };
  const targets: Target[] = [];
  for (const [name, ready, limit] of LIMITS) {
    const row = find(name, ready);
    const rival = find(RIVAL, ready);
    const ratio = row?.ratios[RIVAL]?.ns;
    if (row === undefined || rival === undefined || ratio === undefined) continue;
    const times = { median: 1 / ratio.median, min: 1 / ratio.max, max: 1 / ratio.min };
    const target = atLeast(`${name}, ${ready} ready, times faster`, limit, RIVAL, times);
    targets.push(unlessDisturbed(target, row, rival));
  }
  const net = find(NET_SOCKET);
  for (const name of OWN_LATENCY) {
    const row = find(name);
    const ratio = row?.ratios[NET_SOCKET];
    if (row === undefined || net === undefined || !ratio?.median || !ratio.p99) continue;
    const judged = [
      atMost(`${name}, median latency`, LATENCY_LIMIT, NET_SOCKET, ratio.median),
      atMost(`${name}, 99th percentile`, LATENCY_LIMIT, NET_SOCKET, ratio.p99),
    ];
    targets.push(...judged.map((target) => unlessDisturbed(target, row, net)));
  }
  return targets;
}

export const delivery: Workload = {
  name: 'delivery',
  title: "From the kernel to a callback on Node.js's event loop",
  question:
    'What does an event cost until JavaScript is told of it, and how long does it take from a write in another process?',
  params: [
    { name: 'part', label: 'what is measured' },
    { name: 'ready', label: 'ready descriptors' },
  ],
  metrics: [
    { name: 'ns', label: 'time an event', unit: 'ns', better: 'lower' },
    { name: 'median', label: 'median latency', unit: 'µs', better: 'lower' },
    { name: 'p99', label: '99th percentile', unit: 'µs', better: 'lower' },
  ],
  baselines: [RIVAL, NET_SOCKET],
  charts: [
    {
      ...{ name: 'events', title: 'Time an event, by how many descriptors are ready', kind: 'line' },
      ...{ x: 'ready', y: 'ns', log: ['x', 'y'], where: EVENTS },
    },
    {
      ...{ name: 'latency', title: 'From a write in another process to the callback', kind: 'distribution' },
      ...{ x: 'part', y: 'median', where: LATENCY },
    },
  ],
  open,
  judge,
  claims: () => [],
};
