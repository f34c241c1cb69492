import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, vi } from 'vitest';
import { measure } from '../../benchmarks/bench.js';
import type { BenchResult, Workload } from '../../benchmarks/workload.js';
import { needs } from '../support/processes.js';
import { startAtTerminal } from '../support/pty.js';
import { benchResult, row, workloadResult } from './results.js';
import { bench, command, complaints, folder } from './support.js';

/** What nobody may be told after minutes of measuring. */
async function refused(...args: string[]): Promise<{ code: number; message: string }> {
  const { code, stdout, stderr } = await bench(...args);
  expect(stdout).toBe('');
  expect(stderr).toMatch(/^fdmux: .+\n$/);
  return { code, message: stderr.trim() };
}

function file(content: unknown): string {
  const path = join(folder(), 'given.json');
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

describe('wrong usage', () => {
  it('names the workloads that there are', async () => {
    expect(await refused('echo', 'kqueue')).toEqual({
      code: 2,
      message: "fdmux: unknown workload 'kqueue': known are calls, scaling, echo, idle, churn, http, delivery, cores",
    });
  });

  it.each(['0', '-1', '1.5', 'many', '', '1001'])('refuses %j rounds', async (runs) => {
    const { code, message } = await refused('calls', `--runs=${runs}`);
    expect(code).toBe(2);
    expect(message).toContain('It takes an integer from 1 to 1000');
  });

  it('has nothing to measure where a kept result is shown', async () => {
    expect(await refused('--from', file(benchResult([])), '--quick')).toMatchObject({ code: 2 });
  });
});

describe('files', () => {
  it.each(['--json', '--html', '--svg'])(
    'that %s cannot write are told before anything is measured',
    async (option) => {
      const { code, message } = await refused('calls', option, join(folder(), 'nowhere', 'file'));
      expect(code).toBe(1);
      expect(message).toMatch(new RegExp(`^fdmux: ${option}: .*file cannot be written: ENOENT`));
    },
  );

  it('are not left behind by the look whether they can be written', async () => {
    const path = join(folder(), 'result.json');
    await refused('calls', '--json', path, '--compare', join(folder(), 'absent.json'));
    expect(existsSync(path)).toBe(false);
  });

  it.each([
    ['that are not there', undefined, /absent\.json cannot be read: ENOENT/],
    ['that are no JSON', '{', /given\.json is no JSON/],
    ['that are something else', { name: 'fdmux' }, /is no result of fdmux bench: its schema is not 'fdmux-bench'/],
    ['of another version', { ...benchResult([]), version: 2 }, /has version 2 of the schema, not 1/],
    ['that are damaged', { ...benchResult([]), workloads: [{ name: 'calls' }] }, /is damaged/],
  ])('to compare with %s are told before anything is measured', async (_, content, expected) => {
    const given = content === undefined ? join(folder(), 'absent.json') : file(content);
    const { code, message } = await refused('calls', '--compare', given);
    expect(code).toBe(1);
    expect(message).toMatch(expected);
  });
});

describe('a kept result', () => {
  const kept = benchResult([
    workloadResult([row('a', { n: 1 }, { ns: [10, 11, 12, 13] })], { name: 'calls' }),
    workloadResult([row('b', { n: 1 }, { ns: [1, 1, 1, 1] })], { name: 'idle', title: 'Not asked for' }),
  ]);

  it('is shown without measuring, whole or in part, and can be kept again', async () => {
    const again = join(folder(), 'again.json');
    const { code, stdout, stderr } = await bench('calls', '--from', file(kept), '--json', again);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('fdmux 0.1.0, 2026-01-02T03:04:05.678Z');
    expect(stdout).toContain('11.5 ±13%');
    expect(stdout).not.toContain('Not asked for');
    expect(JSON.parse(readFileSync(again, 'utf8'))).toEqual({ ...kept, workloads: kept.workloads.slice(0, 1) });
    expect(complaints(kept)).toEqual([]);
  });

  it('becomes a report and a chart, which are written only when they are asked for', async () => {
    const html = join(folder(), 'report.html');
    const svg = join(folder(), 'chart.svg');
    expect(await bench('--from', file(kept), '--html', html, '--svg', svg)).toMatchObject({ code: 0, stderr: '' });
    expect(readFileSync(html, 'utf8')).toMatch(/^<!doctype html>[\s\S]*Made up/i);
    expect(readFileSync(svg, 'utf8')).toMatch(/^<svg /);
  });

  it('is compared with another', async () => {
    const slower = benchResult([workloadResult([row('a', { n: 1 }, { ns: [20, 21, 22, 23] })], { name: 'calls' })]);
    const { code, stdout } = await bench('--from', file(slower), '--compare', file(kept));
    expect(code).toBe(0);
    expect(stdout).toMatch(/a, n 1 .*worse/);
    expect(stdout).toContain('Only in the earlier one: idle');
  });
});

/** `fdmux bench calls`, measuring. */
async function measuring(...args: string[]) {
  const json = join(folder(), 'result.json');
  const child = spawn(process.execPath, [command, 'bench', 'calls', '--runs', '100', '--json', json, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const exit = once(child, 'exit');
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
  });
  const pid = child.pid as number;
  await vi.waitUntil(() => stderr.includes('round 2 of 100'), { timeout: 100_000 });
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  expect(children.length).toBeGreaterThan(0);
  return {
    ...{ child, exit },
    kept: () => JSON.parse(readFileSync(json, 'utf8')) as BenchResult,
    allEnded: () => vi.waitUntil(() => children.every((one) => !existsSync(`/proc/${one}`)), { timeout: 20_000 }),
  };
}

describe('an interruption', { timeout: 120_000 }, () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('by %s keeps and prints what has been measured, and leaves no process behind', async (signal, code) => {
    const { child, exit, kept, allEnded } = await measuring('--quick');
    let stdout = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
    });
    child.kill(signal);
    expect(await exit).toEqual([code, null]);
    await allEnded();
    const result = kept();
    expect(complaints(result)).toEqual([]);
    expect(result.interrupted).toBe(true);
    const wait = result.workloads[0]?.rows.find(({ params }) => params.call === 'epoll_wait');
    expect(wait?.metrics.ns?.rounds.length).toBeGreaterThanOrEqual(1);
    expect(stdout).toContain('calls: What one call costs');
    expect(stdout).toContain('Interrupted after');
  });

  it('by whoever has read enough keeps what has been measured, too', async () => {
    const json = join(folder(), 'result.json');
    const args = [command, 'bench', 'delivery', 'calls', '--quick', '--runs', '1', '--json', json];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] });
    child.stdout.destroy();
    expect(await once(child, 'exit')).toEqual([141, null]);
    const result = JSON.parse(readFileSync(json, 'utf8')) as BenchResult;
    expect(complaints(result)).toEqual([]);
    expect(result.interrupted).toBe(true);
  });
});

describe('at a terminal', { timeout: 120_000 }, () => {
  it('shows a bar with the time left, and leaves the cursor visible on Ctrl-C', async (ctx) => {
    needs(ctx, 'python3');
    const terminal = startAtTerminal([process.execPath, [command, 'bench', 'calls', '--quick', '--runs', '100']]);
    let screen = '';
    terminal.process.stdout.on('data', (text: string) => {
      screen += text;
    });
    await vi.waitUntil(() => /\d+ %, .*\d+ s left {2}calls: .*epoll_wait, ready 1/.test(screen), { timeout: 100_000 });
    // To everybody in the foreground, as a terminal does it.
    terminal.process.stdin.write('\x03');
    const { code, stdout } = await terminal.ended;
    expect(code).toBe(130);
    expect(stdout).not.toContain('FAILED');
    expect(stdout).toContain('Interrupted after');
    expect(stdout.lastIndexOf('\x1b[?25h')).toBeGreaterThan(stdout.lastIndexOf('\x1b[?25l'));
    // The lines are for who sees no bar.
    expect(stdout).not.toContain('round 1 of 100');
  });
});

describe('what fails', () => {
  // The progress is no news of the tests.
  beforeEach(() => {
    const quiet = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    return () => quiet.mockRestore();
  });

  const made = (name: string, measureOne: () => Promise<{ metrics: Record<string, number> }>): Workload => ({
    ...{ name, title: name, question: 'What for?', params: [], baselines: [], charts: [] },
    metrics: [{ name: 'ns', label: 'time', unit: 'ns', better: 'lower' }],
    open: async () => ({
      cells: [{ contestant: 'a', params: {}, seconds: 0.001, measure: measureOne }],
      ...{ missing: {}, notes: [], close: async () => {} },
    }),
    ...{ judge: () => [], claims: () => [] },
  });
  const entry = (workload: Workload) => ({
    ...{ name: workload.name, about: '', seconds: { full: 1, quick: 1 } },
    load: async () => workload,
  });
  const fine = made('fine', async () => ({ metrics: { ns: 1 } }));
  const lossy = made('lossy', async () => {
    throw new Error('1 byte was lost');
  });
  const options = { quick: true, runs: 2 };

  it('makes the benchmark fail, and keeps the results of the others', async () => {
    const printed: string[] = [];
    const { code, result } = await measure([entry(lossy), entry(fine)], options, (text) => printed.push(text));
    expect(code).toBe(1);
    expect(result.workloads.map(({ name, rows }) => [name, rows.length])).toEqual([
      ['lossy', 0],
      ['fine', 1],
    ]);
    expect(printed.join('\n')).toContain('FAILED: a: 1 byte was lost');
    expect(complaints(result)).toEqual([]);
  });

  it('is not there where everything went well', async () => {
    expect((await measure([entry(fine)], options, () => {})).code).toBe(0);
  });

  it('is a workload of which nothing could be measured', async () => {
    const empty: Workload = {
      ...fine,
      open: async () => ({ cells: [], missing: { generator: 'not built' }, notes: [], close: async () => {} }),
    };
    expect((await measure([entry(empty)], options, () => {})).code).toBe(1);
  });
});
