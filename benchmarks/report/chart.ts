/** What a chart shows, picked from the rows: for the page, for the picture in the README and for the tables behind both. */
import type { Spread } from '../measure/statistics.js';
import type { Chart, Flag, Param, Params, Row, WorkloadResult } from '../workload.js';
import { exact } from './format.js';
import type { Look } from './look.js';

export interface Point extends Spread {
  /** A number on a numeric axis, else the index of the category; for a distribution the quantile. */
  readonly x: number;
  readonly flags: readonly Flag[];
}

export interface Series {
  readonly name: string;
  readonly points: readonly Point[];
}

/** One of the small charts side by side, or the only one. */
export interface Panel {
  /** Such as `active: 10`; empty for the only one. */
  readonly title: string;
  readonly series: readonly Series[];
}

export interface Axis {
  readonly label: string;
  readonly unit: string;
  readonly log: boolean;
}

export interface ChartData {
  /** Unique on the page. */
  readonly id: string;
  readonly title: string;
  readonly kind: Chart['kind'];
  readonly x: Axis;
  /** The names of the categories, or `null` when x is a number. */
  readonly categories: readonly string[] | null;
  readonly y: Axis & { readonly better: 'lower' | 'higher' };
  /** What all of it holds for: `64 bytes a message, 0 idle connections`. */
  readonly given: string;
  readonly panels: readonly Panel[];
  /** Whether each panel of bars has a scale of its own, because on a common one the shortest could not be told apart. */
  readonly ownScales: boolean;
  /** Whether flagged points carry a sign: where most of them are flagged it would hide the chart. */
  readonly flagsDrawn: boolean;
  /** In the order of the legend. */
  readonly looks: Readonly<Record<string, Look>>;
}

function unique<T>(values: readonly T[]): T[] {
  return [...new Set(values)];
}

function ascending(values: readonly (string | number)[]): (string | number)[] {
  return values.every((value) => typeof value === 'number')
    ? values.toSorted((a, b) => Number(a) - Number(b))
    : [...values];
}

function fits({ params }: Row, where: Params = {}): boolean {
  return Object.entries(where).every(([name, value]) => params[name] === value);
}

function said(param: Param | undefined, name: string, value: string | number): string {
  return `${param?.label ?? name}: ${exact(value)}`;
}

/** The rows that a chart shows. */
export function rowsOf({ rows }: WorkloadResult, chart: Chart): Row[] {
  const has = (row: Row) => (chart.kind === 'distribution' ? row.quantiles !== undefined : chart.y in row.metrics);
  return rows.filter(
    (row) => fits(row, chart.where) && has(row) && (chart.kind === 'distribution' || chart.x in row.params),
  );
}

function distribution(row: Row): Point[] {
  return (row.quantiles ?? []).map(([x, value]) => ({ x, median: value, min: value, max: value, flags: row.flags }));
}

/** @returns `null` when there is nothing to show */
export function chartData(workload: WorkloadResult, chart: Chart, looks: ReadonlyMap<string, Look>): ChartData | null {
  const rows = rowsOf(workload, chart);
  const metric = workload.metrics.find(({ name }) => name === chart.y);
  if (rows.length === 0) return null;
  const distributed = chart.kind === 'distribution';
  const values = (name: string) => unique(rows.flatMap((row) => row.params[name] ?? []));
  const facet = chart.facet ?? (distributed && values(chart.x).length > 1 ? chart.x : undefined);
  const x = distributed ? undefined : chart.x;
  // What varies beside the axis belongs to the name of a line, what does not to all of them.
  const others = workload.params.map(({ name }) => name).filter((name) => name !== x && name !== facet);
  const varying = others.filter((name) => values(name).length > 1);
  const param = (name: string) => workload.params.find((one) => one.name === name);
  const seriesName = (row: Row) =>
    [
      row.contestant,
      ...varying.flatMap((name) => (name in row.params ? said(param(name), name, row.params[name] as string) : [])),
    ].join(', ');

  const xs = x === undefined ? [] : ascending(values(x));
  const logX = chart.log?.includes('x') === true;
  // A logarithm has no place for 0: the values are set side by side then.
  const numeric =
    chart.kind === 'line' && xs.every((value) => typeof value === 'number' && (!logX || value > 0)) && xs.length > 0;
  const categories = distributed || numeric ? null : xs.map((value) => exact(value));

  const owners = new Map(rows.map((row) => [seriesName(row), row.contestant]));
  const panels = (facet === undefined ? [undefined] : ascending(values(facet))).map((value) => {
    const shown = facet === undefined ? rows : rows.filter(({ params }) => params[facet] === value);
    const series = [...owners.keys()].flatMap((name) => {
      const own = shown.filter((row) => seriesName(row) === name);
      const points = distributed
        ? own.slice(0, 1).flatMap(distribution)
        : own.map((row): Point => {
            const at = row.params[chart.x] as string | number;
            const { median, min, max } = row.metrics[chart.y] as Spread;
            return { x: numeric ? Number(at) : xs.indexOf(at), median, min, max, flags: row.flags };
          });
      return points.length === 0 ? [] : [{ name, points: points.toSorted((a, b) => a.x - b.x) }];
    });
    return { title: facet === undefined ? '' : said(param(facet), facet, value as string | number), series };
  });

  const pointsOf = ({ series }: Panel) => series.flatMap(({ points }) => points);
  const points = panels.flatMap(pointsOf);
  const tops = panels.map((panel) => Math.max(...pointsOf(panel).map(({ max }) => max)));
  return {
    id: `${workload.name}-${chart.name}`,
    title: chart.title,
    kind: chart.kind,
    categories,
    x: distributed
      ? { label: 'share that took no longer', unit: '', log: false }
      : { label: param(chart.x)?.label ?? chart.x, unit: '', log: logX && numeric },
    y: {
      // Quantiles are of latencies in µs, whatever metric stands for them.
      label: distributed ? 'latency' : (metric?.label ?? chart.y),
      unit: distributed ? 'µs' : (metric?.unit ?? ''),
      better: distributed ? 'lower' : (metric?.better ?? 'lower'),
      log: (chart.log?.includes('y') === true || distributed) && points.every(({ min }) => min > 0),
    },
    given: others
      .filter((name) => values(name).length === 1)
      .map((name) => said(param(name), name, values(name)[0] as string | number))
      .join(', '),
    panels,
    ownScales: chart.kind === 'bar' && Math.min(...tops) < Math.max(...tops) / 3,
    flagsDrawn: points.filter(({ flags }) => flags.length > 0).length <= points.length / 4,
    looks: Object.fromEntries(
      [...owners].map(([name, contestant]) => [name, (looks.get(name) ?? looks.get(contestant)) as Look]),
    ),
  };
}

/** Whether a bar chart has but one category: then its bars are named by their contestants. */
export function bySeries({ series }: Panel): boolean {
  return new Set(series.flatMap(({ points }) => points.map(({ x }) => x))).size === 1;
}

/** What every line of a workload's charts is called, and before them the contestants: those that need a look. */
export function seriesNames(workload: WorkloadResult): string[] {
  const blank = new Map<string, Look>();
  const named = workload.charts.flatMap((chart) => Object.keys(chartData(workload, chart, blank)?.looks ?? {}));
  return [...workload.rows.map(({ contestant }) => contestant), ...named];
}
