/** Where an axis begins, ends and is labelled. */

export interface Scale {
  readonly min: number;
  readonly max: number;
  readonly ticks: readonly number[];
}

/** Powers of ten, and between them 2 and 5 where there are few. */
function logTicks(low: number, high: number): number[] {
  const powers = Array.from(
    { length: Math.floor(Math.log10(high)) - Math.floor(Math.log10(low)) + 1 },
    (_, i) => Math.floor(Math.log10(low)) + i,
  );
  const ticks = (steps: readonly number[]) =>
    powers
      // As it is written, for a power of ten is not exact.
      .flatMap((power) => steps.map((step) => Number(`${step}e${power}`)))
      .filter((tick) => tick >= low && tick <= high);
  const tens = ticks([1]);
  return tens.length > 2 ? tens : ticks([1, 2, 5]);
}

/** With a little room at both ends. */
export function logScale(values: readonly number[]): Scale {
  const min = Math.min(...values) / 1.25;
  const max = Math.max(...values) * 1.25;
  return { min, max, ticks: logTicks(min, max) };
}

/** From 0, in about `steps` steps. */
export function linearScale(values: readonly number[], steps = 5): Scale {
  const top = Math.max(...values, 0);
  if (top === 0) return { min: 0, max: 1, ticks: [0, 1] };
  const power = Math.floor(Math.log10(top / steps));
  const mantissa = top / steps / 10 ** power;
  const nice = [1, 2, 2.5, 5, 10].find((one) => one >= mantissa - 1e-9) as number;
  const tick = (count: number) => Number(`${Number((nice * count).toPrecision(12))}e${power}`);
  const count = Math.ceil(top / tick(1) - 1e-9);
  return { min: 0, max: tick(count), ticks: Array.from({ length: count + 1 }, (_, i) => tick(i)) };
}

/** A quantile's place: 0.9, 0.99 and 0.999 are as far apart as 0 and 0.9, and 1 comes after all. */
export function quantilePlace(quantile: number, quantiles: readonly number[]): number {
  if (quantile < 1) return -Math.log10(1 - quantile);
  const last = Math.max(0, ...quantiles.filter((one) => one < 1));
  return 0.6 - Math.log10(1 - last);
}
