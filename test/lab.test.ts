import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { experiment, type Lab } from '../src/lab/harness.js';
import { experiments, list, Report, run, runAll, runOne } from '../src/lab/index.js';

const COMMAND = fileURLToPath(new URL('../dist/src/cli/main.js', import.meta.url));
const STRACE = '/usr/bin/strace';

function fdmux(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [COMMAND, 'lab', ...args], {
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { status, stdout, stderr };
}

const descriptors = (): string[] => readdirSync('/proc/self/fd');

function define(run: (lab: Lab) => string | Promise<string>, name = 'made-up') {
  return experiment({ name, group: 'traps', question: 'Is it so?', background: 'They say it is.', run });
}

/** Where a command prints to, and what it has printed. */
function paper(columns: number, json = false, coloured = false) {
  const lines: string[] = [];
  const telling = { report: new Report(columns, coloured), json, print: (text: string) => lines.push(text) };
  return { telling, text: () => lines.join('') };
}

/** What the reader of one experiment sees, and the exit code. */
async function seen(run: (lab: Lab) => string, columns = 0, json = false, coloured = false) {
  const { telling, text } = paper(columns, json, coloured);
  const code = await runOne(define(run), telling);
  return { text: text(), code };
}

describe('every experiment', () => {
  beforeAll(() => {
    // The first child makes Node.js open descriptors that it keeps.
    spawnSync('true');
  });

  test.each(experiments.map((one) => [one.question, one] as const))('%s', async (_, one) => {
    const warm = await run(define(({ child }) => `${child([], () => {}).pid}`));
    expect(warm.verdict).toBe('as expected');
    const before = descriptors();
    const outcome = await run(one);
    expect(outcome.conclusion, JSON.stringify(outcome.steps, null, 1)).not.toMatch(/^Not so/);
    expect(outcome.verdict).toBe('as expected');
    expect(outcome.steps.some(({ kind }) => kind === 'call')).toBe(true);
    expect(outcome.steps.some(({ kind }) => kind === 'expect')).toBe(true);
    expect(outcome.conclusion.length).toBeGreaterThan(40);
    expect(outcome.source.text).toMatch(/^(async )?function run\(/);
    expect(descriptors()).toEqual(before);
  });

  test('is one file, listed once, with a question that fits a line', () => {
    expect(new Set(experiments.map(({ name }) => name)).size).toBe(experiments.length);
    for (const { name, question } of experiments) {
      expect(existsSync(new URL(`../src/lab/${name}.ts`, import.meta.url))).toBe(true);
      expect(question.length).toBeLessThanOrEqual(58);
      expect(question).toMatch(/\?$/);
    }
  });

  test('is told of in docs/lab.md', () => {
    const page = readFileSync(new URL('../docs/lab.md', import.meta.url), 'utf8').replace(/ +/g, ' ');
    for (const { name, question } of experiments)
      expect(page).toContain(`| [\`${name}\`](../src/lab/${name}.ts) | ${question} |`);
  });
});

describe('the harness', () => {
  test('lets the verdict be otherwise, with exit code 1, when one expectation fails', async () => {
    const { text, code } = await seen(({ sys, expect }) => {
      expect('a good one', 1, 1);
      expect('no such descriptor is open', sys.close(999_999), 0);
      return 'All is well.';
    });
    expect(code).toBe(1);
    expect(text).toContain('✓ a good one');
    expect(text).toContain('✗ no such descriptor is open: expected 0, saw -9 (-EBADF)');
    expect(text).toMatch(/^Otherwise on Linux /m);
    expect(text).toContain('Not so: no such descriptor is open');
    expect(text).not.toContain('All is well');
  });

  test('takes an experiment that throws for one that went otherwise', async () => {
    const outcome = await run(
      define(() => {
        throw new Error('out of luck');
      }),
    );
    expect(outcome.verdict).toBe('otherwise');
    expect(outcome.conclusion).toContain('out of luck');
  });

  test('says when the machine lacks what is needed, which is no failure', async () => {
    const { text, code } = await seen(({ needs }) => {
      needs(false, 'it needs two moons');
      return '';
    });
    expect(code).toBe(0);
    expect(text).toMatch(/^Not run on Linux .*\nit needs two moons/m);
  });

  test('shows calls under the names of their descriptors, the same one in a row once, with its count', async () => {
    const { steps } = await run(
      define(({ sys, pair, epoll, name }) => {
        const [mine] = pair('mine', 'peer');
        const epfd = epoll('set');
        const events = new sys.EpollEvents(4);
        sys.epoll_ctl(epfd, sys.EPOLL_CTL_ADD, mine, sys.EPOLLOUT | sys.EPOLLET);
        for (let i = 0; i < 3; i++) sys.epoll_wait(epfd, events, 4, 0);
        name(sys.dup(mine), 'copy');
        return 'done';
      }),
    );
    const lines = steps.map((step) => (step.kind === 'call' ? `${step.text} × ${step.times}` : step.kind));
    expect(lines.map((line) => line.replace(/\b\d+</g, 'N<').replace(/=\d+/g, '=N'))).toEqual([
      'socketpair(AF_UNIX, SOCK_STREAM|SOCK_CLOEXEC|SOCK_NONBLOCK, 0, [N<mine>, N<peer>]) = 0 × 1',
      'epoll_create1(EPOLL_CLOEXEC) = N<set> × 1',
      'epoll_ctl(N<set>, EPOLL_CTL_ADD, N<mine>, {events=EPOLLOUT|EPOLLET, data={u32=N, u64=N}}) = 0 × 1',
      'epoll_wait(N<set>, [{events=EPOLLOUT, data={u32=N, u64=N}}], 4, 0) = 1 × 1',
      'epoll_wait(N<set>, [], 4, 0) = 0 × 2',
      'dup(N<mine>) = N<copy> × 1',
    ]);
  });

  test('closes what was left open and ends what was left running, also after a failure', async () => {
    await run(define(({ child }) => `${child([], () => {}).pid}`));
    const before = descriptors();
    let pid = 0;
    const outcome = await run(
      define(async ({ sys, pair, pipe, epoll, tcp, child }) => {
        const [mine] = pair('mine', 'peer');
        pipe('reader', 'writer');
        epoll('set');
        tcp('server', 'client');
        sys.fcntl(mine, sys.F_DUPFD_CLOEXEC, 500);
        const waiter = child([mine], ({ sys, fds: [fd = -1], tell }) => {
          const entries = new sys.PollFds(1);
          entries.set(0, fd, sys.POLLIN);
          tell('waiting');
          sys.poll(entries, 1, -1);
        });
        pid = waiter.pid;
        await waiter.told();
        throw new Error('stop here');
      }),
    );
    expect(outcome.conclusion).toContain('stop here');
    expect(descriptors()).toEqual(before);
    expect(existsSync(`/proc/${pid}`)).toBe(false);
  });

  test('notices a child that ends instead of telling', async () => {
    const outcome = await run(
      define(async ({ child }) => {
        await child([], () => {}).told();
        return 'never';
      }),
    );
    expect(outcome.conclusion).toMatch(/process \d+ has ended/);
  });
});

describe('what is printed', () => {
  test('keeps to the columns of a terminal, and leaves a call on one line elsewhere', async () => {
    const talk = ({ sys, say, epoll, pair }: Lab): string => {
      say('word '.repeat(40).trim());
      const [mine] = pair('mine', 'peer');
      sys.epoll_ctl(epoll('set'), sys.EPOLL_CTL_ADD, mine, sys.EPOLLIN | sys.EPOLLOUT | sys.EPOLLET);
      return 'answer '.repeat(40).trim();
    };
    const terminal = (await seen(talk, 60)).text;
    expect(Math.max(...terminal.split('\n').map((line) => line.length))).toBeLessThanOrEqual(60);
    const piped = (await seen(talk)).text;
    expect(piped).toMatch(/^ {4}epoll_ctl\(.*\) = 0$/m);
  });

  test('is coloured only where that is asked for', async () => {
    const ESCAPE = '\u001b[';
    expect((await seen(() => 'yes', 80, false, true)).text).toContain(ESCAPE);
    expect((await seen(() => 'yes', 80, false, false)).text).not.toContain(ESCAPE);
  });

  test('of all is a question and an answer each, the steps of one that went otherwise, and a table', async () => {
    const { telling, text } = paper(80);
    const good = define(({ expect }) => {
      expect('one is one', 1, 1);
      return 'It is so.';
    }, 'good');
    const bad = define(({ expect }) => {
      expect('one is two', 1, 2);
      return 'It is so.';
    }, 'bad');
    const missing = define(({ needs }) => {
      needs(false, 'no moon');
      return '';
    }, 'missing');
    expect(await runAll([good, bad, missing], telling)).toBe(1);
    expect(text()).not.toContain('✓ one is one');
    expect(text()).toContain('✗ one is two: expected 2, saw 1');
    expect(text()).toMatch(
      /^experiment +verdict +seconds\ngood +✓ as expected +0\.\d\d\nbad +✗ otherwise +0\.\d\d\nmissing +– not run/m,
    );
    expect(text()).toMatch(/\n1 as expected, 1 otherwise, 1 not run on Linux .* s\n$/);
    expect(await runAll([good, missing], paper(80).telling)).toBe(0);
  });

  test('as JSON holds every step', async () => {
    const { text, code } = await seen(
      ({ sys, say, show, expect }) => {
        say('a word');
        show('a thing');
        expect('it fails', sys.close(999_999), 0);
        return 'yes';
      },
      0,
      true,
    );
    expect(code).toBe(1);
    const outcome = JSON.parse(text);
    expect(outcome).toMatchObject({
      name: 'made-up',
      group: 'traps',
      question: 'Is it so?',
      background: 'They say it is.',
    });
    expect(outcome).toMatchObject({ verdict: 'otherwise', conclusion: expect.stringContaining('it fails') });
    expect(outcome.kernel).toMatch(/^Linux \d/);
    expect(outcome.seconds).toBeGreaterThanOrEqual(0);
    expect(outcome.source).toEqual({ file: 'src/lab/made-up.ts', text: '' });
    expect(outcome.steps).toEqual([
      { kind: 'say', text: 'a word' },
      { kind: 'show', text: 'a thing' },
      { kind: 'call', text: 'close(999999) = -1 EBADF (Bad file descriptor)', name: 'close', result: -9, times: 1 },
      { kind: 'expect', text: 'it fails', holds: false, seen: 'expected 0, saw -9 (-EBADF)' },
    ]);
  });

  test('as a list names each once, in its group', () => {
    const { telling, text } = paper(80);
    list(experiments, telling);
    expect(
      Math.max(
        ...text()
          .split('\n')
          .map((line) => line.length),
      ),
    ).toBeLessThanOrEqual(80);
    const [documents, traps] = text().split('The traps') as [string, string];
    for (const { name, group } of experiments) expect(group === 'traps' ? traps : documents).toContain(`  ${name} `);
  });
});

describe('fdmux lab', () => {
  test('without a name lists the experiments', () => {
    const { status, stdout, stderr } = fdmux();
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('From the documents');
    expect(stdout).toContain('The traps');
    expect(JSON.parse(fdmux('--json').stdout)).toHaveLength(experiments.length);
  });

  test('with a name shows question, steps, verdict and source', () => {
    const { status, stdout, stderr } = fdmux('level-and-edge');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toContain('How often does epoll tell of one and the same byte?');
    expect(stdout).toMatch(/^ {4}epoll_wait\(\d+<edge>, \[\], 8, 0\) = 0/m);
    expect(stdout).toContain('As expected on Linux');
    expect(stdout).toContain('src/lab/level-and-edge.ts\n  function run(');
    expect(JSON.parse(fdmux('level-and-edge', '--json').stdout).verdict).toBe('as expected');
  });

  test.skipIf(!existsSync(STRACE))('on a kernel that does otherwise says so, and ends with exit code 1', () => {
    // strace lets dup fail, which the kernel would not have done.
    const other = [
      '-f',
      '-o',
      '/dev/null',
      '-e',
      'trace=dup',
      '-e',
      'inject=dup:error=EMFILE',
      process.execPath,
      COMMAND,
    ];
    const { status, stdout } = spawnSync(STRACE, [...other, 'lab', 'closed-dup'], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stdout).toContain('dup(');
    expect(stdout).toMatch(/= -1 EMFILE[\s\S]*✗ it is told, under the number that is closed: expected 1, saw 0/);
    expect(stdout).toMatch(/^Otherwise on Linux /m);
    const json = spawnSync(STRACE, [...other, 'lab', 'closed-dup', '--json'], { encoding: 'utf8' });
    expect([json.status, JSON.parse(json.stdout).verdict]).toEqual([1, 'otherwise']);
  });

  test('with an unknown name, or too much, is one clear line and exit code 2', () => {
    expect(fdmux('nonsense')).toEqual({
      status: 2,
      stdout: '',
      stderr: "fdmux: unknown experiment 'nonsense': fdmux lab lists them\n",
    });
    expect(fdmux('scan', '--all')).toEqual({
      status: 2,
      stdout: '',
      stderr: 'fdmux: either an experiment or --all, not both\n',
    });
  });

  test('ends quietly when nobody reads on', () => {
    const { stdout, stderr } = spawnSync('sh', ['-c', `'${process.execPath}' '${COMMAND}' lab --all | head -1`], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect({ stdout, stderr }).toEqual({ stdout: 'select-limit\n', stderr: '' });
  });

  test('--all runs all of them and ends with a table', { timeout: 120_000 }, () => {
    const { status, stdout, stderr } = fdmux('--all');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    for (const { name } of experiments)
      expect(stdout).toMatch(new RegExp(`^${name} +✓ as expected +\\d+\\.\\d\\d$`, 'm'));
    expect(stdout).toMatch(new RegExp(`\\n${experiments.length} as expected on Linux .* s\\n$`));
  });
});
