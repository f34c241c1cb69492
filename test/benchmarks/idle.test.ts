import { expect, it, onTestFinished } from 'vitest';
import { describeMachine } from '../../benchmarks/measure/machine.js';
import type { Context } from '../../benchmarks/workload.js';
import { idle } from '../../benchmarks/workloads/idle.js';
import { row } from './support/servers.js';

const context: Context = { quick: true, machine: describeMachine(), cpus: null, threads: 11 };

it('measures select with as many as it holds, poll and epoll with as many as a process may have', async () => {
  const machine = { ...context.machine, openFiles: { limit: 2100, hard: 2100 } };
  const contest = await idle.open({ ...context, machine });
  onTestFinished(() => contest.close());
  expect(contest.notes.join()).toMatch(/2000 connections are the most/);
  const counts = (name: string) =>
    contest.cells.filter(({ contestant }) => contestant === name).map(({ params }) => params.idle);
  expect(counts('poll-echo')).toEqual([0, 2000]);
  expect(counts('select-echo')[0]).toBe(0);
  expect(counts('select-echo')[1]).toBeGreaterThan(900);
  expect(counts('select-echo')[1]).toBeLessThan(1024);
  for (const cell of contest.cells.filter(({ params }) => Number(params.idle) > 0)) {
    const { metrics, quantiles } = await cell.measure();
    for (const name of Object.keys(metrics)) expect(idle.metrics.map((metric) => metric.name)).toContain(name);
    expect(metrics.cpu).toBeGreaterThan(0);
    expect(quantiles).toHaveLength(8);
  }
});

it("holds epoll's cost with the most idle connections against that with none", () => {
  const rows = (cpu: number) => [
    row('epoll-echo level', { idle: 15000 }, { cpu }),
    row('epoll-echo level', { idle: 5000 }, { cpu: 10 }),
    row('epoll-echo level', { idle: 0 }, { cpu: 10 }),
  ];
  expect(idle.judge(rows(11.9))).toMatchObject([{ met: true, text: expect.stringContaining('15000') }]);
  expect(idle.judge(rows(12.1))).toMatchObject([{ met: false }]);
  const disturbed = [...rows(11), row('epoll-echo edge', { idle: 0 }, { cpu: 10 }, {}, ['disturbed'])];
  expect(idle.judge([...disturbed, row('epoll-echo edge', { idle: 15000 }, { cpu: 10 })])).toMatchObject([
    { met: true },
    { met: null },
  ]);
});

it('says whether select and poll collapse, and epoll stands', () => {
  const verdict = (select: number, poll: number, level: number) =>
    idle.claims([
      ...[row('select-echo', { idle: 0 }, { cpu: 10 }), row('select-echo', { idle: 950 }, { cpu: select })],
      ...[row('poll-echo', { idle: 0 }, { cpu: 10 }), row('poll-echo', { idle: 15000 }, { cpu: poll })],
      ...[row('epoll-echo level', { idle: 0 }, { cpu: 10 }), row('epoll-echo level', { idle: 15000 }, { cpu: level })],
    ])[0]?.verdict;
  expect(verdict(40, 1000, 11)).toBe('holds');
  expect(verdict(12, 1000, 11)).toBe('in part');
  expect(verdict(11, 11, 20)).toBe('does not hold');
  expect(idle.claims([])[0]?.verdict).toBe('not measured');
});
