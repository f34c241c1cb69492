import { describe, expect, it } from 'vitest';
import { allowedCpus, describeMachine, threads } from '../../benchmarks/measure/machine.js';
import { median, ratio, spread } from '../../benchmarks/measure/statistics.js';
import { table } from '../../benchmarks/measure/table.js';
import { ahead, atLeast, atMost, targetLines, unlessDisturbed } from '../../benchmarks/measure/targets.js';

/** Rounds that all gave the same. */
const all = (value: number) => spread([value]);

describe('statistics', () => {
  it('takes the middle of rounds in any order, and the mean of two middles', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves what it is given as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('says how far the rounds lie apart', () => {
    expect(spread([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  it('compares within each round: a slow round slows both, and does not show', () => {
    expect(ratio([120, 1200, 120], [100, 1000, 100])).toEqual({ median: 1.2, min: 1.2, max: 1.2 });
    expect(() => ratio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('what is printed', () => {
  it('aligns figures to the right under their heads', () => {
    expect(
      table(
        ['call', 'ns'],
        [
          ['poll', '5'],
          ['epoll_wait', '120'],
        ],
      ),
    ).toBe(['call         ns', 'poll          5', 'epoll_wait  120'].join('\n'));
  });

  it('says of each target whether it is met', () => {
    expect(atMost('a', 1.25, 'C', all(1.25)).met).toBe(true);
    expect(atMost('a', 1.25, 'C', all(1.26)).met).toBe(false);
    expect(atLeast('a', 0.95, 'C', all(0.95)).met).toBe(true);
    expect(atLeast('a', 0.95, 'C', all(0.94)).met).toBe(false);
    expect(ahead('a', 'koffi', all(1)).met).toBe(false);
    expect(targetLines([atMost('a', 1.25, 'C', all(2))])).toContain('NOT MET');
    expect(targetLines([{ ...atMost('a', 1.25, 'C', all(2)), met: null }])).toContain('unknown');
  });

  it('says where the median of a target decides against some of its rounds', () => {
    const noisy = { median: 1.2, min: 1, max: 1.4 };
    const lines = (...targets: Parameters<typeof targetLines>[0]): string[] => targetLines(targets).split('\n');
    expect(lines(atMost('a', 1.25, 'C', noisy), atMost('a', 1.1, 'C', noisy))).toEqual([
      'met ≈      a: at most 1.25 × C (1.20, rounds 1.00 to 1.40)',
      'NOT MET ≈  a: at most 1.1 × C (1.20, rounds 1.00 to 1.40)',
      '≈ the rounds do not agree on it.',
    ]);
    expect(lines(atMost('a', 1.4, 'C', noisy), atLeast('a', 1.5, 'C', noisy))).toEqual([
      'met        a: at most 1.4 × C (1.20, rounds 1.00 to 1.40)',
      'NOT MET    a: at least 1.5 × C (1.20, rounds 1.00 to 1.40)',
    ]);
    expect(lines({ ...atMost('a', 1.25, 'C', noisy), met: null })).toHaveLength(1);
  });

  it('judges nothing by a row that something else on the machine disturbed', () => {
    expect(unlessDisturbed(atMost('a', 1, 'C', all(2)), { flags: [] }, { flags: ['disturbed'] }).met).toBeNull();
    expect(unlessDisturbed(atMost('a', 1, 'C', all(2)), { flags: ['generator-bound'] }).met).toBe(false);
  });

  it('describes the machine', () => {
    expect(describeMachine()).toMatchObject({ node: process.version, arch: process.arch });
    expect(threads('self')).toBeGreaterThan(1);
    expect(allowedCpus().length).toBeGreaterThan(0);
  });
});
