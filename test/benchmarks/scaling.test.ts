// The scaling workload: that all do the same work, count it, and say where they stop.
import { execFileSync, spawnSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeMachine } from '../../benchmarks/measure/machine.js';
import type { Contest, Context, Row } from '../../benchmarks/workload.js';
import { FIRST_FD, METHODS, scaling, sizes } from '../../benchmarks/workloads/scaling.js';
import { hasStrace } from '../support/objects.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
/** A package of its own, whose rivals are ours to say. */
const copy = mkdtempSync(join(tmpdir(), 'fdmux-scaling-'));
const rival = join(copy, 'benchmarks/rivals/build/libevent-scaling');
afterAll(() => rmSync(copy, { recursive: true }));

beforeAll(() => {
  // The sources, too: they are what the maps in dist lead to.
  const rivals = [join(root, 'benchmarks/rivals/build'), join(root, 'benchmarks/rivals/node_modules')];
  for (const path of ['dist', 'package.json', 'src', 'benchmarks']) {
    cpSync(join(root, path), join(copy, path), { recursive: true, filter: (file) => !rivals.includes(file) });
  }
  for (const path of ['node_modules', 'build']) symlinkSync(join(root, path), join(copy, path));
});

const PROGRAMS: Record<string, [string, ...string[]]> = {
  fdmux: [process.execPath, join(root, 'dist/benchmarks/workloads/scaling-sys.js')],
  C: [join(root, 'build/Release/scaling'), '10'],
  python: ['python3', join(root, 'benchmarks/rivals/python-scaling.py')],
  libevent: [rival, '10'],
};
const methodsOf = (name: string) => (['fdmux', 'C'].includes(name) ? METHODS : METHODS.slice(0, 3)).map(({ id }) => id);

type Answer = { method?: string; ns?: number; events?: number; error?: string };

/** Asks a contestant's program; the first line is its own. */
function ask([command, ...args]: readonly string[], lines: readonly string[]): Answer[] {
  const { stdout, stderr } = spawnSync(command as string, args, { input: `${lines.join('\n')}\n`, encoding: 'utf8' });
  const said = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Answer);
  expect(said.length, stderr).toBeGreaterThan(0);
  return said.slice(1);
}

const context = (changed: Partial<Context> = {}): Context => ({
  ...{ quick: true, machine: describeMachine(), cpus: null, threads: 11 },
  ...changed,
});

/** The workload as the copied package has it. */
async function open(): Promise<Contest> {
  const url = pathToFileURL(join(copy, 'dist/benchmarks/workloads/scaling.js')).href;
  const module = (await import(url)) as typeof import('../../benchmarks/workloads/scaling.js');
  return module.scaling.open(context());
}

/** @returns whether there is a program then: where the headers are missing, the command says so and goes on */
function compileLibevent(): boolean {
  const said = execFileSync('npm', ['run', '--silent', 'bench:libevent'], {
    cwd: copy,
    stdio: 'pipe',
    encoding: 'utf8',
  });
  expect(existsSync(rival)).toBe(!said.includes('apt-get install libevent-dev'));
  return existsSync(rival);
}

describe('the work', () => {
  test.for(['fdmux', 'C', 'python', 'libevent'])('%s sends and counts every event, by each method', (name, ctx) => {
    if (name === 'libevent' && !compileLibevent()) ctx.skip("libevent's headers are not installed");
    const program = PROGRAMS[name] as [string, ...string[]];
    const lines = methodsOf(name).flatMap((id) => [`${id} 10 1 100 1`, `${id} 10 10 100 1`, `${id} 40 7 0 1`]);
    const answers = ask(program, lines);
    expect(answers.map(({ error }) => error).filter(Boolean)).toEqual([]);
    expect(answers.map(({ events }) => events)).toEqual(methodsOf(name).flatMap(() => [101, 110, 7]));
    for (const { ns } of answers) expect(ns).toBeGreaterThan(0);
  });

  // strace lets a write succeed that has never been made.
  test.for(['fdmux', 'C', 'python'])('%s notices an event that does not come', (name, ctx) => {
    if (!hasStrace()) return ctx.skip('no strace here that may trace');
    const program = PROGRAMS[name] as [string, ...string[]];
    for (const id of methodsOf(name)) {
      const traced = ['strace', '-o', '/dev/null', '-e', 'trace=write', '-e', 'inject=write:retval=1:when=300'];
      const [answer] = ask([...traced, ...program], [`${id} 10 1 2000 1`]);
      expect(answer?.error, id).toContain('an event was lost');
    }
  });

  test.for(['fdmux', 'C'])('%s watches more with select than fd_set has room for', (name, ctx) => {
    if (describeMachine().openFiles.hard < 2500) return ctx.skip('needs a hard limit of 2500 open files');
    const program = PROGRAMS[name] as [string, ...string[]];
    // The last pairs are the ones that are active: their descriptors are the highest.
    expect(ask(program, ['select 1200 1200 0 1', 'select 10 1 5 1'])).toMatchObject([{ events: 1200 }, { events: 6 }]);
  });

  test('a program says what it cannot do', () => {
    for (const line of ['kqueue 10 1 100 1', 'poll 10 11 100 1', 'poll 10 0 100 1']) {
      for (const name of ['fdmux', 'C']) {
        expect(ask(PROGRAMS[name] as [string], [line])[0]?.error, `${name}: ${line}`).toBeTruthy();
      }
    }
  });
});

describe('the cases', () => {
  test('go as far as the limit of open files, and the cut is said', () => {
    expect(sizes(false, 20_000)).toEqual({
      ns: [10, 100, 1000, 4000, 9950],
      note: expect.stringContaining('20000 (ulimit -Hn)'),
    });
    expect(sizes(false, 1024).ns).toEqual([10, 100, 462]);
    expect(sizes(false, 1_048_576)).toEqual({
      ns: [10, 100, 1000, 4000, 10_000],
      note: expect.stringContaining('1048576'),
    });
    expect(sizes(true, 20_000)).toEqual({ ns: [10, 100, 1000, 4000], note: expect.stringContaining('9950') });
    expect(sizes(false, 64).ns).toEqual([]);
  });

  test('libevent is left out where it is missing, with the command that brings it', async () => {
    rmSync(rival, { force: true });
    const contest = await open();
    await contest.close();
    expect(contest.missing).toEqual({ libevent: expect.stringMatching(/npm run (--prefix \S+ )?bench:rivals$/) });
    expect(contest.cells.filter(({ contestant }) => contestant.startsWith('libevent'))).toEqual([]);
    expect(contest.cells.filter(({ contestant }) => contestant.startsWith('C '))).not.toEqual([]);
  });

  test('a rival that does not start is left out, with its last words', async () => {
    mkdirSync(join(rival, '..'), { recursive: true });
    writeFileSync(rival, '#!/bin/sh\necho "error while loading shared libraries" >&2; exit 127\n');
    chmodSync(rival, 0o755);
    const contest = await open();
    await contest.close();
    expect(contest.missing).toEqual({ libevent: expect.stringContaining('loading shared libraries') });
    expect(contest.cells.filter(({ contestant }) => contestant.startsWith('libevent'))).toEqual([]);
  });

  test('whoever uses fd_set is not asked beyond it, and that is said; the others are', async () => {
    // What it is made of is of no matter here.
    mkdirSync(join(rival, '..'), { recursive: true });
    copyFileSync(join(root, 'build/Release/scaling'), rival);
    chmodSync(rival, 0o755);
    const contest = await open();
    try {
      const most = (contestant: string): number =>
        Math.max(
          ...contest.cells.filter((cell) => cell.contestant === contestant).map(({ params }) => Number(params.n)),
        );
      for (const name of ['libevent select', 'python select']) {
        expect(most(name)).toBeGreaterThan(0);
        expect(FIRST_FD + 2 * most(name)).toBeLessThanOrEqual(1024);
        expect(contest.notes.join()).toContain(name);
      }
      const all = most('fdmux epoll level');
      for (const name of ['fdmux select', 'C select', 'libevent poll', 'python poll']) expect(most(name)).toBe(all);
      // Every contestant in its largest case and, after it, in its smallest: surplus pairs are closed.
      for (const way of ['select', 'poll', 'epoll level']) {
        for (const party of ['fdmux', 'C', 'libevent', 'python']) {
          const own = contest.cells.filter(
            ({ contestant, params }) => contestant === `${party} ${way}` && params.n !== 4000,
          );
          for (const cell of [own.at(-1), own[0]]) {
            const sample = await cell?.measure();
            expect(sample?.metrics.time, `${party} ${way}`).toBeGreaterThan(0);
          }
        }
      }
    } finally {
      await contest.close();
    }
  });
});

describe('what is made of the figures', () => {
  const spread = (value: number) => ({ median: value, min: value, max: value });
  const row = (contestant: string, n: number, active: number, time: number, flags: Row['flags'] = []): Row => ({
    ...{ contestant, params: { n, active }, ratios: {}, flags },
    metrics: { time: { ...spread(time), rounds: [time, time] } },
  });
  /** fdmux and another in one case. */
  const pair = (method: string, party: string, n: number, toOther: number, flags: Row['flags'] = []): Row[] => [
    row(`fdmux ${method}`, n, 1, 2 * toOther),
    row(`${party} ${method}`, n, 1, 2, flags),
  ];

  test('a target is judged by the worst case, which it names; not where the machine was busy', () => {
    const good = [...pair('poll', 'C', 10, 1.1), ...pair('poll', 'C', 100, 1.25)];
    const text = 'poll: at most 1.3 × C at every n (worst: 100 watched, 1 active)';
    expect(scaling.judge(good)).toEqual([{ text, value: 1.25, met: true, rounds: [1.25, 1.25], agreed: true }]);
    expect(scaling.judge([...good, ...pair('poll', 'C', 1000, 1.5)])[0]).toMatchObject({ value: 1.5, met: false });
    expect(scaling.judge([...good, ...pair('poll', 'C', 1000, 1.5, ['disturbed'])])[0]).toMatchObject({ met: null });
    expect(scaling.judge(pair('select', 'libevent', 10, 1.5))).toMatchObject([{ value: 1.5, met: true }]);
    expect(scaling.judge(pair('epoll one-shot', 'C', 10, 9))).toMatchObject([{ met: false }]);
    expect(scaling.judge([row('fdmux poll', 10, 1, 2)])).toEqual([]);
  });

  test('one round of any case is enough to doubt that a target is met, and one case beyond it in all rounds that it is missed', () => {
    const timed = (contestant: string, n: number, rounds: number[]): Row => ({
      ...row(contestant, n, 1, rounds[1] as number),
      metrics: { time: { ...spread(rounds[1] as number), rounds } },
    });
    const noisy = (n: number, rounds: number[]): Row[] => [
      timed('fdmux poll', n, rounds),
      timed('C poll', n, [1, 1, 1]),
    ];
    const agreed = (...cases: Row[][]): unknown => scaling.judge(cases.flat())[0];
    expect(agreed(noisy(10, [1, 1.1, 1.2]))).toMatchObject({ met: true, agreed: true });
    expect(agreed(noisy(10, [1, 1.1, 1.4]), noisy(100, [1, 1.2, 1.2]))).toMatchObject({
      value: 1.2,
      rounds: [1, 1.4],
      met: true,
      agreed: false,
    });
    expect(agreed(noisy(10, [1, 1.5, 1.6]))).toMatchObject({ met: false, agreed: false });
    expect(agreed(noisy(10, [1, 1.6, 1.7]), noisy(100, [1.4, 1.5, 1.6]))).toMatchObject({ met: false, agreed: true });
  });

  test('the claims hold where select and poll grow with the descriptors and epoll does not', () => {
    const costs = (many: Record<string, number>) =>
      ['select', 'poll', 'epoll level', 'epoll edge'].flatMap((method) => [
        row(`fdmux ${method}`, 10, 1, 2),
        row(`fdmux ${method}`, 100, 100, 1.5),
        row(`fdmux ${method}`, 4000, 1, many[method] ?? 2),
      ]);
    const verdicts = (rows: Row[]) => scaling.claims(rows).map(({ verdict }) => verdict);
    expect(verdicts(costs({ select: 400, poll: 300, 'epoll level': 3 }))).toEqual([
      'holds',
      'does not hold',
      'holds',
      'in part',
    ]);
    expect(verdicts(costs({}))[0]).toBe('does not hold');
    expect(verdicts(costs({ select: 400 }))[0]).toBe('in part');
    expect(new Set(verdicts([]))).toEqual(new Set(['not measured']));
  });
});
