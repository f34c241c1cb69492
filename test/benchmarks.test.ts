import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it, vi } from 'vitest';
import type { EchoReport } from '../benchmarks/echo.js';
import { allowedCpus, describeMachine, threads } from '../benchmarks/measure/machine.js';
import { median, ratio, spread } from '../benchmarks/measure/statistics.js';
import { table } from '../benchmarks/measure/table.js';
import { ahead, atLeast, atMost, targetLines, unlessDisturbed } from '../benchmarks/measure/targets.js';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'fdmux-benchmarks-'));
afterAll(() => rmSync(folder, { recursive: true }));

interface Run {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a compiled benchmark to its end. */
function run(name: string, ...args: string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(root, 'dist/benchmarks', name), ...args], (error, stdout, stderr) => {
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, stdout, stderr });
    });
  });
}

async function report<Report>(name: string, ...args: string[]): Promise<Run & { report: Report }> {
  const file = join(folder, `${name}.json`);
  const result = await run(name, ...args, '--json', file);
  return { ...result, report: JSON.parse(readFileSync(file, 'utf8')) as Report };
}

/** A server for --server: an echo server that may change what it sends back. */
function server(name: string, answer: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(
    file,
    `import { createServer } from 'node:net';
     const server = createServer({ noDelay: true }, (socket) => {
       socket.on('error', () => {});
       socket.on('data', (bytes) => { ${answer} });
     });
     server.listen(0, '127.0.0.1', () => console.log('listening on 127.0.0.1:' + server.address().port));`,
  );
  return `${name}=${process.execPath} ${file}`;
}

const quick = ['--rounds', '1', '--seconds', '0.2', '--warmup', '0.1', '--connections', '8'];

describe('statistics', () => {
  it('takes the middle of rounds in any order, and the mean of two middles', () => {
    expect(median([9, 1, 5])).toBe(5);
    expect(median([4, 1, 2, 100])).toBe(3);
    expect(median([7])).toBe(7);
    expect(() => median([])).toThrow(RangeError);
  });

  it('leaves what it is given as it was', () => {
    const values = [3, 1, 2];
    median(values);
    expect(values).toEqual([3, 1, 2]);
  });

  it('says how far the rounds lie apart', () => {
    expect(spread([10, 30, 20])).toEqual({ median: 20, min: 10, max: 30 });
  });

  it('compares within each round: a slow round slows both, and does not show', () => {
    expect(ratio([120, 1200, 120], [100, 1000, 100])).toEqual({ median: 1.2, min: 1.2, max: 1.2 });
    expect(() => ratio([1, 2], [1])).toThrow(RangeError);
  });
});

describe('what is printed', () => {
  it('aligns figures to the right under their heads', () => {
    expect(
      table(
        ['call', 'ns'],
        [
          ['poll', '5'],
          ['epoll_wait', '120'],
        ],
      ),
    ).toBe(['call         ns', 'poll          5', 'epoll_wait  120'].join('\n'));
  });

  it('says of each target whether it is met', () => {
    expect(atMost('a', 1.25, 'C', 1.25).met).toBe(true);
    expect(atMost('a', 1.25, 'C', 1.26).met).toBe(false);
    expect(atLeast('a', 0.95, 'C', 0.95).met).toBe(true);
    expect(atLeast('a', 0.95, 'C', 0.94).met).toBe(false);
    expect(ahead('a', 'koffi', 1).met).toBe(false);
    expect(targetLines([atMost('a', 1.25, 'C', 2)])).toContain('NOT MET');
    expect(targetLines([{ ...atMost('a', 1.25, 'C', 2), met: null }])).toContain('unknown');
  });

  it('judges nothing by a row that something else on the machine disturbed', () => {
    expect(unlessDisturbed(atMost('a', 1, 'C', 2), { flags: [] }, { flags: ['disturbed'] }).met).toBeNull();
    expect(unlessDisturbed(atMost('a', 1, 'C', 2), { flags: ['generator-bound'] }).met).toBe(false);
  });

  it('describes the machine', () => {
    expect(describeMachine()).toMatchObject({ node: process.version, arch: process.arch });
    expect(threads('self')).toBeGreaterThan(1);
    expect(allowedCpus().length).toBeGreaterThan(0);
  });
});

describe('bench:echo', () => {
  it('measures each server with no byte lost or wrong, beside the C server of its trigger', async () => {
    const { code, report: made } = await report<EchoReport>(
      'echo.js',
      ...quick,
      ...['--only', 'epoll-echo edge,select-echo,C epoll edge,C epoll level,node:net', '--idle', '20'],
    );
    expect(code).toBe(0);
    expect(made.missing).toEqual({});
    expect(made.servers.map(({ server }) => server)).toEqual([
      ...['epoll-echo edge', 'select-echo', 'C epoll edge', 'C epoll level', 'node:net'],
    ]);
    for (const figures of made.servers) {
      expect(figures).toMatchObject({ bytesLost: 0, bytesWrong: 0, connectionFailures: 0, idleClosed: 0 });
      expect(figures.messagesPerSecond.median).toBeGreaterThan(0);
      expect(figures.cpuPerMessage.median).toBeGreaterThan(0);
      expect(figures.latencyMicroseconds.p999).toBeGreaterThanOrEqual(figures.latencyMicroseconds.median);
      expect(figures.serverCpuShare).toBeGreaterThan(0);
      expect(figures.generatorCpuShare).toBeGreaterThan(0);
      expect(figures.waitShare).toBeGreaterThanOrEqual(0);
      expect(figures.toNodeNet?.median).toBeGreaterThan(0);
    }
    expect(made.servers[0]?.toC?.messagesPerSecond.median).toBeGreaterThan(0);
    expect(made.servers[2]?.toC?.cpuPerMessage.median).toBe(1);
    // Three for each server of fdmux.
    expect(made.targets).toHaveLength(6);
    expect(made.load).toEqual({ connections: 8, idle: 20, bytes: 64, seconds: 0.2, warmup: 0.1 });
  }, 60_000);

  it('carries messages that no buffer holds at once', async () => {
    const { code, report: made } = await report<EchoReport>(
      'echo.js',
      ...quick,
      ...['--only', 'epoll-echo level,C epoll edge,C epoll level', '--bytes', '3000001', '--connections', '3'],
    );
    expect(code).toBe(0);
    for (const figures of made.servers) expect(figures).toMatchObject({ bytesLost: 0, bytesWrong: 0 });
  }, 60_000);

  it('sees one wrong byte, and fails', async () => {
    const {
      code,
      stdout,
      report: made,
    } = await report<EchoReport>(
      'echo.js',
      ...quick,
      ...['--server', server('forger', 'bytes[10] ^= 1; socket.write(bytes);'), '--only', 'forger'],
    );
    expect(code).toBe(1);
    expect(made.servers[0]?.bytesWrong).toBeGreaterThan(0);
    expect(stdout).toContain('bytes wrong');
  }, 60_000);

  it('sees bytes that do not come back, and ones that nobody sent', async () => {
    const { code, report: made } = await report<EchoReport>(
      'echo.js',
      ...quick,
      ...['--server', server('miser', 'socket.write(bytes.subarray(1));')],
      ...['--server', server('babbler', "socket.write(bytes); socket.write('!');")],
      ...['--only', 'miser,babbler'],
    );
    expect(code).toBe(1);
    expect(made.servers[0]?.bytesLost).toBeGreaterThan(0);
    expect(made.servers[1]?.bytesWrong).toBeGreaterThan(0);
  }, 60_000);

  it('skips a server that cannot be started, and says why', async () => {
    const {
      code,
      stdout,
      report: made,
    } = await report<EchoReport>(
      'echo.js',
      ...quick,
      ...[
        '--server',
        'nowhere=/no/such/program',
        '--server',
        'mute=/bin/false',
        '--only',
        'nowhere,mute,C epoll level',
      ],
    );
    expect(code).toBe(0);
    expect(Object.keys(made.missing)).toEqual(['nowhere', 'mute']);
    expect(stdout).toContain('mute: skipped: ');
    expect(made.servers.map(({ server }) => server)).toEqual(['C epoll level']);
  }, 60_000);

  it('leaves no process behind on Ctrl-C', async () => {
    const bench = spawn(process.execPath, [join(root, 'dist/benchmarks/echo.js'), '--only', 'C epoll level'], {
      stdio: 'ignore',
    });
    const pid = bench.pid as number;
    const children = (): number[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean).map(Number);
    // The server and the generator.
    await vi.waitUntil(() => children().length === 2, { timeout: 10_000 });
    const started = children();
    bench.kill('SIGINT');
    expect(await once(bench, 'exit')).toEqual([130, null]);
    await vi.waitUntil(() => started.every((child) => !existsSync(`/proc/${child}`)), { timeout: 5000 });
  });

  it('refuses a server that it does not know', async () => {
    const { code, stderr } = await run('echo.js', '--only', 'kqueue-echo');
    expect(code).toBe(2);
    expect(stderr).toContain("there is no 'kqueue-echo' among epoll-echo edge");
  });
});
