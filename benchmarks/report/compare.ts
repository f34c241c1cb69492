/**
 * What has changed between two results, beyond the noise.
 *
 * The rule: a change counts where the rounds of the one all lie on one side of all rounds of the other. By chance alone
 * that happens to one figure in 126 with five rounds each, so of many figures a few will; below four rounds it happens
 * too often to tell anything. What it cannot see is a machine that was slower the whole time: then the ratios to the
 * baselines, taken within each round, have not changed, and they are told beside it.
 */
import type { Machine } from '../measure/machine.js';
import type { Spread } from '../measure/statistics.js';
import { table, wrapped } from '../measure/table.js';
import type { BenchResult, Metric, Params, Row, WorkloadResult } from '../workload.js';
import { baselinesOf, caseText, grouped, number, sameParams } from './figures.js';

/** With as many on both sides, chance alone separates two equals once in 35 times. */
const MIN_ROUNDS = 4;

export interface Change {
  readonly workload: string;
  readonly contestant: string;
  readonly params: Params;
  readonly metric: Metric;
  readonly before: Spread;
  readonly now: Spread;
  /** The later median divided by the earlier one. */
  readonly factor: number;
  readonly verdict: 'better' | 'worse';
  /** Whether either was taken while something else took the CPU. */
  readonly disturbed: boolean;
  /** The same of the ratio to its baseline; without `verdict` it is within the noise. */
  readonly ratio?: { readonly baseline: string; readonly factor: number; readonly beyond: boolean };
}

export interface Comparison {
  /** What makes the two no equals: another machine, other options. */
  readonly differences: readonly string[];
  /** Beyond the noise. */
  readonly changes: readonly Change[];
  /** How many figures are in both, and how many of them had too few rounds to be told apart. */
  readonly compared: number;
  readonly tooFew: number;
  /** Workloads and rows that only one of them has. */
  readonly onlyBefore: readonly string[];
  readonly onlyNow: readonly string[];
}

function apart(a: Spread, b: Spread): boolean {
  return a.max < b.min || b.max < a.min;
}

function show(value: unknown): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function differing(what: string, before: object, now: object, names: readonly string[]): string[] {
  return names.flatMap((name) => {
    const [was, is] = [before, now].map((one) => show((one as Record<string, unknown>)[name]));
    return was === is ? [] : [`${what}${name}: ${was} before, ${is} now`];
  });
}

const MACHINE: readonly (keyof Machine)[] = [
  ...(['cpu', 'cpus', 'allowedCpus', 'kernel', 'arch', 'node', 'libc', 'governor', 'virtualization'] as const),
  ...(['mitigations', 'openFiles'] as const),
];

function differences(before: BenchResult, now: BenchResult): string[] {
  const names = (one: object, other: object): string[] => [...new Set([...Object.keys(one), ...Object.keys(other)])];
  const options = names(before.options, now.options).filter((name) => name !== 'workloads');
  return [
    ...differing('', before.machine, now.machine, MACHINE),
    ...differing('--', before.options, now.options, options),
    ...differing('', before.rivals, now.rivals, names(before.rivals, now.rivals)),
    ...(before.interrupted ? ['the earlier run was interrupted'] : []),
    ...(now.interrupted ? ['this run was interrupted'] : []),
  ];
}

function changesOf(result: WorkloadResult, was: Row, is: Row): { changes: Change[]; compared: number; tooFew: number } {
  const changes: Change[] = [];
  let [compared, tooFew] = [0, 0];
  for (const metric of result.metrics) {
    const [before, now] = [was.metrics[metric.name], is.metrics[metric.name]];
    if (before === undefined || now === undefined) continue;
    compared++;
    if (Math.min(before.rounds.length, now.rounds.length) < MIN_ROUNDS) tooFew++;
    else if (apart(before, now)) {
      const baseline = baselinesOf(result, is.contestant).find((name) => {
        return was.ratios[name]?.[metric.name] && is.ratios[name]?.[metric.name];
      });
      const [then, today] = [was, is].map(({ ratios }) => ratios[baseline ?? '']?.[metric.name]);
      changes.push({
        ...{ workload: result.name, contestant: is.contestant, params: is.params, metric, before, now },
        factor: now.median / before.median,
        verdict: now.median > before.median === (metric.better === 'higher') ? 'better' : 'worse',
        disturbed: was.flags.includes('disturbed') || is.flags.includes('disturbed'),
        ...(baseline !== undefined &&
          then &&
          today && { ratio: { baseline, factor: today.median / then.median, beyond: apart(then, today) } }),
      });
    }
  }
  return { changes, compared, tooFew };
}

export function compareResults(before: BenchResult, now: BenchResult): Comparison {
  const changes: Change[] = [];
  const onlyBefore: string[] = [];
  const onlyNow: string[] = [];
  let [compared, tooFew] = [0, 0];
  const nameOf = (workload: WorkloadResult, row: Row): string => {
    return [workload.name, row.contestant, caseText(row.params)].filter(Boolean).join(', ');
  };
  const match = (rows: readonly Row[], { contestant, params }: Row): Row | undefined => {
    return rows.find((row) => row.contestant === contestant && sameParams(row.params, params));
  };
  for (const workload of now.workloads) {
    const earlier = before.workloads.find(({ name }) => name === workload.name);
    if (earlier === undefined) {
      onlyNow.push(workload.name);
      continue;
    }
    for (const row of workload.rows) {
      const was = match(earlier.rows, row);
      if (was === undefined) {
        onlyNow.push(nameOf(workload, row));
        continue;
      }
      const found = changesOf(workload, was, row);
      changes.push(...found.changes);
      compared += found.compared;
      tooFew += found.tooFew;
    }
    onlyBefore.push(...earlier.rows.filter((row) => !match(workload.rows, row)).map((row) => nameOf(earlier, row)));
  }
  onlyBefore.push(
    ...before.workloads.map(({ name }) => name).filter((name) => !now.workloads.some((one) => one.name === name)),
  );
  return { differences: differences(before, now), changes, compared, tooFew, onlyBefore, onlyNow };
}

function percent(factor: number): string {
  const change = (factor - 1) * 100;
  return Math.abs(change) >= 1000 ? `× ${number(factor)}` : `${change < 0 ? '−' : '+'}${number(Math.abs(change))}%`;
}

const MOST = 8;

function list(title: string, names: readonly string[]): string[] {
  if (names.length === 0) return [];
  const more = names.length > MOST ? ` and ${names.length - MOST} more` : '';
  return [`${title}: ${names.slice(0, MOST).join('; ')}${more}`];
}

export function comparisonText(comparison: Comparison, before: BenchResult, columns: number): string {
  const { changes, compared, tooFew, onlyBefore, onlyNow } = comparison;
  const told = compared - tooFew;
  const parts: string[] = [`Compared with ${before.date}, fdmux ${before.fdmux}`];
  if (comparison.differences.length > 0) {
    const lines = comparison.differences.map((line) => `  ${line}`);
    parts.push(['Warning: the two were not taken under the same conditions:', ...lines].join('\n'));
  }
  for (const rows of grouped(changes, ({ workload }) => workload)) {
    const head = [rows[0]?.workload ?? '', 'metric', 'before', 'now', 'change', '', 'ratio to its baseline'];
    const lines = rows.map(({ contestant, params, metric, before, now, factor, verdict, disturbed, ratio }) => [
      [contestant, caseText(params)].filter(Boolean).join(', '),
      `${metric.name}, ${metric.unit}`,
      number(before.median),
      number(now.median),
      percent(factor),
      `${verdict}${disturbed ? ' ~' : ''}`,
      ratio ? `${percent(ratio.factor)}${ratio.beyond ? '' : ', within the noise'}` : '–',
    ]);
    parts.push(table(head, lines));
  }
  const summary = [
    `${compared} figures are in both: ${changes.length} changed beyond the noise, ${told - changes.length} did not` +
      (tooFew > 0 ? `, ${tooFew} have too few rounds to tell (at least ${MIN_ROUNDS} are needed on both sides).` : '.'),
    'A change counts where all rounds of the one lie beyond all rounds of the other. With five rounds each, chance does ' +
      'that to one figure in 126. Where the ratio to the baseline has not changed, it was the machine rather than the contestant.',
    ...(changes.some(({ disturbed }) => disturbed) ? ['~ something else on the machine took the CPU away.'] : []),
    ...list('Only in the earlier one', onlyBefore),
    ...list('Only in this one', onlyNow),
  ];
  parts.push(summary.map((line) => wrapped(line, columns, '  ')).join('\n'));
  return parts.join('\n\n');
}
