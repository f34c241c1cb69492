/**
 * From time to the page's width, and back. Gaps in which nothing begins or ends may be folded: next to a second of sleep, calls
 * of a few microseconds could not be seen.
 */
import { type ScaleLinear, scaleLinear } from 'd3-scale';

/** A gap that is drawn shorter than it was. */
export interface Fold {
  readonly from: number;
  readonly to: number;
}

export interface TimeScale {
  /** From nanoseconds to pixels, before any zoom. */
  readonly scale: ScaleLinear<number, number>;
  readonly folds: readonly Fold[];
  readonly from: number;
  readonly to: number;
}

/** How many times as long as the median a gap must be to be folded. */
const LONG = 4;

/** How wide a gap is drawn, in time: the longer, the wider, but far less so than it was. */
function folded(gap: number, long: number): number {
  return long * (1 + 0.3 * Math.log10(gap / long));
}

/** @param times when anything began or ended, in their order */
function findFolds(times: Float64Array): { folds: Fold[]; long: number } {
  const gaps = new Float64Array(Math.max(times.length - 1, 0));
  for (let i = 0; i < gaps.length; i++) gaps[i] = (times[i + 1] as number) - (times[i] as number);
  const sorted = gaps.slice().sort();
  const middle = sorted.find((gap, i) => gap > 0 && i >= sorted.length / 2) ?? 0;
  const long = middle * LONG;
  const folds: Fold[] = [];
  if (long === 0) return { folds, long };
  for (const [i, gap] of gaps.entries()) {
    if (gap > long) folds.push({ from: times[i] as number, to: times[i + 1] as number });
  }
  return { folds, long };
}

/** Whether folding is worth it: most of the time is gaps. */
export function worthFolding(times: Float64Array): boolean {
  const whole = (times.at(-1) ?? 0) - (times[0] ?? 0);
  const { folds } = findFolds(times);
  return folds.reduce((total, { from, to }) => total + to - from, 0) > whole / 2;
}

export function timeScale(times: Float64Array, fold: boolean, left: number, right: number): TimeScale {
  const first = times[0] ?? 0;
  const last = Math.max(times.at(-1) ?? 0, first + 1);
  const { folds, long } = fold ? findFolds(times) : { folds: [], long: 0 };
  const domain = [first];
  const widths = [0];
  let width = 0;
  let at = first;
  for (const { from, to } of folds) {
    if (from > at) {
      width += from - at;
      domain.push(from);
      widths.push(width);
    }
    width += folded(to - from, long);
    domain.push(to);
    widths.push(width);
    at = to;
  }
  if (at < last) {
    width += last - at;
    domain.push(last);
    widths.push(width);
  }
  // A little room at both ends, for the first call and the last.
  const pad = (last - first) * 0.01;
  const inside = right - left - 12;
  const scale = scaleLinear()
    .domain(domain)
    .range(widths.map((each) => left + 6 + (each / width) * inside));
  return { scale, folds, from: first - pad, to: last + pad };
}

/** A time in nanoseconds, in the unit that suits it. */
export function timeText(ns: number, digits = 4): string {
  const size = Math.abs(ns);
  const [unit, per] = size >= 1e9 ? ['s', 1e9] : size >= 1e6 ? ['ms', 1e6] : size >= 1e3 ? ['µs', 1e3] : ['ns', 1];
  return `${Number((ns / per).toPrecision(digits))} ${unit}`;
}
