/** A result in the terminal: aligned tables, a small chart, and what to think of them. */
import type { Machine } from '../measure/machine.js';
import { wrapped } from '../measure/table.js';
import { targetLines } from '../measure/targets.js';
import type { BenchResult, WorkloadResult } from '../workload.js';
import { asciiChart } from './ascii-chart.js';
import { caseText, MARKS, number, undecided } from './figures.js';
import { tables } from './tables.js';

const MIN_COLUMNS = 80;
const MAX_COLUMNS = 120;

/** How wide a text may be, on a terminal or in a file. */
export function columnsOf({ columns = 100 }: { readonly columns?: number }): number {
  return Math.min(Math.max(columns, MIN_COLUMNS), MAX_COLUMNS);
}

function machineLines({ mitigations, openFiles, ...machine }: Machine): string[] {
  const active = Object.entries(mitigations).filter(([, state]) => state.startsWith('Mitigation'));
  const open = Object.entries(mitigations).filter(([, state]) => state.startsWith('Vulnerable'));
  const cut = openFiles.limit < openFiles.hard ? `, though the hard bound is ${number(openFiles.hard)}` : '';
  return [
    `${machine.cpu}, ${machine.cpus} CPUs${machine.governor ? ` (${machine.governor})` : ''}, ` +
      `${number(machine.memory / 2 ** 30)} GiB; ${machine.virtualization ?? 'no virtual machine that shows'}`,
    `Linux ${machine.kernel} ${machine.arch}, ${machine.libc}, Node.js ${machine.node}`,
    `load ${machine.load.toFixed(2)} before; ${number(openFiles.limit)} open files at most${cut}`,
    `mitigations: ${active.map(([name]) => name).join(', ') || 'none'}` +
      (open.length > 0 ? `; vulnerable: ${open.map(([name]) => name).join(', ')}` : ''),
  ];
}

/** Who measures, on what, against whom. */
export function beginning({ machine, rivals, missing, fdmux, date }: BenchResult, columns: number): string {
  const there = Object.entries(rivals).map(([name, version]) => `${name} ${version}`);
  return [
    `fdmux ${fdmux}, ${date}`,
    ...machineLines(machine),
    `rivals: ${there.join(', ')}`,
    ...Object.entries(missing).map(([name, reason]) => `no ${name}: ${reason}`),
  ]
    .map((line) => wrapped(line, columns, '  '))
    .join('\n');
}

/** What the marks that are there mean. */
function legend({ rows, rounds }: WorkloadResult, tables: readonly string[]): string[] {
  const flagged = (flag: string): boolean => rows.some(({ flags }) => (flags as readonly string[]).includes(flag));
  const ratios = rows.flatMap((row) => Object.values(row.ratios).flatMap((byMetric) => Object.values(byMetric)));
  return [
    rounds > 1
      ? `Medians of ${rounds} rounds, ±: how far the farthest round lies off; ratios are medians of those within each round.`
      : 'One round: nothing is known of how far another would lie off.',
    ...(tables.some((text) => /\btwin\b/.test(text))
      ? ['Its twin: the baseline that does the same in the same way.']
      : []),
    ...(ratios.some(undecided)
      ? [`${MARKS.undecided} the rounds do not agree on who is ahead: the spread exceeds the difference.`]
      : []),
    ...(flagged('generator-bound')
      ? [`${MARKS['generator-bound']} the load generator had no time left: it may have been the limit.`]
      : []),
    ...(flagged('disturbed')
      ? [
          `${MARKS.disturbed} something else on the machine took the CPU away: measure again when it is quiet. No target is judged by it.`,
        ]
      : []),
  ];
}

function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

export function workloadText(result: WorkloadResult, columns: number): string {
  const parts = [`${result.name}: ${result.title}\n${wrapped(result.question, columns)}`];
  if (result.rows.length > 0) {
    const laidOut = tables(result, columns);
    parts.push(...laidOut);
    const chart = asciiChart(result, columns);
    if (chart !== undefined) parts.push(chart);
    parts.push(
      legend(result, laidOut)
        .map((line) => wrapped(line, columns, '  '))
        .join('\n'),
    );
  }
  const remarks = [
    ...result.failures.map(({ contestant, params, message }) => {
      return `FAILED: ${[contestant, caseText(params), message].filter(Boolean).join(': ')}`;
    }),
    ...Object.entries(result.missing).map(([name, reason]) => `${name}: skipped: ${reason}`),
    ...result.notes,
  ];
  if (remarks.length > 0) parts.push(remarks.map((line) => wrapped(line, columns, '  ')).join('\n'));
  if (result.targets.length > 0) parts.push(targetLines(result.targets));
  if (result.claims.length > 0) {
    const told = result.claims.map(({ source, text, measured, verdict }) =>
      wrapped(`${verdict}: ${source}: ${sentence(text)} Measured: ${sentence(measured)}`, columns, '  '),
    );
    parts.push(told.join('\n'));
  }
  return parts.join('\n\n');
}

/** How many of the targets are met. */
export function targetsText({ workloads }: BenchResult): string {
  const targets = workloads.flatMap(({ targets }) => targets);
  const count = (met: boolean | null): number => targets.filter((target) => target.met === met).length;
  return `${count(true)} of ${targets.length} targets met, ${count(false)} not, ${count(null)} cannot be told`;
}
