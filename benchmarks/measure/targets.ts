/** What a figure should be, and whether it is. */
import type { Spread } from './statistics.js';

export interface Target {
  /** What is asked, in words: `epoll_wait: at most 1.25 × C`. */
  text: string;
  value: number;
  /** `null`: it cannot be said, because the machine was busy with something else, or the load generator with itself. */
  met: boolean | null;
  /** The least and the greatest of the rounds. */
  rounds?: readonly [min: number, max: number];
  /** Whether all rounds say the same; if not, the next run may say otherwise. */
  agreed?: boolean;
}

/** @param measured its median decides; the rounds say how certainly */
export function judged(text: string, measured: Spread, isMet: (value: number) => boolean): Target {
  const { median, min, max } = measured;
  return { text, value: median, met: isMet(median), rounds: [min, max], agreed: isMet(min) === isMet(max) };
}

export function atMost(name: string, limit: number, unit: string, measured: Spread): Target {
  return judged(`${name}: at most ${limit} × ${unit}`, measured, (value) => value <= limit);
}

export function atLeast(name: string, limit: number, unit: string, measured: Spread): Target {
  return judged(`${name}: at least ${limit} × ${unit}`, measured, (value) => value >= limit);
}

/** Below 1, and not just as fast. */
export function ahead(name: string, unit: string, measured: Spread): Target {
  return judged(`${name}: ahead of ${unit}`, measured, (value) => value < 1);
}

/** Nothing is judged by rows whose figures are the machine's. */
export function unlessDisturbed(target: Target, ...rows: readonly { readonly flags: readonly string[] }[]): Target {
  return rows.some(({ flags }) => flags.includes('disturbed')) ? { ...target, met: null } : target;
}

/** Whether some rounds say that it is met and others that it is not. */
export function isDoubtful({ met, agreed }: Target): boolean {
  return met !== null && agreed === false;
}

function verdict(target: Target): string {
  if (target.met === null) return 'unknown';
  return `${target.met ? 'met' : 'NOT MET'}${isDoubtful(target) ? ' ≈' : ''}`;
}

/** A line each; those that the rounds do not agree on are marked with `≈`. */
export function targetLines(targets: readonly Target[]): string {
  const line = (target: Target): string => {
    const { text, value, rounds } = target;
    const range = rounds ? `, rounds ${rounds[0].toFixed(2)} to ${rounds[1].toFixed(2)}` : '';
    return `${verdict(target).padEnd(9)}  ${text} (${value.toFixed(2)}${range})`;
  };
  const doubtful = targets.some(isDoubtful);
  return [...targets.map(line), ...(doubtful ? ['≈ the rounds do not agree on it.'] : [])].join('\n');
}
