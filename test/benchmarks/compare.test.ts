import { describe, expect, it } from 'vitest';
import { compareResults, comparisonText } from '../../benchmarks/report/compare.js';
import type { Row } from '../../benchmarks/workload.js';
import { benchResult, row, workloadResult } from './results.js';

const of = (...rows: Row[]) => benchResult([workloadResult(rows)]);
const ns = (...rounds: number[]) => of(row('a', { n: 1 }, { ns: rounds }));

describe('compareResults', () => {
  it('counts a change where all rounds of the one lie beyond all of the other', () => {
    const { changes, compared, tooFew } = compareResults(ns(10, 11, 12, 13, 14), ns(15, 16, 17, 18, 19));
    expect({ compared, tooFew }).toEqual({ compared: 1, tooFew: 0 });
    expect(changes).toMatchObject([{ contestant: 'a', params: { n: 1 }, verdict: 'worse', factor: 17 / 12 }]);
    expect(compareResults(ns(15, 16, 17, 18), ns(10, 11, 12, 13)).changes).toMatchObject([{ verdict: 'better' }]);
  });

  it('takes for noise what one round of the other reaches, however far the medians are apart', () => {
    expect(compareResults(ns(10, 10, 10, 10, 30), ns(30, 90, 90, 90, 90)).changes).toEqual([]);
  });

  it('tells nothing from fewer than four rounds', () => {
    const { changes, tooFew } = compareResults(ns(1, 1, 1), ns(9, 9, 9, 9, 9));
    expect({ changes, tooFew }).toEqual({ changes: [], tooFew: 1 });
  });

  it('knows where more is better', () => {
    const metrics = [{ name: 'rate', label: 'rate', unit: '/s', better: 'higher' }] as const;
    const rate = (...rounds: number[]) => benchResult([workloadResult([row('a', {}, { rate: rounds })], { metrics })]);
    expect(compareResults(rate(1, 2, 3, 4), rate(5, 6, 7, 8)).changes).toMatchObject([{ verdict: 'better' }]);
  });

  it('says beside it whether the ratio to the baseline has changed: a slower machine slows both', () => {
    const slow = (factor: number) =>
      of(
        row('a', {}, { ns: [10, 11, 12, 13].map((value) => value * factor) }, { C: { ns: [1.1, 1.2, 1.2, 1.3] } }),
        row('C', {}, { ns: [9, 9, 10, 10].map((value) => value * factor) }),
      );
    const { changes } = compareResults(slow(1), slow(2));
    expect(changes).toMatchObject([
      { contestant: 'a', ratio: { baseline: 'C', factor: 1, beyond: false } },
      { contestant: 'C' },
    ]);
  });

  it('says what only one of them has', () => {
    const before = of(row('a', { n: 1 }, { ns: [1] }), row('old', { n: 1 }, { ns: [1] }));
    const now = benchResult([
      workloadResult([row('a', { n: 1 }, { ns: [1] }), row('a', { n: 2 }, { ns: [1] })]),
      workloadResult([], { name: 'later' }),
    ]);
    expect(compareResults(before, now)).toMatchObject({
      onlyBefore: ['made-up, old, n 1'],
      onlyNow: ['made-up, a, n 2', 'later'],
    });
  });

  it('warns of another machine, kernel, or other options', () => {
    const before = ns(1, 2, 3, 4);
    const now = {
      ...before,
      machine: { ...before.machine, kernel: '9.9', mitigations: { meltdown: 'Vulnerable' } },
      options: { quick: true, runs: 5 },
      rivals: { C: 'gcc 13' },
      interrupted: true,
    };
    const { differences } = compareResults(before, now);
    expect(differences).toEqual([
      `kernel: ${before.machine.kernel} before, 9.9 now`,
      expect.stringMatching(/^mitigations: /),
      '--quick: false before, true now',
      'C: gcc 12 before, gcc 13 now',
      'this run was interrupted',
    ]);
    // What was busy before, or how long it took, is no difference.
    expect(compareResults(before, { ...before, machine: { ...before.machine, load: 99 } }).differences).toEqual([]);
  });
});

it('is told with the rule by which it was found', () => {
  const before = ns(10, 11, 12, 13, 14);
  const now = ns(20, 21, 22, 23, 24);
  const text = comparisonText(compareResults(before, now), before, 100);
  expect(text).toContain('Compared with 2026-01-02T03:04:05.678Z');
  expect(text).toMatch(/a, n 1\s+ns, ns\s+12\.0\s+22\.0\s+\+83\.3%\s+worse/);
  expect(text).toContain('1 figures are in both: 1 changed beyond the noise, 0 did not.');
  expect(text.replaceAll(/\s+/g, ' ')).toContain('all rounds of the one lie beyond all rounds of the other');
});
