/** What a figure should be, and whether it is. */

export interface Target {
  /** What is asked, in words: `epoll_wait: at most 1.25 × C`. */
  text: string;
  value: number;
  /** `null`: it cannot be said, because the machine was busy with something else. */
  met: boolean | null;
}

export function atMost(name: string, limit: number, unit: string, value: number): Target {
  return { text: `${name}: at most ${limit} × ${unit}`, value, met: value <= limit };
}

export function atLeast(name: string, limit: number, unit: string, value: number): Target {
  return { text: `${name}: at least ${limit} × ${unit}`, value, met: value >= limit };
}

/** Below 1, and not just as fast. */
export function ahead(name: string, unit: string, value: number): Target {
  return { text: `${name}: ahead of ${unit}`, value, met: value < 1 };
}

/** Nothing is judged by rows whose figures are the machine's. */
export function unlessDisturbed(target: Target, ...rows: readonly { readonly flags: readonly string[] }[]): Target {
  return rows.some(({ flags }) => flags.includes('disturbed')) ? { ...target, met: null } : target;
}

function verdict(met: boolean | null): string {
  if (met === null) return 'unknown';
  return met ? 'met    ' : 'NOT MET';
}

export function targetLines(targets: readonly Target[]): string {
  return targets.map(({ text, value, met }) => `${verdict(met)}  ${text} (${value.toFixed(2)})`).join('\n');
}
