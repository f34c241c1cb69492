/** `npm run bench:calls`: what a system call costs from TypeScript, from C, and through koffi. */
import { writeFileSync } from 'node:fs';
import { type Child, canPin, start } from './measure/children.js';
import { allowedCpus, describeMachine, type Machine, machineLine } from './measure/machine.js';
import { countOption, main, parseOptions } from './measure/options.js';
import { besides, cProgram, isMissing, type Missing } from './measure/places.js';
import type { Spread } from './measure/statistics.js';
import { table } from './measure/table.js';
import { ahead, atMost, type Target, targetLines } from './measure/targets.js';
import { findKoffi } from './rivals/koffi.js';
import { CALLS, type CallFigures, type Contestant, playRound, type Round, summarise } from './workloads/calls.js';

const USAGE = `usage: npm run bench:calls -- [options]
  --rounds N        rounds after a warm-up (11)
  --milliseconds N  how long each call is repeated by each contestant in a round (40)
  --json FILE       write the results there`;

const OWN = 'TypeScript';
const C = 'C';
const KOFFI = 'koffi';
/** What a wait may cost, in those of C. */
const WAIT_LIMIT = 1.25;

/** What --json writes. */
export interface CallsReport {
  machine: Machine;
  /** The CPU that all of them run on, or `null` where processes cannot be pinned. */
  cpu: number | null;
  rounds: number;
  milliseconds: number;
  /** How many threads each contestant has. */
  threads: Record<string, number>;
  /** Who could not take part, and why. */
  missing: Record<string, string>;
  calls: CallFigures[];
  targets: Target[];
}

async function threadsOf(child: Child): Promise<number> {
  return (JSON.parse(await child.line()) as { threads: number }).threads;
}

interface Contest {
  contestants: Contestant[];
  threads: Record<string, number>;
  missing: Record<string, string>;
}

async function gather(cpu: number | undefined): Promise<Contest> {
  const contest: Contest = { contestants: [], threads: {}, missing: {} };
  const enter = async (name: string, program: [string, ...string[]] | Missing): Promise<void> => {
    if (isMissing(program)) {
      contest.missing[name] = program.missing;
      return;
    }
    const [command, ...args] = program;
    const child = start(command, args, cpu);
    contest.threads[name] = await threadsOf(child);
    contest.contestants.push({ name, child });
  };
  await enter(OWN, [process.execPath, besides(import.meta.url, './workloads/calls-sys.js')]);
  const c = cProgram('calls');
  await enter(C, isMissing(c) ? c : [c, String((contest.threads[OWN] as number) - 1)]);
  const koffi = findKoffi();
  await enter(
    KOFFI,
    isMissing(koffi) ? koffi : [process.execPath, besides(import.meta.url, './rivals/calls-koffi.js')],
  );
  return contest;
}

function judge(figures: readonly CallFigures[]): Target[] {
  return figures.flatMap(({ call, ratio }) => {
    const kind = CALLS.find(({ name }) => name === call);
    const targets: Target[] = [];
    if (kind?.wait && ratio[C]) targets.push(atMost(call, WAIT_LIMIT, C, ratio[C].median));
    if (kind?.buffer && ratio[KOFFI]) targets.push(ahead(call, KOFFI, ratio[KOFFI].median));
    return targets;
  });
}

function nanoseconds({ median, min, max }: Spread): string {
  return `${median.toFixed(0)} (${min.toFixed(0)}–${max.toFixed(0)})`;
}

function print(report: CallsReport): void {
  const names = [OWN, C, KOFFI];
  const head = ['ns a call, median (min–max)', ...names, `${OWN} / ${C}`, `${OWN} / ${KOFFI}`];
  const rows = report.calls.map(({ call, ns, ratio }) => [
    call,
    ...names.map((name) => (ns[name] ? nanoseconds(ns[name]) : '–')),
    ...[C, KOFFI].map((name) => ratio[name]?.median.toFixed(2) ?? '–'),
  ]);
  console.log(table(head, rows));
  for (const [name, reason] of Object.entries(report.missing)) console.log(`${name}: ${reason}`);
  console.log(`\nRatios are medians of the ratios within each round.\n\n${targetLines(report.targets)}`);
}

await main(async () => {
  const options = parseOptions(['rounds', 'milliseconds', 'json'], USAGE);
  const rounds = countOption('rounds', options.rounds, 11, 1);
  const milliseconds = countOption('milliseconds', options.milliseconds, 40, 1);

  const machine = describeMachine();
  const cpu = canPin() ? allowedCpus().at(-1) : undefined;
  const { contestants, threads, missing } = await gather(cpu);
  const counts = Object.entries(threads).map(([name, count]) => `${name} ${count}`);
  console.log(machineLine(machine));
  console.log(`threads: ${counts.join(', ')}; ${cpu === undefined ? 'not pinned' : `all on CPU ${cpu}`}`);
  console.log(`${rounds} rounds of ${milliseconds} ms for each call and contestant, after a warm-up\n`);

  // Long enough for V8 to have compiled every loop for good.
  await playRound(contestants, 0, Math.max(milliseconds, 50));
  const played: Round[] = [];
  for (let round = 0; round < rounds; round++) played.push(await playRound(contestants, round, milliseconds));
  await Promise.all(contestants.map(({ child }) => child.end()));

  const names = contestants.map(({ name }) => name);
  const calls = CALLS.map((call) => summarise(played, call, names, OWN));
  const report: CallsReport = {
    machine,
    cpu: cpu ?? null,
    rounds,
    milliseconds,
    threads,
    missing,
    calls,
    targets: judge(calls),
  };
  print(report);
  const file = options.json?.at(-1);
  if (file !== undefined) writeFileSync(file, `${JSON.stringify(report, null, 2)}\n`);
  return true;
});
