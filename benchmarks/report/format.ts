/** What a page says beyond {@link number}: parameters, ranges, percentiles. */
import type { Spread } from '../measure/statistics.js';
import { number } from './figures.js';

/** A number whose digits are all meant, such as one of a parameter or of an axis. */
export function exact(value: string | number): string {
  return typeof value === 'string' ? value : value.toLocaleString('en-GB', { maximumSignificantDigits: 12 });
}

export function range({ min, max }: Spread): string {
  return `${number(min)} – ${number(max)}`;
}

export function withUnit(text: string, unit: string): string {
  return unit === '' ? text : `${text} ${unit}`;
}

/** @returns `99.9 %` for 0.999, and `max` for 1 */
export function percentile(quantile: number): string {
  return quantile === 1 ? 'max' : `${Number((quantile * 100).toPrecision(12))} %`;
}

/** @returns `a`, `a and b`, `a, b and c` */
export function list(items: readonly string[]): string {
  return items.length < 2 ? items.join('') : `${items.slice(0, -1).join(', ')} and ${items.at(-1)}`;
}
