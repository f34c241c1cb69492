/**
 * `calls`: what one call costs. Each contestant is a process that runs the same loop of one call, again and again for a
 * while, and answers with the median time of a call. All run on one CPU, in turns.
 *
 * Every wait finds what it waits for and has a timeout of 0: it answers at once. The calls that move bytes move one, and
 * each is timed on its own: what it reads is put there, and what it has written is taken away, outside the clock.
 *
 * Two more contestants say what fdmux/trace costs: one that is traced, and one that was, and is no longer.
 */
import { type Child, start } from '../measure/children.js';
import { besides, cProgram, isMissing, type Missing } from '../measure/places.js';
import { disturbed, runDelay } from '../measure/process-cpu.js';
import { spread } from '../measure/statistics.js';
import { ahead, atMost, judged, type Target, unlessDisturbed } from '../measure/targets.js';
import { findKoffi } from '../rivals/koffi.js';
import type { Cell, Contest, Context, Row, Sample, Workload } from '../workload.js';

interface Call {
  readonly name: string;
  /** How many calls lie between two looks at the clock. A socket has no room for more single bytes than a few hundred. */
  readonly batch: number;
  /** Whether it waits: the calls whose cost a server feels at every turn. */
  readonly wait: boolean;
  /** Whether it takes memory of the caller's. */
  readonly buffer: boolean;
}

const MANY = 1024;
const FEW = 128;

const CALLS: readonly Call[] = [
  { name: 'epoll_wait', batch: MANY, wait: true, buffer: true },
  { name: 'epoll_pwait2', batch: MANY, wait: true, buffer: true },
  { name: 'poll', batch: MANY, wait: true, buffer: true },
  { name: 'ppoll', batch: MANY, wait: true, buffer: true },
  { name: 'select', batch: MANY, wait: true, buffer: true },
  { name: 'pselect', batch: MANY, wait: true, buffer: true },
  { name: 'epoll_ctl(ADD)', batch: FEW, wait: false, buffer: false },
  { name: 'epoll_ctl(MOD)', batch: MANY, wait: false, buffer: false },
  { name: 'epoll_ctl(DEL)', batch: FEW, wait: false, buffer: false },
  { name: 'read', batch: FEW, wait: false, buffer: true },
  { name: 'write', batch: FEW, wait: false, buffer: true },
  { name: 'recv', batch: FEW, wait: false, buffer: true },
  { name: 'send', batch: FEW, wait: false, buffer: true },
];

/** How many descriptors a wait finds ready. */
const READY = [1, 8, 64] as const;

const OWN = 'fdmux';
const C = 'C';
const KOFFI = 'koffi';
const TRACED = 'fdmux, traced';
const TRACED_BEFORE = 'fdmux, traced before';
/** What a trace may add to a call, in nanoseconds. */
const TRACE_LIMIT = 1000;
/** What a wait may cost, in those of C. */
const WAIT_LIMIT = 1.25;
/** How long a call is repeated in one measurement, in milliseconds. */
const MILLISECONDS = { full: 120, quick: 15 };

/** @throws Error when a call failed */
async function measure(child: Child, call: Call, ready: number, milliseconds: number): Promise<Sample> {
  // The batches of all calls last about as long, so that whoever takes the CPU away spoils as few.
  const batch = Math.max(FEW, Math.floor(call.batch / ready));
  const before = runDelay(child.pid);
  child.say(`${call.name} ${ready} ${batch} ${milliseconds}`);
  const answer = JSON.parse(await child.line()) as { call?: string; ns?: number; error?: string };
  if (answer.call !== call.name || answer.ns === undefined) throw new Error(answer.error ?? 'no answer');
  return { metrics: { ns: answer.ns }, flags: disturbed(runDelay(child.pid) - before, milliseconds) };
}

async function open({ quick, cpus, threads }: Context): Promise<Contest> {
  const cpu = cpus?.at(-1);
  const milliseconds = quick ? MILLISECONDS.quick : MILLISECONDS.full;
  const missing: Record<string, string> = {};
  const children = new Map<string, Child>();
  const counts = new Map<string, number>();
  const enter = async (name: string, program: readonly [string, ...string[]] | Missing): Promise<void> => {
    if (isMissing(program)) {
      missing[name] = program.missing;
      return;
    }
    const [command, ...args] = program;
    const child = start(command, args, cpu);
    children.set(name, child);
    counts.set(name, (JSON.parse(await child.line()) as { threads: number }).threads);
  };
  await enter(OWN, [process.execPath, besides(import.meta.url, './calls-sys.js')]);
  const c = cProgram('calls');
  await enter(C, isMissing(c) ? c : [c, String((counts.get(OWN) ?? threads) - 1)]);
  const koffi = findKoffi();
  await enter(
    KOFFI,
    isMissing(koffi) ? koffi : [process.execPath, besides(import.meta.url, '../rivals/calls-koffi.js')],
  );

  const own = besides(import.meta.url, './calls-sys.js');
  await enter(TRACED, [process.execPath, own, 'traced']);
  await enter(TRACED_BEFORE, [process.execPath, own, 'traced-before']);

  const cells = CALLS.flatMap((call) =>
    READY.filter((ready) => ready === 1 || call.wait).flatMap((ready) =>
      [...children]
        .filter(([name]) => ready === 1 || !name.startsWith(TRACED))
        .map(
          ([contestant, child]): Cell => ({
            contestant,
            params: { call: call.name, ready },
            seconds: milliseconds / 1000,
            measure: () => measure(child, call, ready, milliseconds),
          }),
        ),
    ),
  );
  const all = [...counts].map(([name, count]) => `${name} ${count}`).join(', ');
  const where = cpu === undefined ? 'not pinned' : `all on CPU ${cpu}`;
  return {
    cells,
    missing,
    notes: [`Threads of each process, because a descriptor costs more in one that has several: ${all}; ${where}.`],
    async close() {
      await Promise.all([...children.values()].map((child) => child.end()));
    },
  };
}

function judge(rows: readonly Row[]): Target[] {
  const of = (contestant: string, { params }: Row) =>
    rows.filter((row) => row.contestant === contestant && JSON.stringify(row.params) === JSON.stringify(params));
  return rows
    .filter(({ contestant, params }) => contestant === OWN && params.ready === 1)
    .flatMap((row) => {
      const call = CALLS.find(({ name }) => name === row.params.call);
      const toC = row.ratios[C]?.ns;
      const toKoffi = row.ratios[KOFFI]?.ns;
      const [traced] = of(TRACED, row);
      return [
        ...(call?.wait && toC ? [unlessDisturbed(atMost(call.name, WAIT_LIMIT, C, toC), row, ...of(C, row))] : []),
        ...(call?.buffer && toKoffi ? [unlessDisturbed(ahead(call.name, KOFFI, toKoffi), row, ...of(KOFFI, row))] : []),
        ...(call && traced ? [unlessDisturbed(traceCosts(call.name, row, traced), row, traced)] : []),
      ];
    });
}

/** What being traced adds to a call, taken within each round. */
function traceCosts(name: string, own: Row, traced: Row): Target {
  const before = own.metrics.ns?.rounds ?? [];
  // An interrupted run may have measured one of them once more.
  const rounds = (traced.metrics.ns?.rounds ?? []).slice(0, before.length);
  const added = spread(rounds.map((ns, round) => ns - (before[round] as number)));
  return judged(`${name}: less than ${TRACE_LIMIT} ns more when traced`, added, (ns) => ns < TRACE_LIMIT);
}

export const calls: Workload = {
  name: 'calls',
  title: 'What one call costs',
  question: 'How much does a system call cost from TypeScript, from C, and through koffi?',
  params: [
    { name: 'call', label: 'call' },
    { name: 'ready', label: 'ready descriptors' },
  ],
  metrics: [{ name: 'ns', label: 'time a call', unit: 'ns', better: 'lower' }],
  baselines: [C, KOFFI],
  charts: [
    {
      ...{ name: 'calls', title: 'Time a call, by how many descriptors are ready', kind: 'bar' },
      ...{ x: 'call', y: 'ns', facet: 'ready' },
    },
  ],
  open,
  judge,
  claims: () => [],
};
