import { readFileSync } from 'node:fs';
import { describe, expect, it, vi } from 'vitest';
import { type Child, start } from '../../benchmarks/measure/children.js';
import { describeMachine } from '../../benchmarks/measure/machine.js';
import { groups, runWorkload } from '../../benchmarks/runner.js';
import type { Cell, Contest, Context, Flag, Params, Sample, Workload } from '../../benchmarks/workload.js';

const context: Context = { quick: true, machine: describeMachine(), cpus: null, threads: 1 };
const never = new AbortController().signal;

function workload(contest: Partial<Contest>, rest: Partial<Workload> = {}): Workload {
  return {
    ...{ name: 'made-up', title: 'A workload', question: 'What for?', params: [{ name: 'n', label: 'n' }] },
    metrics: [
      { name: 'ns', label: 'time', unit: 'ns', better: 'lower' },
      { name: 'rate', label: 'rate', unit: '/s', better: 'higher' },
    ],
    ...{ baselines: ['C'], charts: [] },
    open: async () => ({ cells: [], missing: {}, notes: [], close: async () => {}, ...contest }),
    judge: () => [],
    claims: () => [],
    ...rest,
  };
}

/** A cell that answers with one value after another, and says that it was asked. */
function cell(contestant: string, params: Params, values: readonly number[], asked: string[] = []): Cell {
  let at = 0;
  return {
    ...{ contestant, params, seconds: 0.001 },
    async measure() {
      asked.push(`${contestant}${params.n ?? ''}`);
      return { metrics: { ns: values[at++ % values.length] as number } };
    },
  };
}

/** A process that nobody waits for stays in the table when it has ended. */
function runs(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the order', () => {
  it('warms up, then lets contestants of one case take turns, another one first each time', async () => {
    const asked: string[] = [];
    const cells = [1, 2].flatMap((n) => ['a', 'b', 'C'].map((name) => cell(name, { n }, [1], asked)));
    await runWorkload(workload({ cells }), context, 2, never);
    expect(asked.join(' ')).toBe('a1 b1 C1 a2 b2 C2 b1 C1 a1 b2 C2 a2 C1 a1 b1 C2 a2 b2');
  });

  it('has no round to warm up where every measurement does so itself', async () => {
    const asked: string[] = [];
    const { rows } = await runWorkload(
      workload({ cells: [cell('a', {}, [1, 2], asked)], warmsUp: true }),
      ...([context, 2, never] as const),
    );
    expect(asked).toHaveLength(2);
    expect(rows[0]?.metrics.ns?.rounds).toEqual([1, 2]);
  });

  it('warms up nobody who begins anew each time', async () => {
    const asked: string[] = [];
    const cells = [cell('a', {}, [1], asked), { ...cell('b', {}, [1], asked), fresh: true }];
    await runWorkload(workload({ cells }), context, 1, never);
    expect(asked.join(' ')).toBe('a b a');
  });

  it('takes the passes of a case in turns, those of the next case after them', async () => {
    const asked: string[] = [];
    const two = ['a', 'b'].map((name) => ({ ...cell(name, { n: 1 }, [1], asked), passes: 2 }));
    const cells = [...two, cell('C', { n: 1 }, [1], asked), cell('a', { n: 2 }, [1], asked)];
    await runWorkload(workload({ cells, warmsUp: true }), context, 1, never);
    expect(asked.join(' ')).toBe('b1 C1 a1 b1 a1 a2');
  });

  it('takes cells as one case only while they follow one another', () => {
    const cells = [cell('a', { n: 1 }, [1]), cell('b', { n: 1 }, [1]), cell('a', { n: 2 }, [1])];
    expect(groups(cells).map((group) => group.length)).toEqual([2, 1]);
  });
});

describe('the figures', () => {
  it('leaves out the warm-up, and keeps every round beside their median and spread', async () => {
    const { rows } = await runWorkload(
      workload({ cells: [cell('a', { n: 1 }, [999, 30, 10, 20])] }),
      context,
      3,
      never,
    );
    expect(rows).toEqual([
      {
        ...{ contestant: 'a', params: { n: 1 }, ratios: {}, flags: [] },
        metrics: { ns: { median: 20, min: 10, max: 30, rounds: [30, 10, 20] } },
      },
    ]);
  });

  it('takes the middle of the passes for the round', async () => {
    const values = [10, 900, 20, 30, 30, 30];
    const bound: Flag[] = ['generator-bound'];
    const flags = [bound, bound, [], [], bound, []];
    let at = 0;
    const three: Cell = {
      ...{ contestant: 'a', params: {}, seconds: 0.001, passes: 3 },
      async measure() {
        const quantiles = [[0.5, values[at] as number]] as const;
        return { metrics: { ns: values[at] as number }, flags: flags[at++] as Flag[], quantiles };
      },
    };
    const cells = [three, { ...cell('C', {}, [5]), passes: 3 }];
    const { rows } = await runWorkload(workload({ cells, warmsUp: true }), context, 2, never);
    expect(rows[0]).toMatchObject({
      metrics: { ns: { rounds: [20, 30] } },
      ratios: { C: { ns: { median: 5, min: 4, max: 6 } } },
      flags: bound,
      quantiles: [[0.5, 25]],
    });
  });

  it('divides by the baseline of the same case and the same round', async () => {
    const cells = [
      cell('a', { n: 1 }, [0, 120, 1200, 240]),
      cell('C', { n: 1 }, [0, 100, 1000, 100]),
      cell('C', { n: 2 }, [5]),
    ];
    const { rows } = await runWorkload(workload({ cells }), context, 3, never);
    expect(rows[0]?.ratios).toEqual({ C: { ns: { median: 1.2, min: 1.2, max: 2.4 } } });
    expect(rows[1]?.ratios).toEqual({});
  });

  it('has no ratio to nothing', async () => {
    const cells = [cell('a', {}, [1]), cell('C', {}, [0])];
    expect((await runWorkload(workload({ cells }), context, 2, never)).rows[0]?.ratios).toEqual({});
  });

  it('flags a row that was flagged in half of its rounds, and takes the median of each quantile', async () => {
    const samples: Sample[] = [
      ...[['disturbed', 'generator-bound'], ['generator-bound'], ['generator-bound'], []].map(
        (flags, i): Sample => ({
          metrics: { ns: 1 },
          flags: flags as Flag[],
          quantiles: [
            [0.5, i],
            [0.99, 10 * i],
          ],
        }),
      ),
    ];
    let at = 0;
    const measure = async () => samples[at++ % samples.length] as Sample;
    const cells = [{ contestant: 'a', params: {}, seconds: 1, measure }];
    const { rows } = await runWorkload(workload({ cells, warmsUp: true }), context, 4, never);
    expect(rows[0]?.flags).toEqual(['generator-bound']);
    expect(rows[0]?.quantiles).toEqual([
      [0.5, 1.5],
      [0.99, 15],
    ]);
  });

  it('takes again what the machine disturbed, a few times, and says so', async () => {
    let calls = 0;
    const measure = async (): Promise<Sample> => ({ metrics: { ns: ++calls }, flags: ['disturbed'] });
    const cells = [{ contestant: 'a', params: {}, seconds: 1, measure }];
    const { rows, notes } = await runWorkload(workload({ cells, warmsUp: true }), context, 10, never);
    // A fifth of the plan.
    expect(calls).toBe(12);
    expect(rows[0]?.flags).toEqual(['disturbed']);
    expect(notes).toEqual(['2 measurements were disturbed by something else, and taken again.']);
  });
});

describe('a failure', () => {
  const lost = (after: number): Cell => {
    let calls = 0;
    const measure = async (): Promise<Sample> => {
      if (++calls > after) throw new Error('1 byte was lost');
      return { metrics: { ns: 7 } };
    };
    return { contestant: 'loser', params: { n: 2 }, seconds: 1, measure };
  };

  it('of one contestant is told, leaves it out from there on, and keeps everything else', async () => {
    const asked: string[] = [];
    const cells = [
      cell('loser', { n: 1 }, [1], asked),
      cell('a', { n: 1 }, [1], asked),
      lost(2),
      cell('a', { n: 2 }, [1]),
    ];
    const { rows, failures } = await runWorkload(workload({ cells }), context, 3, never);
    expect(failures).toEqual([{ contestant: 'loser', params: { n: 2 }, message: '1 byte was lost' }]);
    expect(rows.map(({ contestant, params, metrics }) => [contestant, params.n, metrics.ns?.rounds.length])).toEqual([
      ['loser', 1, 2],
      ['a', 1, 3],
      ['a', 2, 3],
    ]);
    expect(asked.filter((name) => name === 'loser1')).toHaveLength(3);
  });

  it('is a figure that is none, or that nobody has declared', async () => {
    const [nan, unknown] = await Promise.all(
      [{ ns: Number.NaN }, { bogus: 1 }].map((metrics) =>
        runWorkload(
          workload({ cells: [{ contestant: 'a', params: {}, seconds: 1, measure: async () => ({ metrics }) }] }),
          ...([context, 1, never] as const),
        ),
      ),
    );
    expect(nan?.failures[0]?.message).toBe('ns was measured to be NaN');
    expect(unknown?.failures[0]?.message).toBe("'bogus' is no metric of the workload");
  });

  it('to open, to close or to judge is told, too', async () => {
    const fail = async (): Promise<never> => {
      throw new Error('no room');
    };
    const opened = await runWorkload(workload({}, { open: fail }), context, 1, never);
    expect(opened).toMatchObject({ rows: [], failures: [{ contestant: null, message: 'no room' }] });
    const cells = [cell('a', {}, [1])];
    const closed = await runWorkload(workload({ cells, close: fail }), context, 1, never);
    expect(closed).toMatchObject({ rows: [{ contestant: 'a' }], failures: [{ contestant: null, message: 'no room' }] });
    const judge = () => {
      throw new Error('no row');
    };
    const judged = await runWorkload(workload({ cells }, { judge }), context, 1, never);
    expect(judged).toMatchObject({ rows: [{ contestant: 'a' }], failures: [{ message: 'no row' }] });
  });
});

describe('an interruption', () => {
  it('keeps what has been measured, and ends every process of the benchmark', async () => {
    const interruption = new AbortController();
    const children: Child[] = [];
    let calls = 0;
    const slow: Cell = {
      ...{ contestant: 'a', params: { n: 2 }, seconds: 1 },
      async measure() {
        if (++calls < 3) return { metrics: { ns: 5 } };
        const child = start('sleep', ['1000']);
        children.push(child);
        setImmediate(() => interruption.abort());
        return JSON.parse(await child.line(100_000)) as Sample;
      },
    };
    const contest = {
      cells: [cell('a', { n: 1 }, [1]), slow],
      close: () => new Promise<void>(() => {}),
    };
    const { rows, failures } = await runWorkload(workload(contest), context, 5, interruption.signal);
    expect(rows.map(({ params, metrics }) => [params.n, metrics.ns?.rounds])).toEqual([
      [1, [1, 1]],
      [2, [5]],
    ]);
    expect(failures).toEqual([]);
    const { pid } = children[0] as Child;
    await vi.waitUntil(() => !runs(pid), { timeout: 20_000 });
  }, 60_000);

  it('while a workload opens, leaves nothing to wait for', async () => {
    const interruption = new AbortController();
    const open = () => {
      interruption.abort();
      return new Promise<Contest>(() => {});
    };
    const { rows, failures } = await runWorkload(workload({}, { open }), context, 1, interruption.signal);
    expect({ rows, failures }).toEqual({ rows: [], failures: [] });
  });

  it('ends what a process has started, too', async () => {
    const child = start('sh', ['-c', 'sleep 1000 & echo $!; wait']);
    const grandchild = Number(await child.line());
    expect(runs(grandchild)).toBe(true);
    await child.end();
    await vi.waitUntil(() => !runs(grandchild), { timeout: 20_000 });
  });
});
