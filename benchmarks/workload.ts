/**
 * What a workload is and what comes of it. A workload says what is measured, with whom and how one measurement is taken;
 * the runner repeats and interleaves, the report shows. Nothing here knows a particular workload.
 */
import type { Machine } from './measure/machine.js';
import type { Spread } from './measure/statistics.js';
import type { Target } from './measure/targets.js';

/** The case that is measured, such as `{ n: 1000, active: 10 }`. A row need not have every parameter, nor every metric. */
export type Params = Readonly<Record<string, string | number>>;

/** One dimension of the cases. */
export interface Param {
  readonly name: string;
  /** As an axis is labelled: `descriptors watched`. */
  readonly label: string;
}

/** One thing that is measured. */
export interface Metric {
  readonly name: string;
  /** As an axis is labelled, without its unit: `time an event`. */
  readonly label: string;
  /** `µs`, `messages/s`, … */
  readonly unit: string;
  readonly better: 'lower' | 'higher';
}

/** A chart over the rows of a workload: a line or a group of bars for each contestant. */
export interface Chart {
  readonly name: string;
  readonly title: string;
  /** `line` over a numeric parameter, `bar` over any, `distribution` over the quantiles of each row. */
  readonly kind: 'line' | 'bar' | 'distribution';
  /** The parameter along the x axis. */
  readonly x: string;
  /** The metric along the y axis. */
  readonly y: string;
  /** Axes that are logarithmic. */
  readonly log?: readonly ('x' | 'y')[];
  /** Only the rows whose parameters are these. */
  readonly where?: Params;
  /** One small chart for each value of this parameter. */
  readonly facet?: string;
}

/** Why a row is to be taken with a grain of salt. */
export type Flag =
  /** The load generator had no time left: it may have been the limit. */
  | 'generator-bound'
  /** Something else on the machine took the CPU away. */
  | 'disturbed';

/** What one measurement says. */
export interface Sample {
  readonly metrics: Readonly<Record<string, number>>;
  readonly flags?: readonly Flag[];
  /** Latencies in µs by quantile: `[[0.5, 31.2], [0.99, 80.1], …]`. */
  readonly quantiles?: readonly (readonly [quantile: number, microseconds: number])[];
}

/** One contestant in one case. */
export interface Cell {
  readonly contestant: string;
  readonly params: Params;
  /** How long one measurement takes, about, in seconds: for the time left. */
  readonly seconds: number;
  /** How many measurements make one of a round, the others' in between: what slows the machine for a moment hits one. 1 unless given. */
  readonly passes?: number;
  /** Whether all it measures begins anew each time: then a round to warm up brings it nothing. */
  readonly fresh?: boolean;
  /**
   * Takes one measurement, and checks that the work was done: every byte, every event.
   * @throws Error when something was lost or wrong: the benchmark fails
   */
  measure(): Promise<Sample>;
}

/** A workload about to be measured: its processes run, its descriptors are open. */
export interface Contest {
  /** Cells of the same parameters follow one another, and are measured in turns. */
  readonly cells: readonly Cell[];
  /** Who could not take part, and why. */
  readonly missing: Readonly<Record<string, string>>;
  /** What whoever reads the figures has to know: where something was cut short, and why. */
  readonly notes: readonly string[];
  /** Whether every measurement warms up by itself: then there is no round for it. */
  readonly warmsUp?: boolean;
  /** Ends what `open` has started. It is also called when a measurement failed or was interrupted. */
  close(): Promise<void>;
}

/** What a workload is told. */
export interface Context {
  /** Whether the whole run is to take less than two minutes, instead of less than fifteen. */
  readonly quick: boolean;
  readonly machine: Machine;
  /** The CPUs to pin to, or `null` where processes cannot be pinned. The last is the contestants', the one before the generator's. */
  readonly cpus: readonly number[] | null;
  /** How many threads a Node.js process has: C contestants have as many, for each descriptor costs more in such a process. */
  readonly threads: number;
}

/** What a document or the field says, beside what was measured. */
export interface Claim {
  /** Who says it: `document 002`, `Gammo et al., 2004`. */
  readonly source: string;
  readonly text: string;
  readonly measured: string;
  readonly verdict: 'holds' | 'in part' | 'does not hold' | 'not measured';
}

export interface Workload {
  readonly name: string;
  readonly title: string;
  /** What it answers, in one sentence. */
  readonly question: string;
  readonly params: readonly Param[];
  readonly metrics: readonly Metric[];
  /** Contestants that the others are divided by, within each round. */
  readonly baselines: readonly string[];
  /** Beside which baseline a contestant is shown, where that is not the first: `{ 'fdmux poll': 'C poll' }`. */
  readonly twins?: Readonly<Record<string, string>>;
  readonly charts: readonly Chart[];
  open(context: Context): Promise<Contest>;
  /** What the figures should be, and are. */
  judge(rows: readonly Row[]): Target[];
  /** What is told about it, and what was seen. */
  claims(rows: readonly Row[]): Claim[];
}

/** A metric of one row: the spread, and what it was taken from. */
export interface Figure extends Spread {
  readonly rounds: readonly number[];
}

/** One contestant in one case, all rounds. */
export interface Row {
  readonly contestant: string;
  readonly params: Params;
  readonly metrics: Readonly<Record<string, Figure>>;
  /** By baseline, then by metric: the spread of the ratios within each round. */
  readonly ratios: Readonly<Record<string, Readonly<Record<string, Spread>>>>;
  /** What at least half of the rounds were flagged with: their median may be one of these. */
  readonly flags: readonly Flag[];
  /** The median over the rounds of each quantile. */
  readonly quantiles?: Sample['quantiles'];
}

/** A contestant lost something, or broke down: the benchmark has failed. It has no row for this case. */
export interface Failure {
  /** `null`: the workload as a whole. */
  readonly contestant: string | null;
  readonly params: Params;
  readonly message: string;
}

/** What came of a workload. It says what its columns are, so that whoever reads it needs no code of ours. */
export interface WorkloadResult
  extends Pick<Workload, 'name' | 'title' | 'question' | 'params' | 'metrics' | 'baselines' | 'twins' | 'charts'> {
  /** Rounds that were asked for, without the warm-up. */
  readonly rounds: number;
  readonly seconds: number;
  readonly rows: readonly Row[];
  readonly missing: Readonly<Record<string, string>>;
  readonly notes: readonly string[];
  readonly failures: readonly Failure[];
  readonly targets: readonly Target[];
  readonly claims: readonly Claim[];
}

/** What `--json` writes. */
export interface BenchResult {
  readonly schema: 'fdmux-bench';
  readonly version: 1;
  /** ISO 8601. */
  readonly date: string;
  readonly machine: Machine;
  /** Of fdmux. */
  readonly fdmux: string;
  /** The version of each rival that is there. */
  readonly rivals: Readonly<Record<string, string>>;
  /** Rivals that are not there, and why. */
  readonly missing: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, string | number | boolean | readonly string[]>>;
  /** Whether it was ended before its time. What had been measured is there. */
  readonly interrupted: boolean;
  readonly workloads: readonly WorkloadResult[];
}
