/** A result in the terminal. */
import { table } from '../measure/table.js';
import { targetLines } from '../measure/targets.js';
import type { Row, WorkloadResult } from '../workload.js';

export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 100 || value === 0 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : 3);
}

function caseName({ params }: Row): string {
  return Object.values(params).join(', ');
}

export function workloadText(result: WorkloadResult): string {
  const { rows, metrics, baselines } = result;
  const lines = [`\n${result.name}: ${result.title}`, result.question, ''];
  const head = [
    'case',
    'contestant',
    ...metrics.map(({ label, unit }) => `${label}, ${unit}`),
    ...baselines.map((name) => `/ ${name}`),
  ];
  lines.push(
    table(
      head,
      rows.map((row) => [
        caseName(row),
        row.contestant,
        ...metrics.map(({ name }) => {
          const figure = row.metrics[name];
          return figure ? `${number(figure.median)} (${number(figure.min)}–${number(figure.max)})` : '–';
        }),
        ...baselines.map((name) => Object.values(row.ratios[name] ?? {})[0]?.median.toFixed(2) ?? '–'),
      ]),
    ),
  );
  for (const [name, reason] of Object.entries(result.missing)) lines.push(`${name}: skipped: ${reason}`);
  lines.push(...result.notes);
  if (result.targets.length > 0) lines.push('', targetLines(result.targets));
  return lines.join('\n');
}
