import { describe, expect, it } from 'vitest';
import { columnsOf, workloadText } from '../../benchmarks/report/terminal.js';
import type { Row, WorkloadResult } from '../../benchmarks/workload.js';
import { row, workloadResult } from './results.js';

const COLUMNS = 100;
const text = (rows: readonly Row[], rest: Partial<WorkloadResult> = {}) =>
  workloadText(workloadResult(rows, rest), COLUMNS);
const METRICS = [
  { name: 'rate', label: 'messages', unit: '/s', better: 'higher' },
  { name: 'cpu', label: 'CPU', unit: 'µs', better: 'lower' },
] as const;

describe('the tables', () => {
  it('have contestants and their ratios across, where there is one metric and there are few of them', () => {
    const shown = text([
      row('fdmux', { n: 1 }, { ns: [100, 110, 90] }, { C: { ns: [1.2, 1.3, 1.1] } }),
      row('C', { n: 1 }, { ns: [80, 80, 80] }),
    ]);
    expect(shown).toMatch(/n +fdmux +C +fdmux \/ C\n1 +100 ±10% +80\.0 ±0% +1\.20/);
  });

  it('have the values along an axis across, where there are many contestants', () => {
    const rows = ['a', 'b', 'c', 'd', 'C'].flatMap((name) =>
      [10, 1000].map((n) => row(name, { n }, { ns: [n, n] }, name === 'C' ? {} : { C: { ns: [2, 2] } })),
    );
    const shown = text(rows);
    expect(shown).toMatch(/n +10 +1,000\na +10\.0 ±0% +1,000 ±0%\n/);
    expect(shown).toMatch(/a \/ C +2\.00 +2\.00/);
  });

  it('have metrics across for each case, where there are many of them, each contestant beside its twin', () => {
    const rows = [
      row('ours', { n: 1 }, { rate: [5], cpu: [1] }, { theirs: { rate: [0.5] }, net: { rate: [2] } }),
      row('theirs', { n: 1 }, { rate: [10], cpu: [1] }, { net: { rate: [4] } }),
      row('net', { n: 1 }, { rate: [2.5], cpu: [1] }),
    ];
    const shown = text(rows, { metrics: METRICS, baselines: ['theirs', 'net'], twins: { ours: 'theirs' } });
    expect(shown).toMatch(/\n1 *\n|n 1\n/);
    expect(shown).toMatch(/messages, \/s +\/ its twin +\/ net +CPU, µs/);
    expect(shown).toMatch(/ours +5\.00 +0\.50 +2\.00 +1\.00/);
    expect(shown).toContain('Its twin: ');
  });

  it('are no wider than the terminal, whatever they hold', () => {
    const rows = Array.from({ length: 9 }, (_, i) => i).flatMap((name) =>
      Array.from({ length: 30 }, (_, n) => row(`contestant ${name}`, { n }, { ns: [1e6 + n, 2e6] })),
    );
    const lines = text(rows).split('\n');
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(COLUMNS);
    expect(lines.filter((line) => line.startsWith('contestant 8')).length).toBeGreaterThan(1);
    expect([columnsOf({ columns: 20 }), columnsOf({ columns: 300 }), columnsOf({})]).toEqual([80, 120, 100]);
  });

  it('keep rows apart that have other parameters or metrics', () => {
    const shown = text([row('a', { n: 1 }, { rate: [1] }), row('a', {}, { cpu: [2] })], { metrics: METRICS });
    expect(shown).toMatch(/messages, \/s\n/);
    expect(shown).toMatch(/CPU, µs\n/);
  });
});

describe('what to think of them', () => {
  it('says where the rounds do not agree on who is ahead', () => {
    const pair = (ratios: number[]) => [
      row('a', { n: 1 }, { ns: [1, 2] }, { C: { ns: ratios } }),
      row('C', { n: 1 }, { ns: [1, 2] }),
    ];
    expect(text(pair([0.9, 1.1]))).toMatch(/1\.00≈[\s\S]*the spread exceeds the difference/);
    expect(text(pair([1.1, 1.2]))).not.toContain('≈');
  });

  it('explains the flags that are there', () => {
    const flagged = text([row('a', {}, { ns: [1, 2] }, {}, ['disturbed'])]);
    expect(flagged).toMatch(/±33%~[\s\S]*~ something else on the machine/);
    expect(flagged).not.toContain('generator');
    expect(text([row('a', {}, { ns: [1, 2] }, {}, ['generator-bound'])])).toMatch(
      /! the load generator had no time left/,
    );
  });

  it('says that one round has no spread', () => {
    const shown = text([row('a', {}, { ns: [1] })], { rounds: 1 });
    expect(shown).not.toContain('±');
    expect(shown).toContain('One round: ');
  });

  it('tells failures, who is missing, notes, targets and claims', () => {
    const shown = text([row('a', { n: 1 }, { ns: [1, 2] })], {
      failures: [{ contestant: 'b', params: { n: 1 }, message: '1 byte was lost' }],
      missing: { koffi: 'not installed: npm run bench:rivals' },
      notes: ['Cut at 4000.'],
      targets: [{ text: 'a: at most 1.3 × C', value: 2, met: false }],
      claims: [{ source: 'document 002', text: 'It is so.', measured: 'It is not.', verdict: 'does not hold' }],
    });
    for (const line of [
      'FAILED: b: n 1: 1 byte was lost',
      'koffi: skipped: not installed: npm run bench:rivals',
      'Cut at 4000.',
      'NOT MET    a: at most 1.3 × C (2.00)',
      'does not hold: document 002: It is so. Measured: It is not.',
    ]) {
      expect(shown).toContain(line);
    }
  });
});

describe('the chart', () => {
  const charts = [{ name: 'c', title: 'Time by n', kind: 'line', x: 'n', y: 'ns', log: ['x', 'y'] }] as const;

  it('draws a line for each contestant, measured points in capitals', () => {
    const rows = ['a', 'b'].flatMap((name, i) =>
      [1, 10, 100].map((n) => row(name, { n }, { ns: [n * (i + 1), n * (i + 1)] })),
    );
    const drawn = text(rows, { charts }).split('Time by n')[1] ?? '';
    expect(drawn).toContain('A a   B b');
    expect(drawn.match(/A/g)?.length).toBeGreaterThanOrEqual(3);
    expect(drawn).toMatch(/100┤/);
  });

  it('has bars where the axis has no numbers, the longest for the most', () => {
    const bars = [{ name: 'c', title: 'Time', kind: 'bar', x: 'call', y: 'ns' }] as const;
    const rows = [row('a', { call: 'poll' }, { ns: [10, 10] }), row('a', { call: 'select' }, { ns: [20, 20] })];
    const [, poll = '', select = ''] = /poll {2}a +(█+).*\nselect {2}a +(█+)/.exec(text(rows, { charts: bars })) ?? [];
    expect([poll.length, select.length]).toEqual([20, 40]);
  });
});
