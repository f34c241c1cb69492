/**
 * What an event costs among ever more descriptors: the work of libevent's test/bench.c, with the same three numbers.
 * n pairs of sockets are all watched; `active` of them, spread evenly, get a byte; whoever reads a byte sends one on to
 * the next pair, until WRITES more have been sent. No look waits: something is always ready. The time of the whole chain,
 * divided by its events, is what an event costs. Everybody's own part is in a process of its own, and they take turns.
 */
import { spawnSync } from 'node:child_process';
import { type Child, start } from '../measure/children.js';
import { besides, cProgram, inPackage, isMissing, type Missing } from '../measure/places.js';
import { disturbed, runDelay } from '../measure/process-cpu.js';
import { median, ratio, type Spread } from '../measure/statistics.js';
import type { Target } from '../measure/targets.js';
import { findLibevent } from '../rivals/libevent.js';
import type { Cell, Claim, Contest, Context, Params, Row, Sample, Workload } from '../workload.js';

/** Writes of a chain, after those that begin it: libevent's own number. */
const WRITES = 100;
/** Descriptors of a process beside the pairs: those below FIRST_FD, and some to spare. */
const SPARE = 100;
/** Where the pairs begin in each contestant. */
export const FIRST_FD = 50;
/** As many as libc's fd_set holds. */
const FD_SETSIZE = 1024;
/** More pairs than these would take too long: every look of select and poll goes through all. */
const LARGEST = 10_000;
const ACTIVE = [1, 10, 100] as const;
/** How long everybody's part in a case is measured at a time, in milliseconds. */
const MILLISECONDS = { pass: 16, whole: 60, quick: 10 };
/** So often, up to so many pairs; beyond, a run is too long for that. */
const PASSES = 3;
const PASSES_UP_TO = 1000;
/** A look of select or poll, for each pair, in seconds: for the time left. */
const LOOK = 2e-7;
/** To open or close a pair, in seconds. */
const OPEN = 2e-5;
/** How long a measurement may take, in milliseconds. */
const PATIENCE = 120_000;

interface Method {
  /** As the contestants' processes call it. */
  readonly id: string;
  readonly name: string;
  /** By how much fdmux may be slower than C and libevent. */
  readonly limit: number;
  /** Whether a look goes through all descriptors. */
  readonly scans: boolean;
}

export const METHODS: readonly Method[] = [
  { id: 'select', name: 'select', limit: 1.5, scans: true },
  { id: 'poll', name: 'poll', limit: 1.3, scans: true },
  { id: 'level', name: 'epoll level', limit: 1.3, scans: false },
  { id: 'edge', name: 'epoll edge', limit: 1.3, scans: false },
  { id: 'oneshot', name: 'epoll one-shot', limit: 1.3, scans: false },
];

interface Party {
  readonly name: string;
  readonly methods: readonly string[];
  /** Whether its select stops where libc's fd_set does. */
  readonly fdSetsize: boolean;
  command(threads: number): readonly [string, ...string[]] | Missing;
}

const ALL = METHODS.map(({ id }) => id);
const CLASSIC = ['select', 'poll', 'level'];

function withThreads(path: string, threads: number): [string, string] {
  return [path, String(threads - 1)];
}

export const PARTIES: readonly Party[] = [
  {
    ...{ name: 'fdmux', methods: ALL, fdSetsize: false },
    command: () => [process.execPath, besides(import.meta.url, './scaling-sys.js')],
  },
  {
    ...{ name: 'C', methods: ALL, fdSetsize: false },
    command(threads) {
      const path = cProgram('scaling');
      return isMissing(path) ? path : withThreads(path, threads);
    },
  },
  {
    ...{ name: 'libevent', methods: CLASSIC, fdSetsize: true },
    command(threads) {
      const found = findLibevent('libevent-scaling');
      return isMissing(found) ? found : withThreads(found.path, threads);
    },
  },
  {
    ...{ name: 'python', methods: CLASSIC, fdSetsize: true },
    command() {
      if (spawnSync('python3', ['--version'], { stdio: 'ignore' }).status !== 0) {
        return { missing: 'there is no python3' };
      }
      return ['python3', inPackage('benchmarks/rivals/python-scaling.py')];
    },
  },
];

const titleOf = (party: string, method: Method): string => `${party} ${method.name}`;

/** @returns numbers of pairs, ascending, and what is to be said of the last */
export function sizes(quick: boolean, openFiles: number): { ns: number[]; note: string } {
  const room = Math.floor((openFiles - SPARE) / 2);
  const most = Math.min(room, LARGEST);
  const ns = [10, 100, 1000, 4000].filter((n) => n < most);
  if (most >= 10 && !quick) ns.push(most);
  const highest = ns.at(-1) ?? 0;
  const why =
    quick && highest < most
      ? `a full run goes up to ${most}`
      : room <= LARGEST
        ? `a pair takes two descriptors, and a process may have ${openFiles} (ulimit -Hn)`
        : `the limit of ${openFiles} open files has room for ${room}, but a run has to end`;
  return { ns, note: `At most ${highest} pairs of sockets: ${why}.` };
}

interface Answer {
  method?: string;
  ns?: number;
  error?: string;
}

async function measure(
  child: Child,
  method: Method,
  { n, active }: { n: number; active: number },
  milliseconds: number,
): Promise<Sample> {
  const [waited, begun] = [runDelay(child.pid), performance.now()];
  child.say([method.id, n, active, WRITES, milliseconds].join(' '));
  const { method: id, ns, error } = JSON.parse(await child.line(PATIENCE)) as Answer;
  if (id !== method.id || typeof ns !== 'number' || !(ns > 0)) throw new Error(error ?? 'no answer');
  const flags = disturbed(runDelay(child.pid) - waited, performance.now() - begun);
  return { metrics: { time: ns / 1000 }, flags };
}

/** Starts everybody's process. Who cannot take part is told with the reason; that fdmux can is taken for granted. */
async function gather({
  cpus,
  threads,
}: Context): Promise<{ children: Map<string, Child>; missing: Record<string, string> }> {
  const missing: Record<string, string> = {};
  const children = new Map<string, Child>();
  for (const { name, command } of PARTIES) {
    const found = command(threads);
    if (isMissing(found)) {
      missing[name] = found.missing;
      continue;
    }
    const [file, ...args] = found;
    const child = start(file, args, cpus?.at(-1));
    try {
      await child.line();
      children.set(name, child);
    } catch (error) {
      if (name === 'fdmux') throw error;
      missing[name] = (error as Error).message;
      await child.end();
    }
  }
  return { children, missing };
}

/** @returns the cases, those of one n together; and who stops before the last, because libc's fd_set does */
function cellsOf(
  children: ReadonlyMap<string, Child>,
  ns: readonly number[],
  quick: boolean,
): { cells: Cell[]; stopped: Set<string> } {
  const cells: Cell[] = [];
  const stopped = new Set<string>();
  const add = (n: number, active: number, method: Method): void => {
    const passes = quick || n > PASSES_UP_TO ? 1 : PASSES;
    const milliseconds = MILLISECONDS[quick ? 'quick' : passes > 1 ? 'pass' : 'whole'];
    for (const { name, methods, fdSetsize } of PARTIES) {
      const child = children.get(name);
      if (child === undefined || !methods.includes(method.id)) continue;
      const contestant = titleOf(name, method);
      if (fdSetsize && method.id === 'select' && FIRST_FD + 2 * n > FD_SETSIZE) {
        stopped.add(contestant);
        continue;
      }
      const run = method.scans ? Math.ceil((active + WRITES) / active) * n * LOOK : 0;
      cells.push({
        ...{ contestant, params: { n, active }, passes },
        seconds: Math.max(milliseconds / 1000, run) + (n * OPEN) / passes,
        measure: () => measure(child, method, { n, active }, milliseconds),
      });
    }
  };
  for (const n of ns) {
    for (const active of ACTIVE) {
      if (active > n || (quick && active > 1)) continue;
      for (const method of METHODS) add(n, active, method);
    }
  }
  return { cells, stopped };
}

async function open(context: Context): Promise<Contest> {
  const { ns, note } = sizes(context.quick, context.machine.openFiles.hard);
  if (ns.length === 0) throw new Error(`${note} The least is 10: raise the limit`);
  const { children, missing } = await gather(context);
  const { cells, stopped } = cellsOf(children, ns, context.quick);
  const notes = [note];
  if (stopped.size > 0) {
    notes.push(
      `${[...stopped].join(' and ')}: only while every descriptor is below ${FD_SETSIZE}, the size of libc's fd_set. ` +
        'fdmux and the C program hand the kernel larger sets.',
    );
  }
  if (children.has('python')) notes.push('python has one thread: each descriptor costs the kernel less there.');
  const close = async () => {
    await Promise.all([...children.values()].map((child) => child.end()));
  };
  return { cells, missing, notes, close };
}

const paramOf = ({ params }: Row, name: string): number => Number(params[name]);
const caseOf = (row: Row): string => `${paramOf(row, 'n')} watched, ${paramOf(row, 'active')} active`;
const isOf = (row: Row, params: Params): boolean =>
  Object.entries(params).every(([name, is]) => row.params[name] === is);

/** The ratio of two within the rounds that both have: an interrupted run ends with some of a round. */
function beside(row: Row, other: Row): Spread | undefined {
  const [own, base] = [row, other].map(({ metrics }) => metrics.time?.rounds ?? []) as [
    readonly number[],
    readonly number[],
  ];
  const both = Math.min(own.length, base.length);
  return both === 0 ? undefined : ratio(own.slice(0, both), base.slice(0, both));
}

/** fdmux beside one other, by the same call: the case in which it does worst. */
function target(rows: readonly Row[], method: Method, party: string): Target[] {
  const of = (name: string) => rows.filter(({ contestant }) => contestant === titleOf(name, method));
  const pairs = of('fdmux')
    .flatMap((row) => {
      const other = of(party).find(({ params }) => isOf(row, params));
      const times = other && beside(row, other);
      const busy = [row, other].some((one) => one?.flags.includes('disturbed'));
      return times === undefined ? [] : [{ row, times, busy }];
    })
    .sort((a, b) => b.times.median - a.times.median);
  const [worst] = pairs;
  if (worst === undefined) return [];
  const { limit, name } = method;
  const beyond = pairs.filter(({ times }) => times.median > limit);
  const { median, min } = worst.times;
  const greatest = Math.max(...pairs.map(({ times }) => times.max));
  return [
    {
      text: `${name}: at most ${limit} × ${party} at every n (worst: ${caseOf(worst.row)})`,
      value: median,
      met: beyond.length === 0 ? true : beyond.every(({ busy }) => busy) ? null : false,
      // Of all cases: one round beyond the limit, in whichever, is one in which it was not so at every n.
      rounds: [min, greatest],
      agreed: beyond.length === 0 ? greatest <= limit : beyond.some(({ times }) => times.min > limit),
    },
  ];
}

function judge(rows: readonly Row[]): Target[] {
  return METHODS.flatMap((method) => ['C', 'libevent'].flatMap((party) => target(rows, method, party)));
}

/** How many times dearer an event is with the most descriptors than with the fewest, one of them active. */
interface Growth {
  readonly times: number;
  readonly few: number;
  readonly many: number;
}

function growth(rows: readonly Row[], contestant: string): Growth | undefined {
  const own = rows
    .filter((row) => row.contestant === contestant && isOf(row, { active: 1 }) && row.metrics.time)
    .sort((a, b) => paramOf(a, 'n') - paramOf(b, 'n'));
  const [first, last] = [own[0], own.at(-1)];
  if (first === undefined || last === undefined || first === last) return undefined;
  const [least, most] = [first.metrics.time?.median as number, last.metrics.time?.median as number];
  return { times: most / least, few: paramOf(first, 'n'), many: paramOf(last, 'n') };
}

const times = (value: number): string => `${value.toFixed(value < 10 ? 1 : 0)} ×`;

type Said = Pick<Claim, 'source' | 'text'>;

const unmeasured = (said: Said): Claim => ({ ...said, measured: 'Not enough cases.', verdict: 'not measured' });

function scan(rows: readonly Row[]): Claim {
  const said = {
    source: 'the documents',
    text: 'select and poll go through all descriptors at every call; epoll is handed those that are ready.',
  };
  const [select, poll, epoll] = ['select', 'poll', 'epoll level'].map((method) => growth(rows, `fdmux ${method}`));
  if (!select || !poll || !epoll) return unmeasured(said);
  // epoll's own growth is that of the caches, which the others have beside their scan.
  const grown = [select, poll].filter((one) => one.times > 10 * epoll.times).length;
  return {
    ...said,
    measured:
      `From ${epoll.few} to ${epoll.many} descriptors, one of them active, an event became ${times(select.times)} as dear ` +
      `for select, ${times(poll.times)} for poll, ${times(epoll.times)} for epoll.`,
    verdict: grown === 2 ? 'holds' : grown > 0 ? 'in part' : 'does not hold',
  };
}

function limit(rows: readonly Row[]): Claim {
  const said = { source: 'the documents', text: 'select can watch no more than 1024 descriptors.' };
  const watched = rows.filter(({ contestant }) => contestant === 'fdmux select').map((row) => paramOf(row, 'n'));
  const most = Math.max(0, ...watched);
  if (FIRST_FD + 2 * most <= FD_SETSIZE) return { ...unmeasured(said), measured: 'No case went beyond it.' };
  return {
    ...said,
    measured: `fdmux watched ${most} with it, the highest numbered above ${2 * most}: the limit is that of libc's fd_set, not of the kernel.`,
    verdict: 'does not hold',
  };
}

function alike(rows: readonly Row[]): Claim {
  const said = {
    source: 'Gammo, Brecht and others, 2004',
    text: 'Where no connection is idle, select, poll and epoll are about alike.',
  };
  const costs = ['select', 'poll', 'epoll level'].flatMap((method) => {
    const all = rows.find((row) => row.contestant === `fdmux ${method}` && isOf(row, { n: 100, active: 100 }));
    return all?.metrics.time ? [all.metrics.time.median] : [];
  });
  const [select, poll, epoll] = costs;
  if (select === undefined || poll === undefined || epoll === undefined) return unmeasured(said);
  const apart = Math.max(...costs) / Math.min(...costs);
  return {
    ...said,
    measured: `All of 100 active: ${select.toFixed(2)} µs an event for select, ${poll.toFixed(2)} for poll, ${epoll.toFixed(2)} for epoll.`,
    verdict: apart <= 1.25 ? 'holds' : apart <= 2 ? 'in part' : 'does not hold',
  };
}

function edge(rows: readonly Row[]): Claim {
  const said = {
    source: 'Gammo, Brecht and others, 2004',
    text: 'Edge-triggering gains little over level-triggering.',
  };
  const of = (method: string) => rows.filter(({ contestant }) => contestant === `fdmux ${method}`);
  const gains = of('epoll level').flatMap((row) => {
    const other = of('epoll edge').find(({ params }) => isOf(row, params));
    const value = other && beside(row, other)?.median;
    return value === undefined ? [] : [{ row, value }];
  });
  if (gains.length === 0) return unmeasured(said);
  const middle = median(gains.map(({ value }) => value));
  const best = gains.reduce((one, other) => (other.value > one.value ? other : one));
  return {
    ...said,
    measured:
      `Level took ${middle.toFixed(2)} times as long as edge (median of the cases), and at most ${best.value.toFixed(2)} ` +
      `(${caseOf(best.row)}).`,
    verdict: best.value <= 1.25 ? 'holds' : middle <= 1.25 ? 'in part' : 'does not hold',
  };
}

export const scaling: Workload = {
  name: 'scaling',
  title: 'An event among ever more descriptors',
  question: 'What does an event cost when few of many watched descriptors are active?',
  params: [
    { name: 'n', label: 'descriptors watched' },
    { name: 'active', label: 'active at once' },
  ],
  metrics: [{ name: 'time', label: 'time an event', unit: 'µs', better: 'lower' }],
  baselines: METHODS.map((method) => titleOf('C', method)),
  twins: Object.fromEntries(
    PARTIES.flatMap(({ name }) =>
      METHODS.map((method) => [titleOf(name, method), titleOf('C', method)] as const),
    ).filter(([own, twin]) => own !== twin),
  ),
  charts: [
    {
      name: 'scaling',
      title: 'Time an event, by descriptors watched',
      kind: 'line',
      x: 'n',
      y: 'time',
      log: ['x', 'y'],
      facet: 'active',
    },
  ],
  open,
  judge,
  claims: (rows) => [scan, limit, alike, edge].map((claim) => claim(rows)),
};
