// The cores workload: that its server's workers all serve, lose nothing, and count what they are woken for.
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, canPin, start } from '../../benchmarks/measure/children.js';
import { allowedCpus, describeMachine } from '../../benchmarks/measure/machine.js';
import type { Cell, Contest, Context, Row } from '../../benchmarks/workload.js';
import { check, cores, places, targets, workerCounts } from '../../benchmarks/workloads/cores.js';
import { type Done, WAYS } from '../../benchmarks/workloads/cores-ways.js';

const root = fileURLToPath(new URL('../..', import.meta.url));
const compiled = (name: string) => `${root}/dist/benchmarks/workloads/${name}.js`;

/** Sends a message, waits for its echo and closes. @returns the echo */
async function exchange(port: number, message: string): Promise<string> {
  const socket = connect(port, '127.0.0.1').setEncoding('latin1');
  socket.end(message, 'latin1');
  let echo = '';
  for await (const text of socket) echo += text;
  return echo;
}

describe('the server', () => {
  let server: Child;
  beforeAll(async () => {
    server = start(process.execPath, [compiled('cores-server'), '3']);
    await server.line();
  });
  afterAll(() => server.end());

  const ask = async <T>(line: string): Promise<T> => {
    server.say(line);
    return JSON.parse(await server.line()) as T;
  };
  const total = (done: readonly Done[], of: keyof Done): number => done.reduce((sum, one) => sum + one[of], 0);

  /** All at once, and then one after the other. */
  async function visit(port: number, visitors: number): Promise<void> {
    const message = (i: number) => `${i}:${'x'.repeat(i * 37)}`;
    const echoes = await Promise.all(Array.from({ length: visitors }, (_, i) => exchange(port, message(i))));
    expect(echoes).toEqual(echoes.map((_, i) => message(i)));
    for (let i = 0; i < visitors; i++) expect(await exchange(port, message(i))).toBe(message(i));
  }

  for (const { name, title, own } of WAYS) {
    test.for([1, 3])(`${title}: %d workers let everybody in once and send everything back`, async (workers) => {
      const { port } = await ask<{ port: number }>(`${name} ${workers}`);
      await visit(port, 40);
      const done = await ask<Done[]>('stop');
      expect(done).toHaveLength(workers);
      expect(total(done, 'accepted')).toBe(80);
      expect(total(done, 'echoed')).toBeGreaterThanOrEqual(80);
      expect(total(done, 'told')).toBe(80 + total(done, 'wasted'));
      // Nobody else can take what was in a worker's own queue.
      if (own || workers === 1) expect(total(done, 'wasted')).toBe(0);
      // By chance one of three is left out less than once in a billion times.
      if (own) for (const one of done) expect(one.accepted).toBeGreaterThan(0);
    });
  }

  test('leaves no descriptor open, also of those who stay connected to the end', async () => {
    const open = () => readdirSync(`/proc/${server.pid}/fd`).length;
    const before = open();
    for (const { name } of WAYS) {
      const { port } = await ask<{ port: number }>(`${name} 2`);
      const sockets = Array.from({ length: 10 }, () => connect(port, '127.0.0.1'));
      await Promise.all(
        sockets.map(async (socket) => {
          socket.write('x');
          await once(socket, 'data');
        }),
      );
      expect(total(await ask<Done[]>('stop'), 'accepted')).toBe(10);
      expect(open(), name).toBe(before);
      await Promise.all(sockets.map((socket) => (socket.closed ? undefined : once(socket.resume(), 'close'))));
    }
  });

  test('says what it cannot do', async () => {
    for (const line of ['herd 1', 'shared 4', 'shared 0', 'stop']) {
      const other = start(process.execPath, [compiled('cores-server'), '3']);
      await other.line();
      other.say(line);
      expect(JSON.parse(await other.line())).toEqual({ error: `cannot do '${line}'` });
      await other.end();
    }
  });
});

describe('a measurement', () => {
  const open = async (changed: Partial<Context>): Promise<Contest> => {
    const url = pathToFileURL(compiled('cores')).href;
    const module = (await import(url)) as typeof import('../../benchmarks/workloads/cores.js');
    return module.cores.open({ quick: true, machine: describeMachine(), cpus: null, threads: 11, ...changed });
  };
  const lastOf = (contest: Contest, contestant: string, traffic: string) =>
    contest.cells.findLast((cell) => cell.contestant === contestant && cell.params.traffic === traffic);

  test('checks both sides, and says how much of it the busiest did and who was woken', async () => {
    const contest = await open({ quick: false });
    try {
      expect(contest.missing).toEqual({});
      for (const contestant of new Set(contest.cells.map((cell) => cell.contestant))) {
        for (const traffic of ['kept open', 'one by one']) {
          const cell = lastOf(contest, contestant, traffic) as Cell;
          const { metrics } = await cell.measure();
          expect(metrics.rate, contestant).toBeGreaterThan(0);
          expect(metrics.wakeups).toBeGreaterThanOrEqual(0);
          expect(metrics.busiest).toBeGreaterThanOrEqual(100 / Number(cell.params.workers));
          expect(metrics.busiest).toBeLessThanOrEqual(100);
          if (contestant === 'own listeners') expect(metrics).toMatchObject({ wasted: 0 });
        }
      }
    } finally {
      await contest.close();
    }
  });

  test('adds up several generators, each on a CPU of its own', async (ctx) => {
    if (!canPin()) return ctx.skip('no taskset here');
    const [first, last] = [allowedCpus()[0] as number, allowedCpus().at(-1) as number];
    // As on a machine of six, only that some of them are the same.
    const contest = await open({ quick: false, cpus: [first, first, last, last, last, last] });
    try {
      expect(contest.notes).toEqual([expect.stringContaining('2 generators')]);
      for (const traffic of ['kept open', 'one by one']) {
        const sample = await lastOf(contest, 'own listeners', traffic)?.measure();
        expect(sample?.metrics.rate).toBeGreaterThan(0);
      }
    } finally {
      await contest.close();
    }
  });
});

test('what was lost, or counted differently by the two sides, is an error', () => {
  const done = { told: 64, wasted: 0, accepted: 64, echoed: 900, ended: 64 };
  const generated = {
    ...{ connections: 64, messages: 900, messagesPerSecond: 9000, cpuShare: 0.5, waitShare: 0, idleClosed: 0 },
    ...{ bytesLost: 0, bytesWrong: 0, connectionFailures: 0 },
  };
  expect(() => check([generated], [done])).not.toThrow();
  expect(() => check([{ ...generated, bytesLost: 3 }], [done])).toThrow('bytesLost: 3');
  expect(() => check([{ ...generated, bytesWrong: 1 }], [done])).toThrow('bytesWrong: 1');
  expect(() => check([{ ...generated, connectionFailures: 1 }], [done])).toThrow('connectionFailures: 1');
  expect(() => check([generated], [{ ...done, accepted: 63 }])).toThrow('64 connections were opened, 63 accepted');
  expect(() => check([generated], [{ ...done, echoed: 899 }])).toThrow('900 messages came back, 899 were sent');
  expect(() => check([{ ...generated, opened: 70, exchanged: 70, messages: 0 }], [done])).toThrow('70 connections');
});

test('the generators get cores of their own where there are three or more', () => {
  expect(places(null, 8)).toEqual({ server: null, generators: [undefined], cores: 8 });
  expect(places([0, 1], 2)).toEqual({ server: null, generators: [undefined], cores: 2 });
  expect(places([1, 4, 5], 3)).toEqual({ server: [4, 5], generators: [1], cores: 2 });
  expect(places([0, 1, 2, 3, 4, 5, 6, 7], 8)).toEqual({ server: [2, 3, 4, 5, 6, 7], generators: [0, 1], cores: 6 });
});

test('workers are as many as the cores, and more where these are few', () => {
  expect(workerCounts(1, false)).toEqual([1, 2]);
  expect(workerCounts(2, false)).toEqual([1, 2, 4]);
  expect(workerCounts(6, false)).toEqual([1, 2, 4, 6]);
  expect(workerCounts(64, false)).toEqual([1, 2, 4, 8, 16]);
  expect(workerCounts(6, true)).toEqual([1, 2]);
});

describe('what is made of the figures', () => {
  const figure = (...rounds: number[]) => ({ median: rounds[0] as number, min: 0, max: 0, rounds });
  const row = (
    contestant: string,
    traffic: string,
    workers: number,
    metrics: Row['metrics'],
    flags: Row['flags'] = [],
  ): Row => ({
    ...{ contestant, params: { traffic, workers }, metrics, ratios: {}, flags },
  });
  const rows = (second: number, flags: Row['flags'] = []) => [
    row('own listeners', 'kept open', 1, { rate: figure(100, 100) }),
    row('own listeners', 'kept open', 2, { rate: figure(second, second) }, flags),
  ];

  test('two cores are judged only where the generator has a third, and nothing held it up', () => {
    expect(targets(rows(170), 3)).toEqual([expect.objectContaining({ value: 1.7, met: true })]);
    expect(targets(rows(150), 3)).toMatchObject([{ met: false }]);
    expect(targets(rows(150, ['generator-bound']), 3)).toMatchObject([{ met: null }]);
    expect(targets(rows(170), 2)).toMatchObject([
      { text: expect.stringContaining('2 CPUs: none for'), value: 1.7, met: null },
    ]);
    expect(targets(rows(170).slice(1), 3)).toEqual([]);
  });

  test('the herd is judged by how many wake up', () => {
    const herd = (shared: number, exclusive: number) =>
      cores.claims([
        row('own listeners', 'one by one', 4, { wakeups: figure(2) }),
        row('shared listener', 'one by one', 4, { wakeups: figure(shared) }),
        row('shared listener, EPOLLEXCLUSIVE', 'one by one', 4, { wakeups: figure(exclusive) }),
      ])[0]?.verdict;
    expect(herd(5, 2.5)).toBe('holds');
    expect(herd(5, 4.5)).toBe('in part');
    expect(herd(5, 5)).toBe('does not hold');
    expect(cores.claims([]).map(({ verdict }) => verdict)).toEqual(['not measured', 'not measured']);
  });
});
