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
  measured?(cell: Cell, round: number, left: number): void;
  failed?(failure: Failure): void;
}

/** Why a measurement was given up: the run was interrupted. */
class Interrupted extends Error {}

/** How long a workload may take to close after it was interrupted, in milliseconds. */
const CLOSING = 3000;
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

/** Who is measured in which order. */
function order(cells: readonly Cell[], round: number): Cell[] {
  return groups(cells).flatMap((group) => {
    const first = round % group.length;
    return [...group.slice(first), ...group.slice(0, first)];
  });
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

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

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

  const interrupted = new Promise<never>((_, reject) => {
    const give = () => reject(new Interrupted());
    if (signal.aborted) give();
    else signal.addEventListener('abort', give, { once: true });
  });
  interrupted.catch(() => {});
  /** @returns `undefined` when it failed, which is noted */
  const attempt = async <T>(cell: Cell | undefined, work: () => Promise<T>): Promise<T | undefined> => {
    try {
      const promise = work();
      promise.catch(() => {});
      return await Promise.race([promise, interrupted]);
    } catch (error) {
      if (error instanceof Interrupted) throw error;
      await within(HEARSAY, interrupted);
      const failure = {
        contestant: cell?.contestant ?? null,
        params: cell?.params ?? {},
        message: messageOf(error),
      };
      failures.push(failure);
      observer.failed?.(failure);
      return undefined;
    }
  };

  const play = async (cells: readonly Cell[], warmsUp: boolean): Promise<void> => {
    const total = cells.reduce((sum, { seconds }) => sum + seconds, 0);
    const first = warmsUp ? 1 : 0;
    observer.begun?.(total * (rounds + 1 - first), rounds);
    const start = performance.now();
    const out = new Set<string>();
    let done = 0;
    const left = (): number => {
      const planned = total * (rounds + 1 - first);
      // What it has taken so far says better than the plan how long the rest takes.
      const pace = done > total / 2 ? (performance.now() - start) / 1000 / done : 1;
      return (planned - done) * pace;
    };
    for (let round = first; round <= rounds; round++) {
      for (const cell of order(cells, round)) {
        if (!out.has(cell.contestant)) {
          observer.measuring?.(cell, round, left());
          const sample = await attempt(cell, async () => checked(await cell.measure(), workload));
          if (sample === undefined) {
            out.add(cell.contestant);
            measured.delete(cell);
          } else if (round > 0) {
            measured.get(cell)?.set(round, sample);
          }
        }
        done += cell.seconds;
        observer.measured?.(cell, round, left());
      }
    }
  };

  try {
    contest = await attempt(undefined, () => workload.open(context));
    if (contest !== undefined) {
      for (const cell of contest.cells) measured.set(cell, new Map());
      await play(contest.cells, contest.warmsUp ?? false);
    }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error;
    await endChildren();
  } finally {
    if (contest !== undefined) {
      const closing = contest.close();
      // It may miss what was ended under its feet.
      if (signal.aborted)
        await within(
          CLOSING,
          closing.catch(() => {}),
        );
      else await attempt(undefined, () => within(CLOSING, closing)).catch(() => {});
    }
    await endChildren();
  }

  const rows = rowsOf(workload, measured);
  return {
    ...{ name: workload.name, title: workload.title, question: workload.question },
    ...{ params: workload.params, metrics: workload.metrics, baselines: workload.baselines, charts: workload.charts },
    ...(workload.twins && { twins: workload.twins }),
    rounds,
    seconds: (performance.now() - begin) / 1000,
    rows,
    missing: contest?.missing ?? {},
    notes: contest?.notes ?? [],
    failures,
    targets: rows.length > 0 ? workload.judge(rows) : [],
    claims: rows.length > 0 ? workload.claims(rows) : [],
  };
}
