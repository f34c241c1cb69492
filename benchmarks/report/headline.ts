/** What the numbers say, in a few sentences. Each is said only where there are figures for it. */
import { type Content, type Html, html } from '../../src/page/html.js';
import { median } from '../measure/statistics.js';
import type { BenchResult, Metric, Row, WorkloadResult } from '../workload.js';
import { number } from './figures.js';
import { exact } from './format.js';

const CALLS = ['epoll', 'poll', 'select'] as const;

function times(value: number): Html {
  return html`<strong>${number(value)} ×</strong>`;
}

/** fdmux's own contestant for a call, level-triggered where that matters, by the names that the workloads use. */
function ownFor(call: (typeof CALLS)[number], rows: readonly Row[]): string | undefined {
  const others = /^C\b|libevent|python|\bnpm\b|koffi|node:/i;
  const own = [...new Set(rows.map(({ contestant }) => contestant))].filter((name) => !others.test(name));
  const pattern = { epoll: /epoll/i, poll: /(?<!e)poll/i, select: /select(?!ors)/i }[call];
  const fitting = own.filter((name) => pattern.test(name));
  return fitting.find((name) => /level/i.test(name)) ?? fitting[0];
}

function medianOf(row: Row | undefined, metric: string): number | undefined {
  return row?.metrics[metric]?.median;
}

/** The parameter and the metric of the first line chart. */
function mainLine({ charts }: WorkloadResult) {
  return charts.find(({ kind }) => kind === 'line');
}

function metricOf(workload: WorkloadResult, name: string): Metric | undefined {
  return workload.metrics.find((metric) => metric.name === name);
}

/** The calls beside one another at the largest x that all of them reached. */
function scaling(workload: WorkloadResult): Html | null {
  const chart = mainLine(workload);
  const metric = chart && metricOf(workload, chart.y);
  if (chart === undefined || metric === undefined) return null;
  const facet = chart.facet;
  const numbers = (name: string, rows: readonly Row[]) =>
    rows.map(({ params }) => params[name]).filter((value) => typeof value === 'number');
  const least = facet === undefined ? undefined : Math.min(...numbers(facet, workload.rows));
  const rows = workload.rows.filter(
    ({ params }) =>
      (facet === undefined || params[facet] === least) &&
      Object.entries(chart.where ?? {}).every(([name, value]) => params[name] === value),
  );
  const found = CALLS.flatMap((call) => {
    const name = ownFor(call, rows);
    return name === undefined ? [] : [{ call, own: rows.filter(({ contestant }) => contestant === name) }];
  });
  const reached = found.map(({ own }) => new Set(numbers(chart.x, own)));
  const x = Math.max(...[...(reached[0] ?? [])].filter((one) => reached.every((all) => all.has(one))));
  const at = found.flatMap(({ call, own }) => {
    const value = medianOf(
      own.find(({ params }) => params[chart.x] === x),
      chart.y,
    );
    return value === undefined ? [] : [{ call, value }];
  });
  const [epoll, ...others] = at;
  if (epoll?.call !== 'epoll' || others.length === 0) return null;
  const active = least === undefined ? '' : `, ${exact(least)} of them active,`;
  return html`Among ${exact(x)} descriptors${active} an event costs
    <strong>${number(epoll.value)} ${metric.unit}</strong> through epoll, and
    ${joined(others.map(({ call, value }) => html`${times(value / epoll.value)} as much through ${call}`))}.`;
}

function joined(parts: readonly Html[]): Content {
  return parts.map((part, i) => [i > 0 && (i === parts.length - 1 ? ' and ' : ', '), part]);
}

/** How much dearer an active connection becomes. */
function idle(workload: WorkloadResult): Html | null {
  const chart = mainLine(workload);
  if (chart === undefined) return null;
  const grown = CALLS.flatMap((call) => {
    const name = ownFor(call, workload.rows);
    const rows = workload.rows
      .filter(({ contestant, params }) => contestant === name && typeof params[chart.x] === 'number')
      .toSorted((a, b) => Number(a.params[chart.x]) - Number(b.params[chart.x]));
    const [first, last] = [rows[0], rows.at(-1)];
    const [from, to] = [medianOf(first, chart.y), medianOf(last, chart.y)];
    if (first === last || !from || to === undefined) return [];
    return [{ call, by: to / from, sleeping: Number(last?.params[chart.x]) }];
  });
  const [epoll] = grown;
  if (epoll?.call !== 'epoll') return null;
  const same = grown.filter(({ sleeping }) => sleeping === epoll.sleeping);
  return html`While ${exact(epoll.sleeping)} connections sleep, the one that talks costs
    ${joined(same.map(({ call, by }, i) => html`${times(by)}${i === 0 && ' what it costs alone'} through ${call}`))}.`;
}

/** fdmux beside C, over all cases. */
function calls(workload: WorkloadResult): Html | null {
  const name = workload.charts[0]?.y;
  if (name === undefined) return null;
  const ratios = workload.rows
    .filter(({ contestant }) => contestant === 'fdmux')
    .flatMap(({ ratios: all }) => all.C?.[name]?.median ?? []);
  if (ratios.length === 0) return null;
  return html`A system call made through fdmux costs ${times(median(ratios))} what it costs C, the median of
    ${ratios.length} calls, from ${number(Math.min(...ratios))} to ${number(Math.max(...ratios))}.`;
}

/** How much more the most threads carry than one. */
function cores(workload: WorkloadResult): Html | null {
  const metric = workload.metrics.find(({ better, unit }) => better === 'higher' && unit.endsWith('/s'));
  const param = workload.params.find(({ name, label }) => /thread|core/i.test(`${name} ${label}`));
  if (metric === undefined || param === undefined) return null;
  const best = workload.rows.flatMap((row) => {
    const threads = Number(row.params[param.name]);
    const one = workload.rows.find(
      (other) => other.contestant === row.contestant && Number(other.params[param.name]) === 1,
    );
    const [alone, together] = [medianOf(one, metric.name), medianOf(row, metric.name)];
    return threads > 1 && alone && together ? [{ threads, by: together / alone, name: row.contestant }] : [];
  });
  const top = best.toSorted((a, b) => b.by - a.by)[0];
  if (top === undefined) return null;
  return html`${top.threads === 2 ? 'Two threads' : `${exact(top.threads)} threads`} carry ${times(top.by)} the
    ${metric.label} of one, at best (${top.name}).`;
}

const SENTENCES: Readonly<Record<string, (workload: WorkloadResult) => Html | null>> = { scaling, idle, calls, cores };

/** How many targets were met, missed and left open. */
export function counted(workloads: readonly WorkloadResult[]): {
  met: number;
  missed: number;
  open: number;
  all: number;
} {
  const targets = workloads.flatMap((workload) => workload.targets);
  const count = (met: boolean | null) => targets.filter((target) => target.met === met).length;
  return { met: count(true), missed: count(false), open: count(null), all: targets.length };
}

export function headline({ workloads }: BenchResult): Html[] {
  return Object.entries(SENTENCES).flatMap(([name, say]) => {
    const workload = workloads.find((one) => one.name === name);
    return (workload && say(workload)) ?? [];
  });
}
