/** A small chart for the terminal: lines where a workload has a chart with a numeric axis, bars otherwise. */
import { plot } from 'simple-ascii-chart';
import type { Chart, Row, WorkloadResult } from '../workload.js';
import { caseText, number, valueText } from './figures.js';

/** More lines than these cannot be told apart. */
const MAX_LINES = 6;
const MAX_BARS = 24;
const HEIGHT = 12;
const BAR = 40;
const LETTERS = 'abcdef';

interface Line {
  readonly name: string;
  readonly points: readonly (readonly [x: number, y: number])[];
}

/** Where there are too many contestants fdmux's, or those that are no baselines: what the others are for is said by the ratios. */
function shown(rows: readonly Row[], baselines: readonly string[], most: number): string[] {
  const names = [...new Set(rows.map(({ contestant }) => contestant))];
  if (names.length <= most) return names;
  const others = names.filter((name) => !baselines.includes(name));
  const own = others.filter((name) => name.startsWith('fdmux'));
  return (own.length > 0 ? own : others).slice(0, most);
}

function matching(rows: readonly Row[], { x, y, where = {} }: Chart): Row[] {
  return rows.filter(
    ({ params, metrics }) =>
      x in params && y in metrics && Object.entries(where).every(([name, value]) => params[name] === value),
  );
}

/** Where a chart has several facets, the last: there the contestants differ most. */
function lastFacet(rows: readonly Row[], { x }: Chart): { rows: Row[]; title: string } {
  const rest = ({ params }: Row) => Object.fromEntries(Object.entries(params).filter(([name]) => name !== x));
  const last = rest(rows.at(-1) as Row);
  return {
    rows: rows.filter((row) => JSON.stringify(rest(row)) === JSON.stringify(last)),
    title: caseText(last),
  };
}

/** Ticks where a logarithmic axis has its powers of ten, and a linear one its ends and its middle. */
function ticks(values: readonly number[], log: boolean): number[] {
  const [low, high] = [Math.min(...values), Math.max(...values)];
  if (!log) return [low, (low + high) / 2, high];
  const powers: number[] = [];
  for (let power = Math.ceil(low); power <= high; power++) powers.push(power);
  return powers.length > 1 ? powers : [low, high];
}

function tick(value: number): string {
  const whole = Math.round(value);
  // A power of ten that went through a logarithm is an integer only almost.
  return Math.abs(value - whole) < 1e-9 * Math.abs(value) ? whole.toLocaleString('en-US') : number(value);
}

function lineChart(lines: readonly Line[], { log = [] }: Chart, columns: number, title: string, label: string): string {
  const [logX, logY] = [log.includes('x'), log.includes('y')];
  const scale = (value: number, isLog: boolean): number => (isLog ? Math.log10(value) : value);
  const letters = new Map<string, string>();
  const width = columns - 12;
  // The library draws steps; points as dense as the columns are straight lines.
  const series = lines.map(({ points }, at) => {
    const scaled = points.map(([x, y]) => [scale(x, logX), scale(y, logY)] as const);
    const dense: [number, number][] = [];
    for (const [i, [x, y]] of scaled.entries()) {
      const [nextX, nextY] = scaled[i + 1] ?? [x, y];
      const steps = i + 1 < scaled.length ? Math.max(1, Math.round(width / (scaled.length - 1))) : 1;
      for (let step = 0; step < steps; step++) {
        const point: [number, number] = [x + ((nextX - x) * step) / steps, y + ((nextY - y) * step) / steps];
        const letter = LETTERS[at] as string;
        letters.set(point.join(), step === 0 ? letter.toUpperCase() : letter);
        dense.push(point);
      }
    }
    return dense;
  });
  const all = series.flat();
  const text = plot(series, {
    ...{ width, height: HEIGHT, title, xLabel: label },
    customXAxisTicks: ticks(
      all.map(([x]) => x),
      logX,
    ),
    customYAxisTicks: ticks(
      all.map(([, y]) => y),
      logY,
    ),
    formatter: (value, { axis }) => tick((axis === 'x' ? logX : logY) ? 10 ** value : value),
    lineFormatter: ({ x, y, plotX, plotY }) => ({ x: plotX, y: plotY, symbol: letters.get(`${x},${y}`) ?? ' ' }),
  });
  const legend = lines.map(({ name }, at) => `${LETTERS[at]?.toUpperCase()} ${name}`).join('   ');
  return `${text
    .split('\n')
    .map((line) => line.trimEnd())
    .filter(Boolean)
    .join('\n')}\n${legend}`;
}

function bars(rows: readonly Row[], { x, y }: Chart, title: string): string {
  const many = new Set(rows.map(({ params }) => params[x])).size > 1;
  const labels = rows.map(({ contestant, params }) => (many ? `${valueText(params[x])}  ${contestant}` : contestant));
  const values = rows.map(({ metrics }) => metrics[y]?.median ?? 0);
  const most = Math.max(...values);
  const width = Math.max(...labels.map((label) => label.length));
  const lines = values.map((value, i) => {
    const length = most > 0 ? Math.max(1, Math.round((value / most) * BAR)) : 0;
    return `${(labels[i] as string).padEnd(width)}  ${'█'.repeat(length).padEnd(BAR)}  ${number(value)}`;
  });
  return [title, ...lines].join('\n');
}

/** @returns `undefined` where there is nothing to draw */
export function asciiChart(
  { rows, metrics, params, charts, baselines }: WorkloadResult,
  columns: number,
): string | undefined {
  for (const chart of charts) {
    if (chart.kind !== 'line') continue;
    const found = matching(rows, chart).filter(({ params }) => typeof params[chart.x] === 'number');
    if (found.length === 0) continue;
    const facet = lastFacet(found, chart);
    const lines = shown(facet.rows, baselines, MAX_LINES)
      .map((name) => ({
        name,
        points: facet.rows
          .filter(({ contestant }) => contestant === name)
          .map(({ params, metrics }) => [Number(params[chart.x]), metrics[chart.y]?.median ?? 0] as const)
          // A logarithm has no room for what is not above 0.
          .filter(([x, y]) => (!chart.log?.includes('x') || x > 0) && (!chart.log?.includes('y') || y > 0))
          .sort(([a], [b]) => a - b),
      }))
      .filter(({ points }) => points.length > 0);
    if (lines.every(({ points }) => points.length < 3)) continue;
    const metric = metrics.find(({ name }) => name === chart.y);
    const title = [`${chart.title}, ${metric?.unit ?? ''}`, facet.title].filter(Boolean).join('; ');
    return lineChart(lines, chart, columns, title, params.find(({ name }) => name === chart.x)?.label ?? chart.x);
  }
  for (const chart of charts) {
    if (chart.kind === 'distribution') continue;
    const found = matching(rows, chart);
    if (found.length === 0) continue;
    const { where, facet } = chart;
    const first = found[0] as Row;
    const one = facet !== undefined ? found.filter(({ params }) => params[facet] === first.params[facet]) : found;
    const names = shown(one, baselines, one.length <= MAX_BARS ? Number.POSITIVE_INFINITY : 1);
    const drawn = one.filter(({ contestant }) => names.includes(contestant)).slice(0, MAX_BARS);
    const fixed = caseText({ ...where, ...(facet !== undefined && { [facet]: first.params[facet] as string }) });
    const unit = metrics.find(({ name }) => name === chart.y)?.unit ?? '';
    return bars(drawn, chart, [`${chart.title}, ${unit}`, fixed].filter(Boolean).join('; '));
  }
  return undefined;
}
