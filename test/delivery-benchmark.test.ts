import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import type { DeliveryReport } from '../benchmarks/delivery.js';

const script = fileURLToPath(new URL('../dist/benchmarks/delivery.js', import.meta.url));

it('bench:delivery measures every way, and says who is missing', () => {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const file = join(folder, 'report.json');
  const options = ['--rounds', '2', '--milliseconds', '5', '--writes', '5', '--json', file];
  const text = execFileSync(process.execPath, [script, ...options], { encoding: 'utf8' });
  const { delivery, latency, missing, targets } = JSON.parse(readFileSync(file, 'utf8')) as DeliveryReport;
  expect(delivery.map(({ ready }) => ready)).toEqual([1, 8, 64]);
  const names = ['Epoll.watch', 'watch(fd)', 'for await', 'epoll_wait'];
  for (const { ns, faster } of delivery) {
    for (const name of names) expect(ns[name]?.median).toBeGreaterThan(0);
    expect('npm epoll' in ns).toBe(!('npm epoll' in missing));
    expect(Object.keys(faster)).toEqual('npm epoll' in missing ? [] : names);
  }
  expect(latency.map(({ way }) => way)).toEqual(['Epoll.watch', 'watch(fd)', "net.Socket 'readable'"]);
  for (const { median, p99 } of latency) expect(p99.median).toBeGreaterThanOrEqual(median.min);
  for (const { text: target } of targets) expect(text).toContain(target);
});
