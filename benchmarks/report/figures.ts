/** Figures as words: what all that is printed has in common. */
import type { Spread } from '../measure/statistics.js';
import type { Figure, Params, Row, WorkloadResult } from '../workload.js';

/** Three digits that say something, or all before the point. */
export function number(value: number): string {
  const size = Math.abs(value);
  if (size >= 1000) return Math.round(value).toLocaleString('en-US');
  if (size === 0) return '0';
  return value.toFixed(
    size >= 100 ? 0 : size >= 10 ? 1 : size >= 0.1 ? 2 : Math.min(9, 1 - Math.floor(Math.log10(size))),
  );
}

/** How far the farther end of the rounds lies from their median, of the median. */
export function deviation({ median, min, max }: Spread): number {
  return median === 0 ? 0 : Math.max(max - median, median - min) / Math.abs(median);
}

/** `448 ±3%`; of one round nothing is known but itself. */
export function figureText(figure: Figure | undefined): string {
  if (figure === undefined) return '–';
  if (figure.rounds.length < 2) return number(figure.median);
  return `${number(figure.median)} ±${Math.round(deviation(figure) * 100)}%`;
}

/** Whether the rounds do not even agree on who is ahead. */
export function undecided({ min, max }: Spread): boolean {
  return min <= 1 && max >= 1;
}

export const MARKS = { undecided: '≈', disturbed: '~', 'generator-bound': '!' } as const;

export function ratioText(ratio: Spread | undefined): string {
  if (ratio === undefined) return '–';
  return `${number(ratio.median)}${undecided(ratio) ? MARKS.undecided : ' '}`;
}

export function flagMarks({ flags }: Row): string {
  return flags.map((flag) => MARKS[flag]).join('');
}

/** Beside which baselines a contestant's figures are shown. */
export function baselinesOf({ baselines, twins = {} }: WorkloadResult, contestant: string): string[] {
  const twin = twins[contestant];
  const others = baselines.filter((name) => !Object.values(twins).includes(name));
  return [...(twin === undefined ? [] : [twin]), ...others].filter((name) => name !== contestant);
}

/** The value of a parameter. */
export function valueText(value: string | number | undefined): string {
  return typeof value === 'number' ? value.toLocaleString('en-US') : (value ?? '');
}

/** `connections 50, idle 0`. */
export function caseText(params: Params): string {
  return Object.entries(params)
    .map(([name, value]) => `${name} ${valueText(value)}`)
    .join(', ');
}

export function sameParams(a: Params, b: Params): boolean {
  const names = Object.keys(a);
  return names.length === Object.keys(b).length && names.every((name) => a[name] === b[name]);
}

/** What has the same key, in the order of the first of each. */
export function grouped<Value>(values: readonly Value[], keyOf: (value: Value) => string): Value[][] {
  const groups = new Map<string, Value[]>();
  for (const value of values) groups.set(keyOf(value), [...(groups.get(keyOf(value)) ?? []), value]);
  return [...groups.values()];
}
