// The main job: what `fdmux demo` prints, that it loses nothing and leaves nothing behind.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { conclusion } from '../benchmarks/demo/demo.js';
import { Histogram } from '../benchmarks/measure/histogram.js';
import { type Child, start } from './support/processes.js';
import { FDMUX, needsDescriptors, until, within } from './support/servers.js';

/** The processes that a process has started, and theirs. */
function descendants(pid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1');
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]));
    } catch {
      // It has ended meanwhile.
    }
  }
  const found = [pid];
  for (const parent of found) for (const [child, of] of parents) if (of === parent) found.push(child);
  return found.slice(1);
}

function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

const demo = (): Child => start(process.execPath, [FDMUX, 'demo']);

/** Until its server and its client run. */
async function underWay(child: Child): Promise<number[]> {
  await until(() => descendants(child.pid).length >= 2, 'a server and a client');
  return descendants(child.pid);
}

const NUMBER = /^\d{1,3}(,\d{3})*$/;
const DURATION = /^\d+(\.\d)? (µs|ms)$/;

test('prints the servers side by side, with nothing lost and nothing left behind', {
  timeout: 120_000,
}, async (ctx) => {
  needsDescriptors(ctx, 3000);
  const child = demo();
  const seen = new Set<number>();
  const watch = setInterval(() => {
    for (const pid of descendants(child.pid)) seen.add(pid);
  }, 50);
  // Far longer than it should take: a bound, not a measure.
  const { code, signal, stdout, stderr } = await child.ended.finally(() => clearInterval(watch));
  expect({ code, signal, stderr }).toEqual({ code: 0, signal: null, stderr: '' });
  expect(seen.size).toBeGreaterThanOrEqual(8);
  await until(() => ![...seen].some(alive), 'the end of all that it started');

  expect(stdout).toMatch(/^[\n -~µ]+\n$/);
  const [opening, few, held, many, ending, ...more] = stdout.split('\n\n');
  expect(opening).toMatch(/^Echo servers, each a process of its own/);
  expect(more).toEqual([]);

  const tables = [
    [few, 'Few connections', ['select', 'poll', 'epoll, level', 'epoll, edge']],
    [held, 'As many idle ones as select can hold', ['select', 'poll', 'epoll, level', 'epoll, edge']],
    [many, 'Many more than select can hold', ['poll', 'epoll, level', 'epoll, edge']],
  ] as const;
  let before = 0;
  for (const [table, title, servers] of tables) {
    const [first, headings, ...rows] = (table ?? '').split('\n');
    expect(first).toBe(title);
    expect(headings?.trim().split(/ {2,}/)).toEqual(
      ...[['connections', 'messages', 'messages/s', 'median', '99 %', 'CPU/message', 'bytes lost']],
    );
    expect(rows.map((row) => row.slice(0, 14).trim())).toEqual(servers);
    const connections = new Set<number>();
    for (const row of rows) {
      // In columns: each cell ends where its heading does.
      expect(row.length).toBe(headings?.length);
      const [count, messages, rate, median, p99, cpu, lost] = row
        .slice(14)
        .trim()
        .split(/ {2,}| (?=\d)/) as string[];
      for (const cell of [count, messages, rate]) expect(cell).toMatch(NUMBER);
      for (const cell of [median, p99, cpu]) expect(cell).toMatch(DURATION);
      expect(lost).toBe('0');
      connections.add(Number(count?.replaceAll(',', '')));
      expect(Number(messages?.replaceAll(',', ''))).toBeGreaterThan(0);
      expect(micros(median)).toBeLessThanOrEqual(micros(p99));
      expect(micros(cpu)).toBeGreaterThan(0);
    }
    expect(connections.size).toBe(1);
    const [each] = connections as unknown as [number];
    expect(each).toBeGreaterThan(before);
    before = each;
  }
  expect(ending?.replaceAll('\n', ' ')).toMatch(
    /^On this machine, with 50 connections .* select and poll go through every descriptor .* told the ready ones\. $/,
  );
  for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

function micros(cell: string | undefined): number {
  return Number.parseFloat(cell ?? '') * (cell?.endsWith('ms') ? 1000 : 1);
}

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s in the middle ends it and all that it has started', async (signal, code) => {
  const child = demo();
  const started = await underWay(child);
  child.process.kill(signal);
  expect(await within(child.ended, 'its end')).toMatchObject({ code, stderr: '' });
  await until(() => !started.some(alive), 'the end of all that it started');
});

test('ends with all that it has started when nobody reads it any more', async () => {
  const child = demo();
  const started = await underWay(child);
  child.process.stdout.destroy();
  expect(await within(child.ended, 'its end')).toMatchObject({ code: 141, stderr: '' });
  await until(() => !started.some(alive), 'the end of all that it started');
});

describe('the closing sentence', () => {
  const row = (server: string, idle: number, serverCpu: number) => ({
    ...{ server, idle, serverCpu },
    ...{ messages: 1, seconds: 1, median: 1, p99: 1, lost: 0 },
  });
  const few = [row('select', 0, 10), row('poll', 0, 8), row('epoll, level', 0, 9), row('epoll, edge', 0, 8.8)];
  const held = [row('select', 1000, 25), row('poll', 1000, 20), row('epoll, level', 1000, 9.9)];
  const many = [row('poll', 8000, 160), row('epoll, level', 8000, 10.8)];

  test('says how much dearer each has become, each against itself', () => {
    const text = conclusion(few, held, many);
    expect(text).toContain('with 50 connections the four cost the same within 25 %');
    expect(text).toContain('Beside 1,000 idle ones a message costs 2.5 times as much CPU over select');
    expect(text).toContain('and 2.5 times over poll');
    expect(text).toContain('beside 8,000 20.0 times over poll (select holds no more)');
    expect(text).toContain('over epoll 1.2 times');
  });

  test('is silent about what the machine had no descriptors for', () => {
    const text = conclusion(few, held, []);
    expect(text).not.toContain('select holds no more');
    expect(text).toContain('over epoll 1.1 times');
  });
});

describe('the histogram of durations', () => {
  test('of nothing has no quantile', () => {
    expect(new Histogram().quantile(0.5)).toBeNaN();
    expect(new Histogram().count).toBe(0);
  });

  test('counts small durations exactly', () => {
    const histogram = new Histogram();
    for (let ns = 1; ns <= 100; ns++) histogram.record(ns);
    expect(histogram.count).toBe(100);
    expect([0, 0.01, 0.5, 0.99, 1].map((fraction) => histogram.quantile(fraction))).toEqual([1, 1, 50, 99, 100]);
  });

  test('is within 1 % of every duration up to 4 s', () => {
    for (let ns = 1; ns < 2 ** 32; ns = Math.ceil(ns * 1.013)) {
      const histogram = new Histogram();
      histogram.record(ns);
      expect(Math.abs(histogram.quantile(0.5) / ns - 1)).toBeLessThan(0.01);
    }
  });

  test('keeps the order of durations across its buckets', () => {
    let last = 0;
    for (let ns = 1; ns < 2 ** 32; ns = Math.ceil(ns * 1.01)) {
      const histogram = new Histogram();
      histogram.record(ns);
      const value = histogram.quantile(1);
      expect(value).toBeGreaterThanOrEqual(last);
      last = value;
    }
  });

  test('finds the rare among the many', () => {
    const histogram = new Histogram();
    for (let i = 0; i < 990; i++) histogram.record(1000);
    for (let i = 0; i < 10; i++) histogram.record(1_000_000);
    expect(histogram.quantile(0.5) / 1000).toBeCloseTo(1, 1);
    expect(histogram.quantile(0.99) / 1000).toBeCloseTo(1, 1);
    expect(histogram.quantile(0.991) / 1_000_000).toBeCloseTo(1, 1);
  });

  test('counts what is too long or not positive at its ends, and forgets everything when cleared', () => {
    const histogram = new Histogram();
    histogram.record(-5);
    expect(histogram.quantile(1)).toBe(0);
    histogram.record(1e12);
    expect(histogram.quantile(1) / 2 ** 32).toBeCloseTo(1, 2);
    histogram.clear();
    expect(histogram.count).toBe(0);
    expect(histogram.quantile(1)).toBeNaN();
  });
});
