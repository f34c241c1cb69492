import { existsSync } from 'node:fs';
import { describe, expect, it, onTestFinished } from 'vitest';
import { describeMachine } from '../../benchmarks/measure/machine.js';
import { isMissing } from '../../benchmarks/measure/places.js';
import { findCallCounter, strace } from '../../benchmarks/measure/system-calls.js';
import { C, echoServers, NODE_NET, OWN } from '../../benchmarks/rivals/echo-servers.js';
import type { Context, Flag } from '../../benchmarks/workload.js';
import { echo, fixedRates, measureEcho } from '../../benchmarks/workloads/echo.js';
import {
  flagsOf,
  type Load,
  type LoadResult,
  type Server,
  startServers,
  underLoad,
} from '../../benchmarks/workloads/load.js';
import { contestant, faulty, row } from './support/servers.js';

const LOAD: Load = { connections: 4, idle: 0, bytes: 64, rate: 0 };
const SHORT = { seconds: 0.5, warmup: 0.05, counting: 0.05 };
const context: Context = { quick: true, machine: describeMachine(), cpus: null, threads: 11 };

const load = (server: Server, change: Partial<Load> = {}, seconds = 0.5): Promise<LoadResult> =>
  underLoad(server, { ...LOAD, ...change }, (measure) => measure(seconds, 0));

describe('a load', () => {
  it.each([...OWN, ...Object.values(C), NODE_NET])(
    'is carried by %s with no byte lost or wrong, beside silent connections',
    async (name) => {
      const server = await contestant(name);
      const { metrics, quantiles } = await measureEcho(server, { ...LOAD, connections: 8, idle: 20 }, SHORT, null);
      const known = echo.metrics.map((metric) => metric.name);
      for (const [metric, value] of Object.entries(metrics)) {
        expect(known).toContain(metric);
        expect(value).toBeGreaterThan(0);
      }
      expect(quantiles?.map(([quantile]) => quantile)).toEqual([0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1]);
      const latencies = quantiles?.map(([, latency]) => latency) ?? [];
      expect(latencies).toEqual(latencies.toSorted((a, b) => a - b));
      await server.settle();
    },
  );

  it.each([OWN[2], OWN[3], C.level, C.edge, C.poll, C.select])(
    'may be of messages that no buffer holds at once: %s',
    async (name) => {
      const result = await load(await contestant(name), { connections: 3, bytes: 3_000_001, idle: 5 }, 0.5);
      expect(result).toMatchObject({ bytesLost: 0, bytesWrong: 0 });
      expect(result.exchanged).toBeGreaterThan(0);
    },
  );

  it('goes on over the same connections as often as it is asked to', async () => {
    const counts = await underLoad(await contestant(C.level), LOAD, async (measure) => [
      (await measure(0.3, 0)).exchanged,
      (await measure(0.3, 0.05)).exchanged,
    ]);
    for (const count of counts) expect(count).toBeGreaterThan(0);
  });

  it.each([
    ['one wrong byte', 'if (state.count === 200) bytes[10] ^= 1; socket.write(bytes);', /faulty: 1 bytes wrong$/],
    ['a byte that does not come back', 'socket.write(state.count === 200 ? bytes.subarray(1) : bytes);', /bytes lost/],
    ['a byte that nobody sent', "socket.write(bytes); if (state.count === 200) socket.write('!');", /bytes wrong/],
    [
      'a silent connection that is closed',
      'socket.write(bytes); if (state.count === 200) state.sockets[0].destroy();',
      /faulty: 1 silent connections closed by the server$/,
    ],
    [
      'a connection that is reset',
      'if (state.count === 200) socket.resetAndDestroy(); else socket.write(bytes);',
      /failed/,
    ],
  ])('fails for %s', async (_, answer, message) => {
    await expect(load(await faulty(answer), { idle: 2 }, 0.5)).rejects.toThrow(message);
  });

  it('fails for connections that a server cannot hold, though they are silent', async () => {
    await expect(load(await contestant(OWN[0]), { idle: 1100 })).rejects.toThrow(/connections failed/);
  });

  it('is not over before the server has closed what was opened to it', async () => {
    const server = await faulty('socket.write(bytes);');
    await load(server, { idle: 30 });
    const { descriptors } = server;
    await server.settle();
    expect(server.descriptors).toBeLessThan(30);
    expect(server.descriptors).toBeLessThanOrEqual(descriptors);
  });
});

describe('an open loop', () => {
  /** Answers at once but for one stretch in which it does nothing at all. */
  const stalling = (ms: number) =>
    faulty(
      `if (state.count === 40) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ${ms}); socket.write(bytes);`,
    );

  it('counts from when a message was due: who is kept waiting by a stall is not left out', async () => {
    const part = (result: LoadResult, quantile: number) => result.quantiles.find(([one]) => one === quantile)?.[1] ?? 0;
    const open = await load(await stalling(400), { rate: 500 }, 0.8);
    const closed = await load(await stalling(400), {}, 0.8);
    // Half of the messages are due within the stall, spread over it; in a closed loop four of them notice it.
    expect(part(open, 0.75)).toBeGreaterThan(150_000);
    expect(part(open, 1)).toBeGreaterThan(300_000);
    expect(part(closed, 0.75)).toBeLessThan(part(open, 0.75));
    expect(open).toMatchObject({ bytesLost: 0, bytesWrong: 0 });
  });

  it('says how much a server that does not keep up was never sent, and counts that among the late', async () => {
    // It awakes when the time is over. Most messages became due meanwhile, and four were on their way.
    const result = await load(await stalling(900), { rate: 500 }, 0.4);
    expect(result.unsent).toBeGreaterThan(50);
    expect(result.latencyMicroseconds.median).toBeGreaterThan(150_000);
  });

  it('sends or counts what is due, all of it and no more', async () => {
    const begin = performance.now();
    const result = await load(await contestant(C.level), { rate: 1000 }, 0.4);
    const all = result.exchanged + (result.unsent ?? 0);
    expect(all).toBeGreaterThanOrEqual(400);
    expect(all).toBeLessThanOrEqual(performance.now() - begin);
  });

  it('takes its rates from a fixed list, so that two runs have the same', () => {
    expect(fixedRates(150_000, 2)).toEqual([50_000, 100_000]);
    expect(fixedRates(160_000, 2)).toEqual(fixedRates(140_000, 2));
    expect(fixedRates(0, 2)).toEqual([1000]);
  });
});

describe('system calls', async () => {
  const found = await findCallCounter();

  it.each([strace, ...(isMissing(found) ? [] : [found])])('are counted: $how', async (counter) => {
    const server = await contestant(C.level);
    const { result, calls } = await underLoad(server, { ...LOAD, connections: 1 }, (measure) =>
      counter.count(server.pid, () => measure(0.2, 0)),
    );
    // epoll_wait, recv, send.
    expect(calls.all / result.exchanged).toBeGreaterThan(2.9);
    expect(calls.all).toBeLessThan(3 * result.exchanged + 30);
    expect(calls.epollCtl).toBe(0);
  });

  it('fail to be counted of a process that is not there', async () => {
    await expect(strace.count(2 ** 22 + 1, async () => 1)).rejects.toThrow(/strace/);
  });
});

describe('a row', () => {
  const quiet: LoadResult = {
    ...{ messages: 100, exchanged: 100, messagesPerSecond: 100, seconds: 1, quantiles: [], idleClosed: 0 },
    ...{ latencyMicroseconds: { median: 10, p99: 20, p999: 30 }, serverMemory: 0, serverMemoryBefore: 0 },
    ...{ cpuShare: 0.5, waitShare: 0, serverCpuSeconds: 1, serverCpuShare: 1, serverWaitShare: 0 },
    ...{ serverVoluntarySwitches: 0, serverInvoluntarySwitches: 0 },
    ...{ bytesLost: 0, bytesWrong: 0, connectionFailures: 0 },
  };

  it('says when the generator had no time left, or sent too late', () => {
    expect(flagsOf(quiet)).toEqual([]);
    expect(flagsOf({ ...quiet, cpuShare: 0.97 })).toEqual(['generator-bound']);
    expect(flagsOf({ ...quiet, cpuShare: 1, lagMicroseconds: { median: 1, p99: 2 } })).toEqual([]);
    expect(flagsOf({ ...quiet, cpuShare: 1, lagMicroseconds: { median: 1, p99: 12 } })).toEqual(['generator-bound']);
  });

  it('says when either process was kept from its CPU', () => {
    expect(flagsOf({ ...quiet, waitShare: 0.1 })).toEqual(['disturbed']);
    expect(flagsOf({ ...quiet, serverWaitShare: 0.1 })).toEqual(['disturbed']);
  });
});

describe('what was measured', () => {
  const base = { active: 100, idle: 0, bytes: 64, rate: 0 };
  const rows = (ratio: number, flags: Parameters<typeof row>[4] = [], beside: typeof flags = []) => [
    row(
      'epoll-echo level',
      base,
      { messagesPerSecond: 100 },
      { [C.level]: { messagesPerSecond: ratio, cpu: 1 } },
      flags,
    ),
    row(C.level, base, { messagesPerSecond: 100 }, {}, beside),
  ];
  const met = (...args: Parameters<typeof rows>) => echo.judge(rows(...args)).map((target) => target.met);

  it('is held against C, where the machine was quiet and the generator not the limit', () => {
    expect(met(0.96)).toEqual([true, true]);
    expect(met(0.94)).toEqual([false, true]);
    expect(met(0.96, ['disturbed'])).toEqual([null, null]);
    expect(met(0.96, [], ['disturbed'])).toEqual([null, null]);
    // C might have been faster; who is slower than what C had is slower still.
    expect(met(0.96, [], ['generator-bound'])).toEqual([null, true]);
    expect(met(0.94, [], ['generator-bound'])).toEqual([false, true]);
    expect(met(0.96, ['generator-bound'])).toEqual([true, true]);
    expect(met(0.94, ['generator-bound'])).toEqual([null, true]);
  });

  it('is held against the same server without idle connections', () => {
    const pair = (rate: number) => [
      row('epoll-echo edge', base, { messagesPerSecond: 100 }),
      row('epoll-echo edge', { ...base, idle: 5000 }, { messagesPerSecond: rate }),
    ];
    expect(echo.judge(pair(91))).toMatchObject([{ met: true, value: 0.91 }]);
    expect(echo.judge(pair(89))).toMatchObject([{ met: false }]);
  });

  it('says what is left of what is told', () => {
    const four = (select: number, edge: number, controls: [number, number], flags: Flag[] = []) =>
      echo.claims([
        row('select-echo', base, { cpu: select, messagesPerSecond: 1 }),
        row('poll-echo', base, { cpu: 10, messagesPerSecond: 1 }, {}, flags),
        row('epoll-echo level', base, { cpu: 10, messagesPerSecond: 100, controls: controls[0] }),
        row('epoll-echo edge', base, { cpu: edge, messagesPerSecond: 102, controls: controls[1] }),
      ]);
    const verdicts = (...args: Parameters<typeof four>) => four(...args).map(({ verdict }) => verdict);
    expect(verdicts(11, 10, [0, 0])).toEqual(['holds', 'in part']);
    expect(verdicts(14, 8, [1, 0])).toEqual(['in part', 'does not hold']);
    expect(verdicts(20, 9.9, [1, 0])).toEqual(['does not hold', 'holds']);
    expect(verdicts(11, 10, [0, 0], ['disturbed'])).toEqual(['not measured', 'in part']);
    expect(four(11, 10, [0, 0])[0]?.measured).toContain('1.10 ×');
    expect(four(11, 10, [0, 0])[1]?.measured).toContain('1.02 ×');
    expect(echo.claims([]).map(({ verdict }) => verdict)).toEqual(['not measured', 'not measured']);
  });
});

describe('the contest', () => {
  it('names who is missing, and why', async () => {
    const { running, missing } = await startServers([
      { name: 'nowhere', command: ['/no/such/program'] },
      { name: 'mute', command: ['/bin/false'] },
      { name: 'shy', command: ['/bin/echo', 'hello'] },
      { name: 'absent', command: { missing: 'not installed' } },
    ]);
    expect(running.size).toBe(0);
    expect(Object.keys(missing).toSorted()).toEqual(['absent', 'mute', 'nowhere', 'shy']);
    expect(missing).toMatchObject({ absent: 'not installed', shy: expect.stringContaining("it said 'hello'") });
  });

  it('measures its cells, counts system calls, and leaves no process behind', async () => {
    const contest = await echo.open(context);
    let closed = false;
    onTestFinished(async () => {
      if (!closed) await contest.close();
    });
    const of = (name: string, idle: number, rated: boolean) =>
      contest.cells.find(
        ({ contestant: who, params }) =>
          who === name && params.idle === idle && params.active === 100 && Number(params.rate) > 0 === rated,
      );
    const base = await of(C.level, 0, false)?.measure();
    expect(base?.metrics.calls).toBeGreaterThan(1);
    const rated = await of(C.level, 0, true)?.measure();
    expect(rated?.metrics.messagesPerSecond).toBeGreaterThan(0);
    expect(contest.notes.join()).toMatch(/select holds 1,024/);
    const children = new Set(contest.cells.map(({ contestant: who }) => who));
    expect(children).toEqual(new Set([...OWN, C.level, C.edge, NODE_NET]));
    await contest.close();
    closed = true;
  }, 60_000);

  it('measures memory by a server that has had no connections before', async () => {
    const server = await contestant(C.level);
    const { metrics } = await measureEcho(server, { ...LOAD, idle: 8000 }, SHORT, null);
    // An entry of 24 bytes, in an array that grows, for each descriptor.
    expect(metrics.memory).toBeGreaterThan(0.01);
    expect(metrics.memory).toBeLessThan(1);
    expect((await measureEcho(server, LOAD, SHORT, null)).metrics).not.toHaveProperty('memory');
  });

  it('has every rival in the list that is there, with the command that brings those that are not', () => {
    for (const { name, command } of echoServers(1)) {
      if (isMissing(command)) expect(command.missing, name).toMatch(/npm run|apt-get/);
      else if (command[0].startsWith('/')) expect(existsSync(command[0]), name).toBe(true);
    }
  });
});
