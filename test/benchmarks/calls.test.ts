import { expect, it } from 'vitest';
import { measured } from './support.js';

const WAITS = ['epoll_wait', 'epoll_pwait2', 'poll', 'ppoll', 'select', 'pselect'];
const OTHERS = ['epoll_ctl(ADD)', 'epoll_ctl(MOD)', 'epoll_ctl(DEL)', 'read', 'write', 'recv', 'send'];

it('times every call with each number of ready descriptors, from TypeScript, from C and through koffi where it is there', async () => {
  const { code, stdout, workload } = await measured('calls');
  expect(code).toBe(0);
  const { rows, missing, targets } = workload;
  const contestants = ['fdmux', 'C', ...('koffi' in missing ? [] : ['koffi'])];
  for (const contestant of ['fdmux, traced', 'fdmux, traced before']) {
    const of = rows.filter((row) => row.contestant === contestant);
    expect(of.map(({ params }) => [params.call, params.ready])).toEqual([...WAITS, ...OTHERS].map((call) => [call, 1]));
  }
  for (const contestant of contestants) {
    const of = rows.filter((row) => row.contestant === contestant);
    expect(of.map(({ params }) => [params.call, params.ready])).toEqual([
      ...WAITS.flatMap((call) => [1, 8, 64].map((ready) => [call, ready])),
      ...OTHERS.map((call) => [call, 1]),
    ]);
    for (const { metrics, ratios } of of) {
      expect(metrics.ns?.median).toBeGreaterThan(0);
      expect(Object.keys(ratios)).toEqual(contestants.filter((name) => name !== contestant && name !== 'fdmux'));
    }
  }
  expect(targets.filter(({ text }) => text.includes('1.25 × C'))).toHaveLength(WAITS.length);
  expect(targets.filter(({ text }) => text.includes('koffi'))).toHaveLength('koffi' in missing ? 0 : 10);
  expect(targets.filter(({ text }) => text.endsWith('when traced'))).toHaveLength(WAITS.length + OTHERS.length);
  expect(stdout.includes('koffi: skipped: not installed: npm run bench:rivals')).toBe('koffi' in missing);
}, 120_000);
