/** Durations counted in buckets whose width grows with the value: within 1 %, in constant memory. */

const SUB_BITS = 7;
const SUB = 1 << SUB_BITS;
const BUCKETS = (32 - SUB_BITS + 1) << SUB_BITS;
const LARGEST = 2 ** 32 - 1;

function bucketOf(ns: number): number {
  const exponent = 31 - Math.clz32(ns);
  if (exponent < SUB_BITS) return ns;
  return ((exponent - SUB_BITS + 1) << SUB_BITS) + ((ns >>> (exponent - SUB_BITS)) & (SUB - 1));
}

/** The middle of a bucket. */
function middleOf(bucket: number): number {
  if (bucket < SUB) return bucket;
  const exponent = (bucket >> SUB_BITS) - 1;
  return (SUB + (bucket & (SUB - 1)) + 0.5) * 2 ** exponent;
}

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #total = 0;

  /** @param ns a duration in nanoseconds; what is longer than 4.29 s counts as that */
  record(ns: number): void {
    const bucket = bucketOf(Math.min(Math.max(ns, 0), LARGEST) >>> 0);
    this.#counts[bucket] = (this.#counts[bucket] as number) + 1;
    this.#total++;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#total = 0;
  }

  get count(): number {
    return this.#total;
  }

  /** @param fraction such as 0.5 or 0.99 @returns in nanoseconds; `NaN` of nothing */
  quantile(fraction: number): number {
    let left = Math.max(1, Math.ceil(fraction * this.#total));
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      left -= this.#counts[bucket] as number;
      if (left <= 0) return middleOf(bucket);
    }
    return Number.NaN;
  }
}
