/** Results that nobody has measured. */
import { describeMachine } from '../../benchmarks/measure/machine.js';
import { spread } from '../../benchmarks/measure/statistics.js';
import type { BenchResult, Flag, Params, Row, WorkloadResult } from '../../benchmarks/workload.js';

/** @param rounds by metric @param ratios by baseline, then by metric */
export function row(
  contestant: string,
  params: Params,
  rounds: Readonly<Record<string, readonly number[]>>,
  ratios: Readonly<Record<string, Readonly<Record<string, readonly number[]>>>> = {},
  flags: readonly Flag[] = [],
): Row {
  const over = <From, To>(from: Readonly<Record<string, From>>, make: (value: From) => To): Record<string, To> =>
    Object.fromEntries(Object.entries(from).map(([name, value]) => [name, make(value)]));
  return {
    ...{ contestant, params, flags },
    metrics: over(rounds, (values) => ({ ...spread(values), rounds: values })),
    ratios: over(ratios, (byMetric) => over(byMetric, spread)),
  };
}

export function workloadResult(rows: readonly Row[], rest: Partial<WorkloadResult> = {}): WorkloadResult {
  return {
    ...{ name: 'made-up', title: 'Made up', question: 'What for?', rounds: 5, seconds: 1, rows },
    params: [{ name: 'n', label: 'descriptors' }],
    metrics: [{ name: 'ns', label: 'time', unit: 'ns', better: 'lower' }],
    ...{ baselines: ['C'], charts: [], missing: {}, notes: [], failures: [], targets: [], claims: [] },
    ...rest,
  };
}

export function benchResult(workloads: readonly WorkloadResult[], rest: Partial<BenchResult> = {}): BenchResult {
  return {
    ...{
      schema: 'fdmux-bench',
      version: 1,
      date: '2026-01-02T03:04:05.678Z',
      machine: describeMachine(),
      fdmux: '0.1.0',
    },
    ...{ rivals: { C: 'gcc 12' }, missing: { wrk: 'not installed' }, options: { quick: false, runs: 5 } },
    ...{ interrupted: false, workloads },
    ...rest,
  };
}
