/**
 * `echo`: echo servers under load. Some connections send a message, wait for its echo, check every byte and send the
 * next; others say nothing. One dimension at a time is varied around a base, because all of them together would take
 * hours. With a rate, messages are due at times of their own, and a late one counts from when it was due.
 */
import { isMissing } from '../measure/places.js';
import { type CallCounter, findCallCounter } from '../measure/system-calls.js';
import { atLeast, atMost, type Target, unlessDisturbed } from '../measure/targets.js';
import { C, type EchoServer, echoServers, LIBEVENT, NODE_NET, OWN, TWINS } from '../rivals/echo-servers.js';
import type { Cell, Claim, Contest, Context, Params, Row, Sample, Workload } from '../workload.js';
import {
  across,
  claim,
  type Load,
  type Measure,
  pinning,
  Server,
  sampleOf,
  startServers,
  underLoad,
  unlessBound,
  usageMetrics,
} from './load.js';

/** What the others vary. */
const BASE: Load = { connections: 100, idle: 0, bytes: 64, rate: 0 };
/** Where memory is measured, by a server that has had no connections before. */
const MANY = 8000;
/** Idle connections that must not slow epoll down. */
const SOME = 5000;
/** Fixed rates are taken from here, so that two runs on one machine have the same. */
const RATES = [1000, 2000, 5000].flatMap((first) => [first, first * 10, first * 100]).sort((a, b) => a - b);
/** A fixed rate leaves the C server some time. */
const STEADY = 0.75;
/** Descriptors that neither process has for connections. */
const SPARE = 100;

const RATE_LIMIT = 0.95;
const CPU_LIMIT = 1.15;
const NODE_NET_LIMIT = 1.5;
const IDLE_LIMIT = 0.9;

interface Timing {
  readonly seconds: number;
  readonly warmup: number;
  /** For counting system calls, apart. */
  readonly counting: number;
}

const FULL: Timing = { seconds: 0.35, warmup: 0.06, counting: 0.1 };
const QUICK: Timing = { seconds: 0.12, warmup: 0.03, counting: 0.03 };
/** To compile what is hot, before anything is measured. */
const HEATING = { full: 0.3, quick: 0.15 };

interface Case {
  readonly load: Load;
  readonly contestants: readonly string[];
  /** Whose system calls are counted, apart. */
  readonly counted?: readonly string[];
}

const [SELECT, POLL, LEVEL, EDGE] = OWN;

function fullCases(everybody: readonly string[], rates: readonly number[]): Case[] {
  const main = [POLL, LEVEL, EDGE, C.level, NODE_NET];
  return [
    { load: BASE, contestants: everybody, counted: everybody },
    ...[1, 10].map((connections) => ({ load: { ...BASE, connections }, contestants: [SELECT, ...main] })),
    { load: { ...BASE, connections: 1000 }, contestants: main },
    { load: { ...BASE, idle: 1000 }, contestants: main },
    { load: { ...BASE, idle: SOME }, contestants: [LEVEL, EDGE, C.level] },
    { load: { ...BASE, idle: MANY }, contestants: main },
    ...[1024, 16_384].map((bytes) => ({ load: { ...BASE, bytes }, contestants: main })),
    ...rates.map((rate) => ({ load: { ...BASE, rate }, contestants: [SELECT, ...main] })),
  ];
}

function quickCases(rates: readonly number[]): Case[] {
  return [
    { load: BASE, contestants: [...OWN, C.level, C.edge, NODE_NET], counted: [LEVEL, EDGE, C.level] },
    { load: { ...BASE, connections: 1 }, contestants: [LEVEL, C.level, NODE_NET] },
    { load: { ...BASE, idle: SOME }, contestants: [POLL, LEVEL] },
    { load: { ...BASE, bytes: 16_384 }, contestants: [LEVEL, C.level] },
    ...rates.map((rate) => ({ load: { ...BASE, rate }, contestants: [LEVEL, C.level, NODE_NET] })),
  ];
}

/** Some of the fixed rates, the largest that leave the fastest server some time. */
export function fixedRates(reached: number, count: number): number[] {
  const steady = RATES.filter((rate) => rate <= reached * STEADY);
  return steady.length > 0 ? steady.slice(-count) : RATES.slice(0, 1);
}

function paramsOf({ connections, idle, bytes, rate }: Load): Params {
  return { active: connections, idle, bytes, rate };
}

/** System calls a message, in a measurement of its own, over the same connections. */
async function countCalls(
  counter: CallCounter,
  server: Server,
  measure: Measure,
  seconds: number,
): Promise<Record<string, number>> {
  const { result, calls } = await counter.count(server.pid, () => measure(seconds, 0));
  return { calls: calls.all / result.exchanged, controls: calls.epollCtl / result.exchanged };
}

/** Takes one measurement of a server that rests. */
export async function measureEcho(
  server: Server,
  load: Load,
  { seconds, warmup, counting }: Timing,
  counter: CallCounter | null,
  cpu?: number,
): Promise<Sample> {
  return underLoad(
    server,
    load,
    async (measure) => {
      const result = await measure(seconds, warmup);
      const { metrics, ...rest } = sampleOf(result, result.messages, 'message');
      const connections = load.connections + load.idle;
      const memory = (result.serverMemory - result.serverMemoryBefore) / connections / 1024;
      return {
        ...rest,
        metrics: {
          messagesPerSecond: result.messagesPerSecond,
          ...metrics,
          ...(counter && (await countCalls(counter, server, measure, counting))),
          ...(load.idle === MANY && { memory }),
        },
      };
    },
    cpu,
  );
}

async function open(context: Context): Promise<Contest> {
  const { quick, machine, threads } = context;
  const timing = quick ? QUICK : FULL;
  const cpus = pinning(context);
  const known = echoServers(threads - 1);
  const possible = quick
    ? known.filter(({ name }) => quickCases([]).some(({ contestants }) => contestants.includes(name)))
    : known;
  const { running, missing } = await startServers(possible, cpus.server);
  const found = await findCallCounter();
  const counter = isMissing(found) ? null : found;
  const notes: string[] = [];

  let reached = 0;
  for (const [name, server] of running) {
    try {
      const heated = await underLoad(
        server,
        BASE,
        (measure) => measure(HEATING[quick ? 'quick' : 'full'], 0),
        cpus.generator,
      );
      await server.settle();
      if (name === C.level || reached === 0) reached = heated.messagesPerSecond;
    } catch {
      // It will fail again when it is measured, and be told then.
    }
  }
  const rates = fixedRates(reached, quick ? 1 : 2);
  const cases = quick ? quickCases(rates) : fullCases([...running.keys()], rates);

  const bound = machine.openFiles.hard - SPARE;
  const affordable = cases.filter(({ load }) => load.connections + load.idle <= bound);
  if (affordable.length < cases.length) {
    notes.push(
      `A process may have ${machine.openFiles.hard} descriptors here: cases with more connections are left out.`,
    );
  }
  const measureOnce = async (entry: EchoServer, load: Load, counts: CallCounter | null): Promise<Sample> => {
    const kept = running.get(entry.name);
    if (load.idle !== MANY && kept !== undefined) {
      const sample = await measureEcho(kept, load, timing, counts, cpus.generator);
      await kept.settle();
      return sample;
    }
    const fresh = await Server.start(entry.name, entry.command as [string, ...string[]], cpus.server);
    try {
      return await measureEcho(fresh, load, { ...timing, warmup: timing.warmup * 4 }, counts, cpus.generator);
    } finally {
      await fresh.end();
    }
  };
  const cells = affordable.flatMap(({ load, contestants, counted }) =>
    known
      .filter(({ name }) => running.has(name) && contestants.includes(name))
      .map((entry): Cell => {
        const counts = counted?.includes(entry.name) ? counter : null;
        return {
          contestant: entry.name,
          params: paramsOf(load),
          seconds: expected(load, timing, counts !== null),
          measure: () => measureOnce(entry, load, counts),
        };
      }),
  );
  notes.push(
    `Each case differs in one thing from ${BASE.connections} connections that talk, none that is silent, ${BASE.bytes} bytes a ` +
      'message, as fast as the answers come (rate 0): all combinations would take hours. Not everybody takes part in each. ' +
      'select holds 1,024 descriptors, and is left out beyond: see idle.',
    isMissing(found)
      ? `System calls are not counted: ${found.missing}.`
      : `System calls are counted by ${found.how}, in a measurement of their own${
          found.how === 'strace'
            ? ': it slows the server, more messages are ready at each wait, and waits a message are fewer'
            : ''
        }.`,
    quick
      ? 'Memory is not measured with --quick: it takes thousands of idle connections.'
      : `Memory is what a new server's own grows by from none to ${MANY + BASE.connections} connections; the kernel's is not in it.`,
  );
  return {
    ...{ cells, missing, notes },
    warmsUp: true,
    async close() {
      await Promise.all([...running.values()].map((server) => server.end()));
    },
  };
}

/** How long a measurement takes, about: a process, its connections, the measuring, and the end of the connections. */
function expected({ idle, connections }: Load, { seconds, warmup, counting }: Timing, counts: boolean): number {
  const fresh = idle === MANY ? 0.25 + warmup * 3 : 0;
  return 0.05 + seconds + warmup + (idle + connections) * 60e-6 + fresh + (counts ? counting + 0.1 : 0);
}

function rowOf(rows: readonly Row[], contestant: string, load: Load): Row | undefined {
  const params = JSON.stringify(paramsOf(load));
  return rows.find((row) => row.contestant === contestant && JSON.stringify(row.params) === params);
}

function judge(rows: readonly Row[]): Target[] {
  const against = OWN.flatMap((name) => {
    const row = rowOf(rows, name, BASE);
    const baseline = name === EDGE ? C.edge : C.level;
    const rate = (limit: number, other: string): Target[] => {
      const figure = row?.ratios[other]?.messagesPerSecond;
      const beside = rowOf(rows, other, BASE);
      if (!row || !figure || !beside) return [];
      const target = atLeast(`${name}, messages/s`, limit, other, figure);
      return [unlessDisturbed(unlessBound(target, row, beside), row, beside)];
    };
    const cpu = row?.ratios[baseline]?.cpu;
    const beside = rowOf(rows, baseline, BASE);
    return [
      ...rate(RATE_LIMIT, baseline),
      ...(row && cpu && beside
        ? [unlessDisturbed(atMost(`${name}, CPU a message`, CPU_LIMIT, baseline, cpu), row, beside)]
        : []),
      ...rate(NODE_NET_LIMIT, NODE_NET),
    ];
  });
  const idle = [LEVEL, EDGE].flatMap((name) => {
    const row = rowOf(rows, name, { ...BASE, idle: SOME });
    const base = rowOf(rows, name, BASE);
    const figure = across(row, base, 'messagesPerSecond');
    if (!row || !base || !figure) return [];
    const target = atLeast(`${name}, messages/s with ${SOME} idle connections`, IDLE_LIMIT, 'without', figure);
    return [unlessDisturbed(unlessBound(target, row, base), row, base)];
  });
  return [...against, ...idle];
}

const GAMMO = 'Gammo, Brecht et al., 2004';
/** Who differs less than this is called alike. */
const ALIKE = 1.15;
const HARDLY_ALIKE = 1.5;

function claims(rows: readonly Row[]): Claim[] {
  const of = (...names: string[]): Row[] => names.flatMap((name) => rowOf(rows, name, BASE) ?? []);
  const three = of(SELECT, POLL, LEVEL);
  const costs = three.map(({ metrics }) => metrics.cpu?.median ?? Number.NaN);
  const apart = Math.max(...costs) / Math.min(...costs);
  const two = of(LEVEL, EDGE);
  const [level, edge] = two;
  const cost = across(edge, level, 'cpu')?.median ?? Number.NaN;
  const rate = across(edge, level, 'messagesPerSecond')?.median ?? Number.NaN;
  const controls = two.map(({ metrics }) => metrics.controls?.median);
  return [
    claim(
      { source: GAMMO, text: 'Without idle connections select, poll and epoll cost about the same.' },
      three.length === 3 ? three : [],
      `${BASE.connections} connections: a message costs the dearest of the three ${apart.toFixed(2)} × the CPU time of the cheapest.`,
      apart <= ALIKE ? 'holds' : apart <= HARDLY_ALIKE ? 'in part' : 'does not hold',
    ),
    claim(
      { source: GAMMO, text: 'Edge-triggering saves calls of epoll_ctl, and gains little.' },
      two.length === 2 ? two : [],
      `Edge-triggered a message costs ${cost.toFixed(2)} × the CPU time of level-triggered, at ${rate.toFixed(2)} × the messages a ` +
        `second${savedCalls(controls)}.`,
      1 / cost > ALIKE ? 'does not hold' : saves(controls) ? 'holds' : 'in part',
    ),
  ];
}

/** Less than one call in so many messages is none. */
const HARDLY = 0.01;

function saves([level, edge]: readonly (number | undefined)[]): boolean {
  return level !== undefined && edge !== undefined && level > HARDLY && edge < level / 2;
}

function savedCalls([level, edge]: readonly (number | undefined)[]): string {
  if (level === undefined || edge === undefined) return '; calls of epoll_ctl were not counted';
  const counts = `; epoll_ctl a message: level ${level.toFixed(3)}, edge ${edge.toFixed(3)}`;
  return level > HARDLY
    ? counts
    : `${counts}: an echo server that never has to wait for room changes no mask, and has nothing to save`;
}

export const echo: Workload = {
  name: 'echo',
  title: 'Echo servers under load',
  question: 'How many messages does an echo server carry, how late do they come back, and what does each cost?',
  params: [
    { name: 'active', label: 'connections that talk' },
    { name: 'idle', label: 'idle connections' },
    { name: 'bytes', label: 'bytes a message' },
    { name: 'rate', label: 'messages/s that are due (0: as fast as answers come)' },
  ],
  metrics: [
    { name: 'messagesPerSecond', label: 'messages', unit: 'messages/s', better: 'higher' },
    ...usageMetrics('message'),
    { name: 'calls', label: 'system calls a message', unit: '', better: 'lower' },
    { name: 'controls', label: 'epoll_ctl calls a message', unit: '', better: 'lower' },
    { name: 'memory', label: "server's memory a connection", unit: 'KiB', better: 'lower' },
  ],
  baselines: [C.level, C.edge, C.eagain, C.poll, C.select, LIBEVENT, NODE_NET],
  twins: TWINS,
  charts: [
    {
      ...{ name: 'messages', title: `Messages a second, ${BASE.connections} connections`, kind: 'bar' },
      ...{ x: 'active', y: 'messagesPerSecond', where: paramsOf(BASE) },
    },
    {
      ...{ name: 'cpu', title: "The server's CPU time a message", kind: 'bar' },
      ...{ x: 'active', y: 'cpu', where: paramsOf(BASE) },
    },
    {
      ...{ name: 'calls', title: 'System calls a message', kind: 'bar' },
      ...{ x: 'active', y: 'calls', where: paramsOf(BASE) },
    },
    {
      ...{ name: 'active', title: 'Messages a second, by connections that talk', kind: 'line', log: ['x'] },
      ...{ x: 'active', y: 'messagesPerSecond', where: { idle: 0, bytes: BASE.bytes, rate: 0 } },
    },
    {
      ...{ name: 'idle', title: 'Messages a second, by idle connections', kind: 'line' },
      ...{ x: 'idle', y: 'messagesPerSecond', where: { active: BASE.connections, bytes: BASE.bytes, rate: 0 } },
    },
    {
      ...{ name: 'bytes', title: 'Messages a second, by bytes a message', kind: 'bar' },
      ...{ x: 'bytes', y: 'messagesPerSecond', where: { active: BASE.connections, idle: 0, rate: 0 } },
    },
    {
      ...{
        name: 'latency',
        title: 'Latency at fixed rates, from when a message was due',
        kind: 'distribution',
        log: ['y'],
      },
      ...{ x: 'rate', y: 'p99', facet: 'rate', where: { active: BASE.connections, idle: 0, bytes: BASE.bytes } },
    },
  ],
  open,
  judge,
  claims,
};
