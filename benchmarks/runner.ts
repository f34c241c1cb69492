/**
 * Measures a workload: a round to warm up, then the rounds that count. Within a round the contestants of one case follow
 * one another, and another one begins each time; so all have the machine as good or as bad as it is.
 */
import { endChildren } from './measure/children.js';
import { median, ratio, type Spread, spread } from './measure/statistics.js';
import type {
  Cell,
  Contest,
  Context,
  Failure,
  Figure,
  Flag,
  Params,
  Row,
  Sample,
  Workload,
  WorkloadResult,
} from './workload.js';

/** What is told while a workload is measured. */
export interface Observer {
  /** @param seconds how long it will take, about */
  begun?(seconds: number, rounds: number): void;
  /** @param round 0 is the warm-up @param left seconds, about */
  measuring?(cell: Cell, round: number, left: number): void;
  failed?(failure: Failure): void;
}

/** Why a measurement was given up: the run was interrupted. */
class Interrupted extends Error {}

/** How long a workload may take to close, in milliseconds, and how long when somebody waits for its end. */
const CLOSING = 15_000;
const INTERRUPTED = 1000;
/** What the machine disturbed is taken again, for as long as this part of the plan. */
const EXTRA = 0.2;
/** A key on the terminal reaches everybody at once: who dies of it may be heard of before it is. */
const HEARSAY = 100;

const sameCase = (a: Params, b: Params): boolean => JSON.stringify(a) === JSON.stringify(b);

/** Cells that follow one another and have the same parameters. */
export function groups(cells: readonly Cell[]): Cell[][] {
  const found: Cell[][] = [];
  for (const cell of cells) {
    const group = found.at(-1);
    if (group?.[0] && sameCase(group[0].params, cell.params)) group.push(cell);
    else found.push([cell]);
  }
  return found;
}

const passesOf = ({ passes = 1 }: Cell): number => passes;
const needsWarmUp = ({ fresh = false }: Cell): boolean => !fresh;

/** Who is measured in which order; as often as it has passes, but once to warm up. */
function order(cells: readonly Cell[], round: number): Cell[] {
  return groups(cells).flatMap((group) => {
    const first = round % group.length;
    const turn = [...group.slice(first), ...group.slice(0, first)];
    if (round === 0) return turn.filter(needsWarmUp);
    const passes = Array.from({ length: Math.max(...turn.map(passesOf)) }, (_, pass) => pass);
    return passes.flatMap((pass) => turn.filter((cell) => pass < passesOf(cell)));
  });
}

/** The middle of the passes of a round. */
function merged(passes: readonly Sample[]): Sample {
  const [only] = passes;
  if (only !== undefined && passes.length === 1) return only;
  const samples: Samples = new Map(passes.entries());
  const names = new Set(passes.flatMap(({ metrics }) => Object.keys(metrics)));
  const metrics = Object.fromEntries([...names].map((name) => [name, median([...valuesOf(samples, name).values()])]));
  const quantiles = middle(samples);
  return { metrics, flags: flagsOf(samples), ...(quantiles && { quantiles }) };
}

/** By round; rounds that were not measured are not there. */
type Samples = Map<number, Sample>;

function checked(sample: Sample, { metrics }: Workload): Sample {
  for (const [name, value] of Object.entries(sample.metrics)) {
    if (!metrics.some((metric) => metric.name === name)) throw new Error(`'${name}' is no metric of the workload`);
    if (!Number.isFinite(value)) throw new Error(`${name} was measured to be ${value}`);
  }
  return sample;
}

function valuesOf(samples: Samples, metric: string): Map<number, number> {
  const values = new Map<number, number>();
  for (const [round, { metrics }] of samples) if (metric in metrics) values.set(round, metrics[metric] as number);
  return values;
}

/** The ratios within the rounds that both have; `undefined` where there are none. */
function compare(samples: Samples, baseline: Samples, metric: string): Spread | undefined {
  const below = valuesOf(baseline, metric);
  const both = [...valuesOf(samples, metric)].filter(([round]) => (below.get(round) ?? 0) !== 0);
  if (both.length === 0) return undefined;
  return ratio(
    both.map(([, value]) => value),
    both.map(([round]) => below.get(round) as number),
  );
}

function middle(samples: Samples): Sample['quantiles'] {
  const values = new Map<number, number[]>();
  for (const { quantiles } of samples.values()) {
    for (const [quantile, value] of quantiles ?? []) values.set(quantile, [...(values.get(quantile) ?? []), value]);
  }
  if (values.size === 0) return undefined;
  return [...values].sort(([a], [b]) => a - b).map(([quantile, all]) => [quantile, median(all)]);
}

function flagsOf(samples: Samples): Flag[] {
  const counts = new Map<Flag, number>();
  for (const { flags } of samples.values()) {
    for (const flag of new Set(flags)) counts.set(flag, (counts.get(flag) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count * 2 >= samples.size).map(([flag]) => flag);
}

/** The rows of what was measured. */
export function rowsOf(workload: Workload, measured: ReadonlyMap<Cell, Samples>): Row[] {
  const cells = [...measured].filter(([, samples]) => samples.size > 0);
  return cells.map(([{ contestant, params }, samples]) => {
    const names = workload.metrics.map(({ name }) => name);
    const metrics: Record<string, Figure> = {};
    for (const name of names) {
      const rounds = [...valuesOf(samples, name).values()];
      if (rounds.length > 0) metrics[name] = { ...spread(rounds), rounds };
    }
    const ratios: Record<string, Record<string, Spread>> = {};
    for (const baseline of workload.baselines) {
      if (baseline === contestant) continue;
      const other = cells.find(([cell]) => cell.contestant === baseline && sameCase(cell.params, params));
      if (other === undefined) continue;
      const pairs = names.flatMap((name) => {
        const spread = compare(samples, other[1], name);
        return spread ? [[name, spread] as const] : [];
      });
      if (pairs.length > 0) ratios[baseline] = Object.fromEntries(pairs);
    }
    const quantiles = middle(samples);
    return { contestant, params, metrics, ratios, flags: flagsOf(samples), ...(quantiles && { quantiles }) };
  });
}

/** Waits for something, but not longer than so many milliseconds. */
async function within(milliseconds: number, work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, milliseconds);
  });
  try {
    await Promise.race([work, patience]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Measures a workload. A contestant that loses something or breaks down is left out from there on, and told among the
 * failures; what the others, and it in other cases, have shown is kept. So is what had been measured when `signal` comes:
 * then every process of the benchmark is ended.
 * @param rounds after the warm-up, at least 1
 */
export async function runWorkload(
  workload: Workload,
  context: Context,
  rounds: number,
  signal: AbortSignal,
  observer: Observer = {},
): Promise<WorkloadResult> {
  const begin = performance.now();
  const failures: Failure[] = [];
  const measured = new Map<Cell, Samples>();
  let contest: Contest | undefined;
  let repeated = 0;

  const over = new AbortController();
  const interrupted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(new Interrupted()), { signal: over.signal });
  });
  interrupted.catch(() => {});
  const fail = (cell: Cell | undefined, error: unknown): void => {
    const failure = {
      contestant: cell?.contestant ?? null,
      params: cell?.params ?? {},
      message: error instanceof Error ? error.message : String(error),
    };
    failures.push(failure);
    observer.failed?.(failure);
  };
  /** @returns `undefined` when it failed, which is noted @throws Interrupted */
  const attempt = async <T>(cell: Cell | undefined, work: () => Promise<T>): Promise<T | undefined> => {
    if (signal.aborted) throw new Interrupted();
    try {
      return await Promise.race([work(), interrupted]);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      await within(HEARSAY, interrupted);
      fail(cell, error);
      return undefined;
    }
  };

  const play = async ({ cells, warmsUp = false }: Contest): Promise<void> => {
    const first = warmsUp ? 1 : 0;
    const total = cells.reduce((sum, cell) => sum + cell.seconds * passesOf(cell), 0);
    const warmUp = warmsUp ? 0 : cells.filter(needsWarmUp).reduce((sum, cell) => sum + cell.seconds, 0);
    const planned = total * rounds + warmUp;
    observer.begun?.(planned, rounds);
    const start = performance.now();
    const out = new Set<string>();
    let done = 0;
    let extra = 0;
    // What it has taken so far says better than the plan how long the rest takes.
    const left = (): number => {
      const pace = done > total / 2 ? (performance.now() - start) / 1000 / done : 1;
      return (planned - done) * pace;
    };
    const take = async (cell: Cell, round: number): Promise<Sample | undefined> => {
      const measure = () => attempt(cell, async () => checked(await cell.measure(), workload));
      const sample = await measure();
      const again = round > 0 && sample?.flags?.includes('disturbed') && extra + cell.seconds <= planned * EXTRA;
      if (!again) return sample;
      extra += cell.seconds;
      repeated++;
      // Whatever its figures are: the flags alone decide.
      const second = await measure();
      return second?.flags?.includes('disturbed') ? sample : second;
    };
    for (let round = first; round <= rounds; round++) {
      const taken = new Map<Cell, Sample[]>(cells.map((cell) => [cell, []]));
      for (const cell of order(cells, round)) {
        if (!out.has(cell.contestant)) {
          observer.measuring?.(cell, round, left());
          const sample = await take(cell, round);
          if (sample === undefined) {
            out.add(cell.contestant);
            measured.delete(cell);
          } else if (round > 0) {
            const passes = taken.get(cell) as Sample[];
            passes.push(sample);
            measured.get(cell)?.set(round, merged(passes));
          }
        }
        done += cell.seconds;
      }
    }
  };

  try {
    contest = await attempt(undefined, () => workload.open(context));
    if (contest !== undefined) {
      for (const cell of contest.cells) measured.set(cell, new Map());
      await play(contest);
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
  } finally {
    const closing = contest?.close().catch((error: unknown) => {
      // Interrupted, it may miss what was ended under its feet.
      if (!signal.aborted) fail(undefined, error);
    });
    await within(signal.aborted ? INTERRUPTED : CLOSING, closing ?? Promise.resolve());
    await endChildren();
    over.abort();
  }

  const rows = rowsOf(workload, measured);
  /** Part of a result may be too little to say something of. */
  const say = <T>(tell: (rows: readonly Row[]) => T[]): T[] => {
    if (rows.length === 0) return [];
    try {
      return tell(rows);
    } catch (error) {
      if (!signal.aborted) fail(undefined, error);
      return [];
    }
  };
  const targets = say((rows) => workload.judge(rows));
  const claims = say((rows) => workload.claims(rows));
  const { name, title, question, params, metrics, baselines, twins, charts } = workload;
  return {
    ...{ name, title, question, params, metrics, baselines, charts, rounds },
    ...(twins && { twins }),
    seconds: (performance.now() - begin) / 1000,
    rows,
    missing: contest?.missing ?? {},
    notes: [
      ...(contest?.notes ?? []),
      ...(repeated > 0 ? [`${repeated} measurements were disturbed by something else, and taken again.`] : []),
    ],
    failures,
    targets,
    claims,
  };
}
