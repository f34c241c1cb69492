// What the workload `http` stands on: every server serves the same page, the generator sees when one does not, and nobody is
// left behind.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { HttpLoad, Running } from '../../benchmarks/http/load.js';
import type { Context, Row } from '../../benchmarks/workload.js';
import { needs, root } from '../support/processes.js';
import { within } from '../support/servers.js';

/** Compiled, for what they start is. */
const built = <Module>(path: string): Promise<Module> => import(/* @vite-ignore */ `${root}dist/benchmarks/${path}.js`);
const { httpServers } = await built<typeof import('../../benchmarks/http/contestants.js')>('http/contestants');
const { ownLoad, wrkLoad } = await built<typeof import('../../benchmarks/http/load.js')>('http/load');
const { PATH, page } = await built<typeof import('../../benchmarks/http/page.js')>('http/page');
const { start } = await built<typeof import('../../benchmarks/measure/children.js')>('measure/children');
const { describeMachine } = await built<typeof import('../../benchmarks/measure/machine.js')>('measure/machine');
const { http } = await built<typeof import('../../benchmarks/workloads/http.js')>('workloads/http');

const generator = `${root}build/Release/http-load`;
const load: HttpLoad = { connections: 3, close: false, seconds: 0.05, warmup: 0, setup: 20 };

/** Runs a contestant, and ends it with the test. */
async function run(name: string): Promise<Running> {
  const { command } = httpServers.find((server) => server.name === name) ?? { command: { missing: 'unknown' } };
  if ('missing' in command) throw new Error(command.missing);
  const child = start(command[0], command.slice(1));
  onTestFinished(() => child.end());
  const port = /:(\d+)$/.exec(await child.line(20_000))?.[1] as string;
  return { name, pid: child.pid, port };
}

/** What is said to requests, of which the last one ends the connection. */
async function say(port: string, requests: string): Promise<string> {
  const socket = connect(Number(port), '127.0.0.1');
  onTestFinished(() => {
    socket.destroy();
  });
  let heard = '';
  socket.setEncoding('latin1').on('data', (text) => {
    heard += text;
  });
  socket.write(requests);
  await within(new Promise((resolve) => socket.once('close', resolve)), 'the end of the connection');
  return heard;
}

/** A server that says the same to each request. */
async function impostor(answer: string): Promise<Running> {
  const server = createServer({ noDelay: true }, (socket) => {
    socket.on('error', () => {});
    socket.on('data', () => (answer === '' ? socket.end() : socket.write(answer, 'latin1')));
  });
  onTestFinished(() => {
    server.close();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { name: 'impostor', pid: process.pid, port: String((server.address() as AddressInfo).port) };
}

const GET = `GET ${PATH} HTTP/1.1\r\nHost: localhost\r\n`;
const names = httpServers.map(({ name }) => name);
const text = page.toString('latin1');

describe('every contestant', () => {
  test.each(names)('%s serves the page, byte by byte, also when requests come together or in pieces', async (name) => {
    const { port } = await run(name);
    const answers = await say(port, `${GET}\r\n${GET}\r\n${GET}Connection: close\r\n\r\n`);
    const bodies = answers.split(/HTTP\/1\.1 200 OK\r\n(?:[^\r]+\r\n)+\r\n/);
    expect(bodies).toEqual(['', text, text, text]);
  });

  test('that differs in its loop alone says the same to the letter', async () => {
    const said = new Set<string>();
    for (const name of names.filter((name) => name !== 'web' && name !== 'node:http')) {
      const { port } = await run(name);
      said.add(await say(port, `${GET}\r\n${GET}Connection: close\r\n\r\n`));
      said.add(await say(port, `GET /else HTTP/1.0\r\n\r\n`));
      said.add(await say(port, `nonsense\r\n\r\n`));
    }
    expect([...said].map((answer) => answer.split(' ', 2)[1])).toEqual(['200', '404', '400']);
  });

  test.each(names)(
    '%s is measured: requests, latency, CPU and memory, of 3 connections and of one for each',
    async (name) => {
      const server = await run(name);
      const alone = name === 'blocking';
      // On a busy machine a thread or a process may not run at all for a while.
      const long = { ...load, seconds: 1 };
      const kept = await ownLoad(generator, server, { ...long, setup: alone ? 1 : 20 });
      expect(kept).toMatchObject({ answered: alone ? 1 : 3, ready: !alone, wrong: 0, failures: 0 });
      expect(kept.fairness).toBeGreaterThan(alone ? 0.3 : 0.34);
      const each = await ownLoad(generator, server, { ...long, close: true });
      for (const { requests, serverCpuSeconds, serverMemory, latencyMicroseconds } of [kept, each]) {
        expect(requests).toBeGreaterThan(0);
        expect(serverCpuSeconds).toBeGreaterThan(0);
        expect(serverMemory).toBeGreaterThan(2 ** 20);
        expect(latencyMicroseconds.map(([part]) => part)).toEqual([0.5, 0.75, 0.9, 0.99, 0.999]);
      }
      if (name === 'process') expect(kept.serverProcesses).toBe(4);
    },
  );
});

describe('the generator', () => {
  const answer = (status: string, length: number, body: string): string =>
    `HTTP/1.1 ${status}\r\nContent-Length: ${length}\r\n\r\n${body}`;
  const other = `${text.slice(0, -1)}#`;

  test.each([
    ['another status', answer('404 Not Found', text.length, text), 'the status is not 200'],
    ['one other byte', answer('200 OK', text.length, other), "the body is another page's"],
    ['a shorter page', answer('200 OK', text.length - 1, text.slice(1)), "the length is another page's"],
    ['no length', `HTTP/1.1 200 OK\r\n\r\n${text}`, 'no length'],
    ['two lengths', answer(`200 OK\r\nContent-Length: ${text.length}`, text.length, text), 'two lengths'],
    ['more than the page', answer('200 OK', text.length, `${text}!`), 'more than the page'],
    ['a header without end', `HTTP/1.1 200 OK\r\n${'X: y\r\n'.repeat(2000)}`, 'a header without end'],
    ['no answer', '', 'the connection ended early'],
  ])('notices %s', async (_, said, why) => {
    const server = await impostor(said);
    await expect(ownLoad(generator, server, load)).rejects.toThrow(why);
  });

  test('measures as many answers as it is asked for, however long they take', async () => {
    const slow = createServer({ noDelay: true }, (socket) => {
      socket.on('error', () => {});
      socket.on('data', () => setTimeout(() => socket.write(answer('200 OK', text.length, text), 'latin1'), 20));
    });
    onTestFinished(() => {
      slow.close();
    });
    await new Promise<void>((resolve) => slow.listen(0, '127.0.0.1', resolve));
    const { port } = slow.address() as AddressInfo;
    const server: Running = { name: 'slow', pid: process.pid, port: String(port) };
    const { requests, seconds } = await ownLoad(generator, server, { ...load, connections: 1, least: 7 });
    expect(requests).toBe(7);
    expect(seconds).toBeGreaterThan(load.seconds);
  });

  test.each([
    ['answers all', 3, 1],
    ['forgets one after its first answer', 2, 2 / 3],
    ['forgets all but one after their first answers', 1, 1 / 3],
  ])('tells how many were answered, and how evenly, by a server that %s', async (_, remembered, fairness) => {
    let came = 0;
    let asking: Socket[] = [];
    const say = (socket: Socket) => socket.write(answer('200 OK', text.length, text), 'latin1');
    const server = createServer({ noDelay: true }, (socket) => {
      const forgotten = ++came > remembered;
      socket.on('error', () => {});
      // Each is answered once; then those that are remembered, all at a time.
      socket.once('data', () => {
        say(socket);
        if (forgotten) return;
        socket.on('data', () => {
          asking.push(socket);
          if (asking.length < remembered) return;
          for (const each of asking) say(each);
          asking = [];
        });
      });
    });
    onTestFinished(() => {
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const running: Running = { name: 'forgetful', pid: process.pid, port: String(port) };
    const result = await ownLoad(generator, running, { ...load, least: 100 });
    expect(result).toMatchObject({ ready: true, answered: remembered });
    expect(result.fairness).toBeCloseTo(fairness, 2);
  });

  test('notices a body that ends early', async () => {
    const short = createServer((socket) => {
      socket.on('error', () => {});
      socket.on('data', () => socket.end(answer('200 OK', text.length, text.slice(0, -1)), 'latin1'));
    });
    onTestFinished(() => {
      short.close();
    });
    await new Promise<void>((resolve) => short.listen(0, '127.0.0.1', resolve));
    const server = { name: 'short', pid: process.pid, port: String((short.address() as AddressInfo).port) };
    await expect(ownLoad(generator, server, load)).rejects.toThrow('the connection ended early');
  });

  test('loads nobody but loopback', async () => {
    const child = start(generator, ['192.0.2.1', '80', '--path', PATH, '--body', `${root}package.json`]);
    await expect(child.line()).rejects.toThrow('HOST is an address of 127.0.0.0/8');
  });

  test('tells what wrk measured and what the server used meanwhile', async (ctx) => {
    needs(ctx, 'wrk');
    const server = await run('epoll level');
    const result = await wrkLoad(generator, server, 2);
    expect(result.requests).toBeGreaterThan(0);
    expect(result.serverCpuSeconds).toBeGreaterThan(0);
    expect(result.cpuSeconds).toBeGreaterThan(0);
    expect(result.seconds).toBeGreaterThan(0.5);
    expect(result.latencyMicroseconds.map(([part]) => part)).toEqual([0.5, 0.75, 0.9, 0.99, 0.999]);
  });

  test('takes an error that wrk saw for one', async (ctx) => {
    needs(ctx, 'wrk');
    const server = await impostor(answer('404 Not Found', text.length, text));
    await expect(wrkLoad(generator, server, 2)).rejects.toThrow(/wrk counts [1-9]\d* errors/);
  });
});

describe('the workload', () => {
  const context: Context = { quick: true, machine: describeMachine(), cpus: null, threads: 11 };

  /** The processes of this one, theirs and so on. */
  function descendants(pid: number): number[] {
    const path = `/proc/${pid}/task`;
    if (!existsSync(path)) return [];
    const children = readdirSync(path).flatMap((tid) => {
      try {
        return readFileSync(`${path}/${tid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
      } catch {
        return [];
      }
    });
    return children.flatMap((child) => [child, ...descendants(child)]);
  }

  test('measures each contestant, and leaves nobody behind', async () => {
    const before = descendants(process.pid);
    const contest = await http.open(context);
    const started = descendants(process.pid).filter((pid) => !before.includes(pid));
    expect(contest.missing).toEqual({});
    expect(started.length).toBeGreaterThanOrEqual(names.length);
    try {
      for (const cell of contest.cells.filter(({ params }) => params.connections === 1)) {
        const { metrics } = await cell.measure();
        expect(Object.keys(metrics).sort()).toEqual(http.metrics.map(({ name }) => name).sort());
        for (const value of Object.values(metrics)) expect(value).toBeGreaterThan(0);
      }
      const one = contest.cells.find(
        ({ contestant, params }) => contestant === 'blocking' && params.connections === 50,
      );
      expect((await one?.measure())?.metrics).toMatchObject({ served: 2, fairness: expect.closeTo(0.02, 5) });
    } finally {
      await contest.close();
    }
    expect(started.filter((pid) => existsSync(`/proc/${pid}`))).toEqual([]);
    expect(contest.notes.join('\n')).toContain('measured by our own generator: wrk counts in whole seconds');
  }, 120_000);

  const loads = async (): Promise<[string[], string]> => {
    const contest = await http.open({ ...context, quick: false });
    await contest.close();
    const loads = contest.cells.filter(({ params }) => params.connections === 50).map(({ params }) => `${params.load}`);
    return [[...new Set(loads)], contest.notes.join('\n')];
  };

  test('is measured by wrk where it is there and fits', async (ctx) => {
    needs(ctx, 'wrk');
    const [names, notes] = await loads();
    expect(names).toEqual(['wrk', 'http-load']);
    expect(notes).toContain('wrk measures 50 connections that stay');
  }, 120_000);

  test('is measured by our own generator where wrk is missing, and says so', async () => {
    vi.stubEnv('PATH', '/nowhere');
    onTestFinished(() => {
      vi.unstubAllEnvs();
    });
    const [names, notes] = await loads();
    expect(names).toEqual(['http-load']);
    expect(notes).toContain('wrk is not installed: measured by our own generator');
  }, 120_000);

  const row = (contestant: string, params: Row['params'], metrics: Record<string, number>): Row => {
    const figures = Object.entries(metrics).map(([name, value]) => [
      name,
      { median: value, min: value, max: value, rounds: [value] },
    ]);
    return { contestant, params, metrics: Object.fromEntries(figures), ratios: {}, flags: [] };
  };

  test('holds the claims of document 004 against the rows, and says what it did not measure', () => {
    expect(http.claims([]).map(({ verdict }) => verdict)).toEqual(http.claims([]).map(() => 'not measured'));
    const many = { connections: 50, mode: 'kept' };
    /** With how many times what epoll, level, did in a round: at least and at most. */
    const against = (contestant: string, min: number, max: number, flags: Row['flags'] = []): Row => ({
      ...row(contestant, many, { rate: 100 * max }),
      ratios: { 'epoll level': { rate: { median: (min + max) / 2, min, max } } },
      flags,
    });
    const verdicts = (edge: Row, poll: Row): string[] => {
      const slow = ['blocking', 'select', 'nonblocking'].map((name) => against(name, 0.1, 0.2));
      const claims = http.claims([row('epoll level', many, { rate: 100 }), edge, poll, ...slow]);
      return claims.slice(0, 2).map(({ verdict }) => verdict);
    };
    expect(verdicts(against('epoll edge', 1.1, 1.3), against('poll', 0.5, 0.9))).toEqual(['holds', 'holds']);
    expect(verdicts(against('epoll edge', 0.9, 1.3), against('poll', 0.5, 1.1))).toEqual(['in part', 'in part']);
    expect(verdicts(against('epoll edge', 0.8, 0.9), against('poll', 1.2, 1.3))).toEqual([
      'does not hold',
      'does not hold',
    ]);
    // What something else on the machine slowed down says nothing.
    expect(verdicts(against('epoll edge', 1.1, 1.3, ['disturbed']), against('poll', 0.5, 0.9, ['disturbed']))).toEqual([
      'not measured',
      'not measured',
    ]);
  });
});
