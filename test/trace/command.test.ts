/** `fdmux trace`, as a user runs it. */
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type KeptTrace, parseTrace } from 'fdmux/trace';
import { afterAll, describe, expect, test } from 'vitest';
import { type Child, root, start } from '../support/processes.js';
import { FDMUX } from '../support/servers.js';

const folder = mkdtempSync(join(tmpdir(), 'fdmux-trace-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string): string => join(folder, name);

function traceCommand(...args: string[]): Child {
  return start(process.execPath, [FDMUX, 'trace', ...args]);
}

/** A script that finds fdmux where this package lies. */
function script(name: string, body: string): string {
  writeFileSync(file(name), `import * as sys from '${root}/dist/src/sys/index.js';\n${body}`);
  return file(name);
}

const kept = (name: string): KeptTrace => parseTrace(readFileSync(file(name), 'utf8'));
const names = ({ calls }: KeptTrace): string[] => calls.map(({ name }) => name);

describe('a script', () => {
  test('has its own stdin and stdout, arguments and exit code; its calls stand on stderr', async () => {
    const path = script(
      'plain.mjs',
      `const buffer = Buffer.alloc(64);
       const count = sys.read(0, buffer);
       sys.write(1, buffer, 0, count);
       console.log(process.argv.slice(2), process.env.FDMUX_TRACE);
       process.exitCode = 5;`,
    );
    const child = traceCommand(path, '--', '--only', '-x');
    child.process.stdin.end('in\n');
    const { code, stdout, stderr } = await child.ended;
    expect(stdout).toBe("in\n[ '--only', '-x' ] undefined\n");
    expect(code).toBe(5);
    expect(stderr).toBe(
      `${'read(0, "in\\n", 64)'.padEnd(39)} = 3\n${'write(1, "in\\n", 3)'.padEnd(39)} = 3\n+++ exited with 5 +++\n`,
    );
  });

  test('is told of live, call by call', async () => {
    const path = script('live.mjs', `sys.close(-1); sys.read(0, Buffer.alloc(8)); sys.dup(-1);`);
    const child = traceCommand('-o', '-', path);
    expect(await child.line()).toMatch(/^close\(-1\) .*EBADF/);
    child.process.stdin.end('x');
    expect(await child.line()).toMatch(/^read\(0, "x", 8\)/);
    expect(await child.line()).toMatch(/^dup\(-1\)/);
    expect((await child.ended).code).toBe(0);
  });

  test('has its workers traced, each line with its thread', async () => {
    const path = script(
      'workers.mjs',
      `import { Worker, isMainThread } from 'node:worker_threads';
       sys.close(-1);
       if (isMainThread) {
         const worker = new Worker(new URL(import.meta.url));
         await new Promise((resolve) => worker.on('exit', resolve));
         sys.dup(-1);
       }`,
    );
    const child = traceCommand('--json', file('workers.json'), '-o', file('workers.txt'), path);
    expect((await child.ended).code).toBe(0);
    const { header, calls } = kept('workers.json');
    expect(calls.map(({ name, thread }) => [name, thread === header.pid])).toEqual([
      ['close', true],
      ['close', false],
      ['dup', true],
    ]);
    const worker = calls[1]?.thread;
    const lines = readFileSync(file('workers.txt'), 'utf8').split('\n');
    expect(lines[0]).toMatch(/^close/);
    expect(lines[1]).toMatch(new RegExp(`^\\[pid +${worker}\\] close`));
    expect(lines[2]).toMatch(new RegExp(`^\\[pid +${header.pid}\\] dup`));
    const starts = calls.map(({ start }) => start);
    expect(starts).toEqual([...starts].sort((a, b) => a - b));
  });

  test('has its own processes left alone', async () => {
    const path = script(
      'forks.mjs',
      `import { fork } from 'node:child_process';
       sys.close(-1);
       if (process.argv[2] !== 'child') {
         const child = fork(process.argv[1], ['child']);
         process.exitCode = await new Promise((resolve) => child.on('exit', resolve));
       }`,
    );
    const { code, stderr } = await traceCommand(path).ended;
    expect([code, stderr.match(/close/g)?.length]).toEqual([0, 1]);
  });

  test('that has another copy of fdmux is traced through that one', async () => {
    const copy = file('elsewhere/node_modules/fdmux');
    // Not a link to the whole: Node.js would see through it.
    for (const part of ['package.json', 'dist/src', 'build/Release/fdmux.node']) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    writeFileSync(file('elsewhere/copy.mjs'), `import * as sys from 'fdmux/sys';\nsys.close(-1);`);
    const { stderr } = await traceCommand(file('elsewhere/copy.mjs')).ended;
    expect(stderr).toMatch(/^close\(-1\)/);
  });

  test('that is killed leaves all it had done', async () => {
    const path = script('killed.mjs', `sys.close(-1); process.kill(process.pid, 'SIGKILL');`);
    const { code, stderr } = await traceCommand(path).ended;
    expect(code).toBe(128 + 9);
    expect(stderr).toMatch(/^close\(-1\).*\n\+\+\+ killed by SIGKILL \+\+\+\n$/);
  });

  test('that makes no call is said to', async () => {
    const path = script('none.mjs', '');
    expect((await traceCommand(path).ended).stderr).toMatch(/\nfdmux: no system call was made through fdmux\n$/);
    const { stderr } = await traceCommand('--only', 'poll', script('other.mjs', 'sys.close(-1);')).ended;
    expect(stderr).toMatch(/\nfdmux: no call of those asked for was made through fdmux\n$/);
  });
});

describe('a program', () => {
  test('serves, is stopped by a signal to the command, and its trace has the forms asked for', async () => {
    const child = traceCommand(
      ...['--json', file('echo.json'), '--chrome', file('echo.chrome.json'), '--html', file('echo.html'), 'epoll-echo'],
      ...['--', '--port', '0', '--quiet', '--trigger', 'level'],
    );
    const port = Number((await child.line()).split(':').at(-1));
    const client = connect(port, '127.0.0.1');
    client.write('hello');
    expect(String((await once(client, 'data'))[0])).toBe('hello');
    const closed = once(client, 'close');
    client.end();
    await closed;
    child.process.kill('SIGTERM');
    const { code, stderr } = await child.ended;
    expect([code, stderr]).toEqual([0, '']);
    const trace = kept('echo.json');
    expect(trace.header.command).toEqual(['epoll-echo', '--port', '0', '--quiet', '--trigger', 'level']);
    expect(names(trace)).toEqual(expect.arrayContaining(['socket', 'epoll_wait', 'accept4', 'recv', 'send', 'close']));
    expect(trace.end).toEqual({ dropped: 0, code: 0 });
    const chrome = JSON.parse(readFileSync(file('echo.chrome.json'), 'utf8')) as { traceEvents: { ph: string }[] };
    expect(chrome.traceEvents.filter(({ ph }) => ph === 'X')).toHaveLength(trace.calls.length);
    expect(readFileSync(file('echo.html'), 'utf8')).toMatch(/^<!doctype html>.*epoll-echo --port 0/is);
  });

  test('or an experiment tells of wrong usage itself', async () => {
    const { code, stderr } = await traceCommand('epoll-echo', '--', '--port', 'x').ended;
    expect(code).toBe(2);
    expect(stderr).toMatch(/^fdmux: option '--port <number>' argument 'x' is invalid/m);
    expect((await traceCommand('level-and-edge', '-o', file('lab.txt')).ended).stdout).toMatch(/as expected/i);
    expect(readFileSync(file('lab.txt'), 'utf8')).toMatch(/^epoll_wait\(\d+, \[\], 8, 0\) += 0$/m);
  });
});

describe('a kept trace', () => {
  const path = (): string => script('kept.mjs', `sys.close(-1); sys.dup(-1); sys.close(-2);`);

  test('is shown in any form, filtered, without running anything', async () => {
    await traceCommand('--json', file('kept.json'), path()).ended;
    const { code, stdout, stderr } = await traceCommand('--from', file('kept.json'), '--only', 'close').ended;
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^close\(-1\).*\nclose\(-2\).*\n\+\+\+ exited with 0 \+\+\+\n$/);
    const times = await traceCommand('--from', file('kept.json'), '-T', '-r', '-tt').ended;
    expect(times.stdout).toMatch(/^\d\d:\d\d:\d\d\.\d{6} \(\+ {5}0\.000000\) close\(-1\) = .* <0\.\d{6}>\n/);
    const again = await traceCommand('--from', file('kept.json'), '--json', '-').ended;
    expect(again.stdout).toBe(readFileSync(file('kept.json'), 'utf8'));
  });

  test('stands beside another on one page', async () => {
    await traceCommand('--json', file('one.json'), path()).ended;
    const two = ['--from', file('one.json'), '--from', file('one.json'), '--html', file('two.html')];
    expect(await traceCommand(...two).ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    const beside = ['--html', file('beside.html'), '--beside', file('one.json'), path()];
    expect((await traceCommand(...beside).ended).code).toBe(0);
    for (const page of ['two.html', 'beside.html']) {
      expect(readFileSync(file(page), 'utf8').match(/<svg class="lanes"/g)).toHaveLength(2);
    }
  });
});

describe('wrong usage is one clear line and exit code 2, and nothing runs:', () => {
  test.each([
    [[], /^a target is missing: a program, an experiment or a file; or --from FILE$/],
    [['nonsense'], /^'nonsense' is no program \(fdmux serve\), no experiment \(fdmux lab\) and no file$/],
    [['epoll-echo', '--from', 'x'], /^either a target or --from, not both$/],
    [['--only', 'fork', 'epoll-echo'], /^--only: 'fork' is no system call of fdmux: it has accept4, /],
    [['--fd', '7,x', 'epoll-echo'], /^option '--fd <numbers>' argument '7,x' is invalid/],
    [['--json', '/no/such/folder/x', 'epoll-echo'], /^\/no\/such\/folder\/x cannot be written: no such file/],
    [['-o', '/', 'epoll-echo'], /^\/ cannot be written: illegal operation on a directory$/],
    [['--beside', 'x', 'epoll-echo'], /^--beside is for the page of --html$/],
    [['--from', '/no/such/file'], /^\/no\/such\/file cannot be read: no such file/],
    [['--from', FDMUX], /is no trace of --json's: line 1 is no JSON$/],
    [['--from', 'a', '--from', 'b', '--json', '-'], /^two traces can be shown side by side only/],
    [['--from', 'a', '--from', 'b', '--from', 'c', '--html', '-'], /^a page shows two traces at most, not 3$/],
    [['--nonsense', 'epoll-echo'], /^unknown option '--nonsense'$/],
  ])('%j', async (args, message) => {
    const { code, stdout, stderr } = await traceCommand(...args).ended;
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(/^fdmux: .*\n$/);
    expect(stderr.slice('fdmux: '.length, -1)).toMatch(message);
  });
});

test('whoever reads and leaves ends the program', async () => {
  const path = script('endless.mjs', `for (;;) sys.poll(new sys.PollFds(1), 1, 1);`);
  const child = start('sh', ['-c', `"$0" "$@" 2>&1 >/dev/null | head -n 2`, process.execPath, FDMUX, 'trace', path]);
  const { code, stdout } = await child.ended;
  expect(code).toBe(0);
  expect(stdout.split('\n')).toHaveLength(3);
});
