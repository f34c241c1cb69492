/** What a handful of noisy rounds says: the middle, how far the rounds lie apart, and ratios within each round. */

export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** @throws RangeError for no values: there is no middle of nothing */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[sorted.length >> 1];
  const lower = sorted[(sorted.length - 1) >> 1];
  if (upper === undefined || lower === undefined) throw new RangeError('the median of no values');
  return (lower + upper) / 2;
}

export function spread(values: readonly number[]): Spread {
  return { median: median(values), min: Math.min(...values), max: Math.max(...values) };
}

/**
 * The ratio of two contestants, taken round by round: what slows the machine down for a while slows both.
 * @throws RangeError for rounds that do not match
 */
export function ratio(rounds: readonly number[], baseline: readonly number[]): Spread {
  if (rounds.length !== baseline.length) {
    throw new RangeError(`${rounds.length} rounds cannot be compared with ${baseline.length}`);
  }
  return spread(rounds.map((value, i) => value / (baseline[i] as number)));
}
