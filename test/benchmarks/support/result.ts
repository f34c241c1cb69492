/** A result as a run of all eight workloads would have it, but made up: always the same, and in no time. */
import { ratio, spread } from '../../../benchmarks/measure/statistics.js';
import type {
  BenchResult,
  Chart,
  Claim,
  Flag,
  Metric,
  Param,
  Params,
  Row,
  WorkloadResult,
} from '../../../benchmarks/workload.js';

const ROUNDS = 5;

/** Numbers in 0 … 1 that are the same at every run (mulberry32). */
function noise(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

let random = noise(7);

interface Measured {
  contestant: string;
  params: Params;
  /** What each metric is about. */
  metrics: Record<string, number>;
  flags?: Flag[];
  /** The median latency, from which the others follow. */
  latency?: number;
}

function quantiles(middle: number): Row['quantiles'] {
  const tail: [number, number][] = [
    [0.5, 1],
    [0.75, 1.2],
    [0.9, 1.6],
    [0.95, 2.1],
    [0.99, 3.4],
    [0.999, 9],
    [0.9999, 24],
    [1, 40],
  ];
  return tail.map(([quantile, times]) => [quantile, middle * times * (0.97 + 0.06 * random())]);
}

function rows(measured: readonly Measured[], baselines: readonly string[]): Row[] {
  const whole = measured.map((one) => ({
    ...one,
    key: JSON.stringify(one.params),
    rounds: Object.fromEntries(
      Object.entries(one.metrics).map(([name, value]) => [
        name,
        Array.from({ length: ROUNDS }, () => value * (0.94 + 0.12 * random())),
      ]),
    ),
  }));
  return whole.map(({ contestant, params, rounds, flags = [], latency, key }) => ({
    contestant,
    params,
    flags,
    metrics: Object.fromEntries(Object.entries(rounds).map(([name, all]) => [name, { ...spread(all), rounds: all }])),
    ratios: Object.fromEntries(
      whole
        .filter((other) => baselines.includes(other.contestant) && other.contestant !== contestant && other.key === key)
        .map((other) => [
          other.contestant,
          Object.fromEntries(
            Object.entries(rounds).flatMap(([name, all]) => {
              const base = other.rounds[name];
              return base === undefined ? [] : [[name, ratio(all, base)]];
            }),
          ),
        ]),
    ),
    ...(latency === undefined ? {} : { quantiles: quantiles(latency) }),
  }));
}

interface Sketch {
  name: string;
  title: string;
  question: string;
  params: Param[];
  metrics: Metric[];
  baselines?: string[];
  charts: Chart[];
  measured: Measured[];
  missing?: Record<string, string>;
  notes?: string[];
  targets?: WorkloadResult['targets'];
  claims?: Claim[];
}

function workload(sketch: Sketch): WorkloadResult {
  const { measured, baselines = [], missing = {}, notes = [], targets = [], claims = [], ...rest } = sketch;
  const whole = rows(measured, baselines);
  return {
    ...rest,
    baselines,
    missing,
    notes,
    targets,
    claims,
    failures: [],
    rounds: ROUNDS,
    seconds: 60,
    rows: whole,
  };
}

const lower = (name: string, label: string, unit: string): Metric => ({ name, label, unit, better: 'lower' });
const higher = (name: string, label: string, unit: string): Metric => ({ name, label, unit, better: 'higher' });

function calls(): WorkloadResult {
  const costs: Record<string, number> = {
    'epoll_wait, 1 ready': 448,
    'epoll_wait, 8 ready': 610,
    'epoll_wait, 64 ready': 1900,
    epoll_pwait2: 531,
    poll: 316,
    ppoll: 379,
    select: 539,
    pselect: 563,
    'epoll_ctl ADD': 520,
    'epoll_ctl MOD': 372,
    'epoll_ctl DEL': 410,
    read: 340,
    write: 366,
    recv: 564,
    send: 856,
  };
  const times: Record<string, number> = { fdmux: 1.12, C: 1, koffi: 1.31 };
  return workload({
    name: 'calls',
    title: 'What one call costs',
    question: 'How much does a system call cost from JavaScript, and from C in a process with as many threads?',
    params: [{ name: 'call', label: 'call' }],
    metrics: [lower('time', 'time a call', 'ns')],
    baselines: ['C', 'koffi'],
    charts: [{ name: 'calls', title: 'Time a call', kind: 'bar', x: 'call', y: 'time' }],
    measured: Object.entries(costs).flatMap(([call, ns]) =>
      Object.entries(times).map(([contestant, by]) => ({ contestant, params: { call }, metrics: { time: ns * by } })),
    ),
    targets: [
      { text: 'epoll_wait: at most 1.25 × C', value: 1.12, met: true, rounds: [1.1, 1.14], agreed: true },
      { text: 'read: at most 1.25 × C', value: 1.29, met: false, rounds: [1.21, 1.33], agreed: false },
    ],
  });
}

const METHODS: Record<string, (n: number, active: number) => number> = {
  select: (n, a) => 1.2 + (n * 0.045) / a,
  poll: (n, a) => 1.1 + (n * 0.037) / a,
  'epoll level': (n) => 0.95 + 0.05 * Math.log10(n),
  'epoll edge': (n) => 0.98 + 0.05 * Math.log10(n),
  'epoll one-shot': (n) => 1.4 + 0.06 * Math.log10(n),
};

function scaling(): WorkloadResult {
  const measured: Measured[] = [];
  for (const active of [1, 10, 100]) {
    for (const n of [10, 30, 100, 300, 1000, 3000, 10_000]) {
      if (active > n) continue;
      for (const [method, cost] of Object.entries(METHODS)) {
        const time = cost(n, active);
        const params = { n, active };
        measured.push({ contestant: `fdmux ${method}`, params, metrics: { time: time * 1.1 } });
        measured.push({ contestant: `C ${method}`, params, metrics: { time } });
      }
      for (const method of ['select', 'poll', 'epoll level'] as const) {
        if (method === 'select' && n > 1000) continue;
        const time = (METHODS[method] as (n: number, active: number) => number)(n, active);
        measured.push({
          contestant: `libevent ${method.replace(' level', '')}`,
          params: { n, active },
          metrics: { time: time * 1.05 },
          flags: n === 300 && active === 1 ? ['disturbed'] : [],
        });
      }
    }
  }
  return workload({
    name: 'scaling',
    title: 'An event among ever more descriptors',
    question: 'What does one event cost while n descriptors are watched and a of them are active?',
    params: [
      { name: 'n', label: 'descriptors watched' },
      { name: 'active', label: 'active' },
    ],
    metrics: [lower('time', 'time an event', 'µs')],
    baselines: Object.keys(METHODS).map((method) => `C ${method}`),
    charts: [
      {
        name: 'scaling',
        title: 'Time an event against descriptors watched',
        kind: 'line',
        x: 'n',
        y: 'time',
        log: ['x', 'y'],
        facet: 'active',
      },
    ],
    measured,
    notes: ['The open-file limit of 20,000 cut the series at 10,000 descriptors.'],
    targets: [
      { text: 'scaling, epoll: at most 1.3 × C', value: 1.14, met: true },
      { text: 'scaling, select: at most 1.5 × C', value: 1.12, met: true },
      { text: 'scaling, poll: at most 1.3 × libevent', value: 1.02, met: null },
    ],
    claims: [
      {
        source: 'libevent, 2000',
        text: 'select and poll grow with the number of descriptors watched, epoll does not.',
        measured: 'From 10 to 10,000 descriptors select grew 265-fold, poll 250-fold, epoll 1.2-fold.',
        verdict: 'holds',
      },
    ],
  });
}

const SERVERS: Record<string, number> = {
  'epoll-echo, level': 157_593,
  'epoll-echo, edge': 149_628,
  'poll-echo': 150_002,
  'select-echo': 162_010,
  'C, epoll, level': 168_160,
  'node:net': 106_986,
  'python3, epoll': 149_375,
};

function echo(): WorkloadResult {
  const measured: Measured[] = [];
  for (const [contestant, rate] of Object.entries(SERVERS)) {
    const scanning = /poll-|select/.test(contestant) && !contestant.startsWith('epoll');
    for (const connections of [1, 10, 100, 1000]) {
      for (const idle of [0, 1000, 8000]) {
        for (const bytes of idle === 0 ? [64, 1024, 16_384] : [64]) {
          const slower = 1 + (scanning ? idle / 400 : 0) + bytes / 12_000;
          const few = connections === 1 ? 0.25 : 1;
          measured.push({
            contestant,
            params: { load: 'closed loop', connections, idle, bytes },
            metrics: {
              rate: (rate * few) / slower,
              cpu: (1e6 / rate) * slower,
              calls: 3 / Math.min(connections, 8) + 2,
              switches: connections === 1 ? 1 : 0.02,
              memory: 1.2 + bytes / 4096,
            },
            latency: (connections * 1e6 * slower) / (rate * few),
            flags: connections === 100 && /^C|select/.test(contestant) ? ['generator-bound'] : [],
          });
        }
      }
    }
    for (const offered of [10_000, 50_000, 90_000]) {
      measured.push({
        contestant,
        params: { load: 'open loop', connections: 100, idle: 0, bytes: 64, offered },
        metrics: { rate: offered, cpu: 1e6 / rate },
        latency: (25 / (1 - offered / rate)) * (contestant === 'node:net' ? 1.4 : 1),
      });
    }
  }
  const closed = { load: 'closed loop', idle: 0, bytes: 64 };
  return workload({
    name: 'echo',
    title: 'Echo servers under load',
    question: 'How many messages a second does each echo server carry, how late are they and what do they cost?',
    params: [
      { name: 'load', label: 'load' },
      { name: 'connections', label: 'active connections' },
      { name: 'idle', label: 'idle connections' },
      { name: 'bytes', label: 'bytes a message' },
      { name: 'offered', label: 'messages/s offered' },
    ],
    metrics: [
      higher('rate', 'messages', 'messages/s'),
      lower('latency', 'latency', 'µs'),
      lower('cpu', 'CPU time of the server a message', 'µs'),
      lower('calls', 'system calls a message', ''),
      lower('switches', 'context switches a message', ''),
      lower('memory', 'memory a connection', 'KiB'),
    ],
    baselines: ['C, epoll, level', 'node:net'],
    charts: [
      {
        name: 'rate',
        title: 'Messages a second',
        kind: 'line',
        x: 'connections',
        y: 'rate',
        log: ['x'],
        where: closed,
      },
      {
        name: 'cpu',
        title: 'CPU a message',
        kind: 'bar',
        x: 'connections',
        y: 'cpu',
        where: { ...closed, connections: 100 },
      },
      {
        name: 'idle',
        title: 'CPU a message while others sleep',
        kind: 'line',
        x: 'idle',
        y: 'cpu',
        log: ['y'],
        where: { load: 'closed loop', connections: 100, bytes: 64 },
      },
      {
        name: 'latency',
        title: 'Latency, counted from when the message was due',
        kind: 'distribution',
        x: 'offered',
        y: 'latency',
        log: ['y'],
        where: { load: 'open loop' },
        facet: 'offered',
      },
    ],
    measured,
    missing: { 'libevent, epoll': 'not installed: apt-get install libevent-dev' },
    notes: ['Server and generator have a CPU each; the kernel has none of its own.'],
    targets: [{ text: 'epoll-echo, level: at least 0.95 × C', value: 0.98, met: true }],
    claims: [
      {
        source: 'Gammo et al., 2004',
        text: 'Edge-triggering saves epoll_ctl calls but gains little.',
        measured: 'Edge-triggered epoll-echo carried 0.95 × the messages of the level-triggered one.',
        verdict: 'holds',
      },
      {
        source: 'document 000',
        text: 'select holds no more than 1024 connections.',
        measured: 'With a larger set, select-echo served 8,100 connections.',
        verdict: 'in part',
      },
    ],
  });
}

function idle(): WorkloadResult {
  return workload({
    name: 'idle',
    title: 'One talks, thousands sleep',
    question: 'What does one active connection cost while up to 15,000 others sleep?',
    params: [{ name: 'idle', label: 'idle connections' }],
    metrics: [lower('cost', 'time a message', 'µs'), lower('cpu', 'CPU a message', 'µs')],
    charts: [
      {
        name: 'idle',
        title: 'Time a message against idle connections',
        kind: 'line',
        x: 'idle',
        y: 'cost',
        log: ['y'],
      },
    ],
    measured: ['select', 'poll', 'epoll level', 'epoll edge'].flatMap((method) =>
      [0, 100, 1000, 5000, 10_000, 15_000].map((sleeping) => {
        const cost = 6 + (METHODS[method] as (n: number, active: number) => number)(sleeping + 1, 1);
        return { contestant: `fdmux ${method}`, params: { idle: sleeping }, metrics: { cost, cpu: cost * 0.8 } };
      }),
    ),
    targets: [{ text: 'epoll at 15,000 idle: at most 1.2 × at none', value: 1.04, met: true }],
    claims: [
      {
        source: 'Gammo et al., 2004',
        text: 'With thousands of idle connections select and poll collapse.',
        measured: 'At 15,000 idle a message costs 101 × as much through select as through epoll.',
        verdict: 'holds',
      },
    ],
  });
}

function churn(): WorkloadResult {
  const rates = { 'epoll level': 21_000, 'epoll edge': 20_500, poll: 20_100, select: 19_800 };
  return workload({
    name: 'churn',
    title: 'Connect, one message, close',
    question: 'How many short connections a second does each server take?',
    params: [{ name: 'clients', label: 'clients at a time' }],
    metrics: [higher('rate', 'connections', 'connections/s')],
    baselines: ['node:net'],
    charts: [{ name: 'churn', title: 'Connections a second', kind: 'bar', x: 'clients', y: 'rate' }],
    measured: [
      ...Object.entries(rates).map(([name, rate]) => [`fdmux ${name}`, rate] as const),
      ['node:net', 9000] as const,
    ].map(([contestant, rate]) => ({ contestant, params: { clients: 32 }, metrics: { rate } })),
  });
}

function http(): WorkloadResult {
  const rates: Record<string, number> = {
    'one blocking server': 9000,
    'a thread a connection': 21_000,
    'a process a connection': 6000,
    'non-blocking polling': 14_000,
    select: 52_000,
    poll: 53_000,
    'epoll level': 60_000,
    'epoll edge': 58_000,
    'node:http': 24_000,
  };
  return workload({
    name: 'http',
    title: 'One page by every kind of server',
    question: 'How many requests a second does each kind of server answer?',
    params: [{ name: 'connections', label: 'connections' }],
    metrics: [higher('rate', 'requests', 'requests/s')],
    baselines: ['node:http'],
    charts: [
      { name: 'http', title: 'Requests a second', kind: 'bar', x: 'connections', y: 'rate', facet: 'connections' },
    ],
    measured: [10, 100].flatMap((connections) =>
      Object.entries(rates).map(([contestant, rate]) => ({
        contestant,
        params: { connections },
        metrics: { rate: rate * (connections === 10 || rate > 20_000 ? 1 : 0.6) },
      })),
    ),
    claims: [
      {
        source: 'document 004',
        text: 'epoll answers three times the requests of a thread for each connection.',
        measured: '2.9 × with 100 connections.',
        verdict: 'holds',
      },
      {
        source: 'document 004',
        text: 'Edge-triggered epoll is the fastest.',
        measured: 'Level-triggered was ahead, by less than the rounds differ.',
        verdict: 'does not hold',
      },
    ],
  });
}

function delivery(): WorkloadResult {
  const costs: Record<string, [number, number, number]> = {
    'Epoll.watch': [898, 220, 138],
    'watch(fd)': [1011, 535, 497],
    'for await': [3161, 496, 168],
    'npm epoll': [15_984, 15_876, 16_194],
  };
  return workload({
    name: 'delivery',
    title: 'From the kernel to a callback',
    question: "What does an event cost until it has reached a callback on Node.js's loop?",
    params: [{ name: 'ready', label: 'ready at a time' }],
    metrics: [lower('time', 'time an event', 'ns')],
    baselines: ['npm epoll'],
    charts: [{ name: 'delivery', title: 'Time an event', kind: 'bar', x: 'ready', y: 'time', log: ['y'] }],
    measured: Object.entries(costs).flatMap(([contestant, all]) =>
      [1, 8, 64].map((ready, i) => ({ contestant, params: { ready }, metrics: { time: all[i] as number } })),
    ),
    missing: { koffi: 'cannot call back from another thread' },
  });
}

function cores(): WorkloadResult {
  const ways: Record<string, [number, number]> = {
    'a listener each': [150_000, 210_000],
    'shared, EPOLLEXCLUSIVE': [149_000, 204_000],
    'shared, without it': [148_000, 188_000],
  };
  return workload({
    name: 'cores',
    title: 'More threads than one',
    question: 'How much more do two threads carry than one, and how often does one wake for nothing?',
    params: [{ name: 'threads', label: 'threads' }],
    metrics: [higher('rate', 'messages', 'messages/s'), lower('wasted', 'wasted wake-ups', '%')],
    charts: [
      { name: 'rate', title: 'Messages a second', kind: 'bar', x: 'threads', y: 'rate' },
      { name: 'wasted', title: 'Wake-ups for nothing', kind: 'bar', x: 'threads', y: 'wasted' },
    ],
    measured: Object.entries(ways).flatMap(([contestant, rates], way) =>
      [1, 2].map((threads, i) => ({
        contestant,
        params: { threads },
        metrics: { rate: rates[i] as number, wasted: i === 0 ? 0 : ([0, 2.5, 38][way] as number) },
      })),
    ),
    notes: ['There is no CPU left for the generator: two threads share theirs with it.'],
    targets: [{ text: 'cores: at least 1.6 × with two', value: 1.4, met: null }],
  });
}

/** All eight workloads. */
export function madeUpResult(changes: Partial<BenchResult> = {}): BenchResult {
  random = noise(7);
  return {
    schema: 'fdmux-bench',
    version: 1,
    date: '2026-11-25T17:30:00.000Z',
    fdmux: '0.1.0',
    machine: {
      cpu: 'AMD EPYC 7B13',
      cpus: 2,
      allowedCpus: [0, 1],
      memory: 24 * 2 ** 30,
      kernel: '6.18.5',
      arch: 'x64',
      node: 'v20.20.0',
      libc: 'glibc 2.41',
      governor: null,
      virtualization: 'virtual machine',
      mitigations: { spectre_v2: 'Mitigation: Retpolines', meltdown: 'Not affected' },
      openFiles: { limit: 20_000, hard: 20_000 },
      load: 0.04,
    },
    rivals: { libevent: '2.1.12-stable', koffi: '3.0.2', python3: '3.13.5', gcc: '14.2.0' },
    missing: { epoll: 'not installed: npm run bench:rivals' },
    options: { workloads: ['calls', 'scaling'], quick: false, runs: ROUNDS },
    interrupted: false,
    workloads: [calls(), scaling(), echo(), idle(), churn(), http(), delivery(), cores()],
    ...changes,
  };
}
