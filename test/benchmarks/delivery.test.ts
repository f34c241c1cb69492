import { expect, it } from 'vitest';
import { measured } from './support.js';

it('measures every way with each number of ready descriptors and its latency, and says who is missing', async () => {
  const { code, workload } = await measured('delivery');
  expect(code).toBe(0);
  const { rows, missing, targets } = workload;
  const there = !('npm epoll' in missing);
  const ways = ['Epoll.watch', 'watch(fd)', 'for await', 'epoll_wait', ...(there ? ['npm epoll'] : [])];
  for (const ready of [1, 8, 64]) {
    const told = rows.filter(({ params }) => params.ready === ready);
    expect(told.map(({ contestant }) => contestant)).toEqual(ways);
    for (const { contestant, metrics, ratios } of told) {
      expect(metrics.ns?.median).toBeGreaterThan(0);
      expect('npm epoll' in ratios).toBe(there && contestant !== 'npm epoll');
    }
  }
  const latency = rows.filter(({ params }) => params.part === 'latency');
  expect(latency.map(({ contestant }) => contestant)).toEqual(['Epoll.watch', 'watch(fd)', "net.Socket 'readable'"]);
  for (const { metrics, quantiles } of latency) {
    expect(metrics.p99?.median).toBeGreaterThanOrEqual(metrics.median?.median as number);
    expect(quantiles).toEqual([
      [0.5, metrics.median?.median],
      [0.9, expect.any(Number)],
      [0.99, metrics.p99?.median],
    ]);
  }
  expect(targets).toHaveLength(there ? 7 : 4);
});
