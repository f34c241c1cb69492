// `npm run faults`: that it notices what a server loses or leaves open, and how it ends.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { Context, Row, Target } from '../../benchmarks/faults/fault.js';
import { FAULTS } from '../../benchmarks/faults/faults.js';
import { reportText } from '../../benchmarks/faults/report.js';
import type { Subject } from '../../benchmarks/faults/subject.js';
import { edge } from '../../benchmarks/faults/targets.js';
import { tallyOf, trial } from '../../benchmarks/faults/trial.js';
import { folder, root } from './support.js';

const command = join(root, 'dist/benchmarks/faults/main.js');
const fault = { name: 'a fault', summary: 'half-closes and resets' };
const load = { connections: 20, seconds: 0.3, most: 20_000, halfCloses: 50 };

function context(): Context {
  return { short: true, seed: 1, folder: folder() };
}

/** An echo server that does as it likes with each piece that comes. */
function faulty(answer: string): Target {
  const file = join(folder(), 'server.mjs');
  writeFileSync(
    file,
    `import { openSync } from 'node:fs';
     import { createServer } from 'node:net';
     let count = 0;
     const kept = [];
     process.on('SIGTERM', () => process.exit(0));
     createServer({ allowHalfOpen: true }, (socket) => {
       socket.on('error', () => {});
       socket.on('end', () => socket.end());
       socket.on('data', (bytes) => { count++; ${answer} });
     }).listen(0, '127.0.0.1', function () { console.log('faulty listening on 127.0.0.1:' + this.address().port); });`,
  );
  return { name: 'faulty', command: [process.execPath, file] };
}

async function tried(target: Target, options: Parameters<typeof trial>[3] = {}): Promise<Row> {
  const act = async (subject: Subject) => tallyOf(await subject.unruly(load), 'tried');
  return trial(fault, target, context(), options, act);
}

describe('a trial', () => {
  it('holds for a server that does its work, and counts what was checked', async () => {
    const row = await tried(edge);
    expect(row).toMatchObject({ verdict: 'held', bytesLost: 0, connectionsLost: 0, leftOpen: 0, problems: [] });
    expect(row.bytesChecked).toBeGreaterThan(10_000);
    expect(row.peakMemory).toBeGreaterThan(row.memoryGrowth);
  });

  it('is lost when a byte comes back as another', async () => {
    const row = await tried(faulty('if (count === 200) bytes[bytes.length >> 1] ^= 1; socket.write(bytes);'));
    expect(row).toMatchObject({ verdict: 'lost', bytesLost: 1, connectionsLost: 0 });
    expect(reportText([row], [])).toMatch(/^a fault +faulty .* lost$/m);
  });

  it('is lost when a connection ends before its echo has', async () => {
    const row = await tried(faulty('if (count === 200) socket.destroy(); else socket.write(bytes);'));
    expect(row).toMatchObject({ verdict: 'lost', connectionsLost: 1 });
    expect(row.problems.join()).toMatch(/a connection was lost: /);
  });

  it('is leaked when the server leaves a descriptor open', async () => {
    const row = await tried(faulty("if (count === 200) kept.push(openSync('/dev/null')); socket.write(bytes);"));
    expect(row).toMatchObject({ verdict: 'leaked', leftOpen: 1, bytesLost: 0, connectionsLost: 0 });
  });

  it('grew when the server took more memory than it may', async () => {
    expect(
      await tried(faulty('if (count % 8 === 0) kept.push(Buffer.alloc(1 << 20, 1)); socket.write(bytes);'), {
        growth: 1 << 20,
      }),
    ).toMatchObject({ verdict: 'grew' });
  });

  it('fails when the server ends, or never says where it listens', async () => {
    const ends = await tried(faulty("if (count === 200) throw new Error('enough'); socket.write(bytes);"));
    expect(ends.verdict).not.toBe('held');
    expect(ends.problems.join()).toContain('it ended with 1');
    const mute = await tried({ name: 'mute', command: [process.execPath, '-e', 'console.log("hello")'] });
    expect(mute).toMatchObject({ verdict: 'failed', problems: ["it said 'hello', not where it listens"] });
  });
});

describe('npm run faults', () => {
  const run = (...args: string[]) => {
    const temporary = folder();
    const env = { ...process.env, TMPDIR: temporary };
    const child = spawn(process.execPath, [command, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
    const said = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr'] as const) {
      child[name].setEncoding('utf8').on('data', (text: string) => {
        said[name] += text;
      });
    }
    return { child, said, temporary, exit: once(child, 'close') };
  };

  it('has a fault for each line of what is promised, each with a name of its own', () => {
    expect(new Set(FAULTS.map(({ name }) => name)).size).toBe(FAULTS.length);
    const page = readFileSync(join(root, 'docs/faults.md'), 'utf8');
    for (const { name } of FAULTS) expect(page).toContain(`\`${name}\``);
  });

  it('ends with the table, and writes it as JSON', async () => {
    const json = join(folder(), 'faults.json');
    const { said, exit } = run('half-closes', '--short', '--seed', '7', '--json', json);
    expect(await exit).toEqual([0, null]);
    expect(said.stdout).toMatch(/^half-closes +epoll-echo edge .* held$/m);
    expect(said.stdout).toMatch(/^2 trials, 2 held\. .* lost beyond those: 0\. .* Descriptors left open: 0\.$/m);
    const result = JSON.parse(readFileSync(json, 'utf8'));
    expect(result).toMatchObject({
      schema: 'fdmux-faults',
      version: 1,
      seed: 7,
      short: true,
      complete: true,
      skips: [],
    });
    expect(result.rows).toHaveLength(2);
    expect(result.totals).toMatchObject({ trials: 2, held: 2, bytesLost: 0, connectionsLost: 0 });
  }, 60_000);

  it.each([
    [['nonsense'], /^faults: unknown fault 'nonsense': known are connections, /],
    [['--seed', 'x'], /^faults: option '--seed <number>' argument 'x' is invalid\. It takes an integer/],
    [['--fast'], /^faults: unknown option '--fast'/],
  ])('%s is wrong usage', async (args, words) => {
    const { said, exit } = run(...args);
    expect(await exit).toEqual([2, null]);
    expect(said.stderr).toMatch(words);
  });

  it('says at once that a file cannot be written', async () => {
    const { said, exit } = run('--json', '/nowhere/faults.json');
    expect(await exit).toEqual([1, null]);
    expect(said.stderr).toMatch(/^faults: --json: \/nowhere\/faults.json cannot be written: /);
  });

  it('interrupted, ends every process that it has started, and keeps the table so far', async () => {
    const { child, said, temporary, exit } = run('resets');
    const pid = child.pid as number;
    const children = (): string[] =>
      readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
    // A server and its clients.
    await vi.waitUntil(() => children().length >= 2, { timeout: 20_000 });
    const started = children();
    expect(readdirSync(temporary)).toHaveLength(1);
    child.kill('SIGTERM');
    expect(await exit).toEqual([143, null]);
    expect(said.stderr).toContain('faults: interrupted');
    expect(said.stdout).toContain('0 trials');
    await vi.waitUntil(() => started.every((one) => !existsSync(`/proc/${one}`)), { timeout: 20_000 });
    expect(readdirSync(temporary)).toEqual([]);
  });
});
