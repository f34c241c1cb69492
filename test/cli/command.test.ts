// The command `fdmux` as its user meets it: help, mistakes, and the client.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import * as sys from 'fdmux/sys';
import { describe, expect, onTestFinished, test } from 'vitest';
import { LOOPBACK, listener, ok, socket } from '../support/fds.js';
import { type Child, type Ended, needs, root, start } from '../support/processes.js';
import { startAtTerminal } from '../support/pty.js';
import { echoPrograms, FDMUX, pattern, serve, until, within } from '../support/servers.js';

const echo = echoPrograms[0] as (typeof echoPrograms)[number];

function fdmux(...args: string[]): Child {
  const child = start(process.execPath, [FDMUX, ...args]);
  // It may end, or be ended, before it has read everything.
  child.process.stdin.on('error', () => {});
  return child;
}

/** Runs it to its end, with nothing on its standard input: bounded by itself, so that many can run at once. */
function run(...args: string[]): Promise<Ended> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [FDMUX, ...args], { timeout: 20_000 }, (_, stdout, stderr) =>
      resolve({ code: child.exitCode, signal: child.signalCode, stdout, stderr }),
    );
    child.stdin?.end();
  });
}

const names = [...new Set(echoPrograms.map(({ name }) => name))];
const levels = [[], ['serve'], ...names.map((name) => ['serve', name]), ['connect'], ['demo']];

describe.concurrent.each(levels.map((level) => [['fdmux', ...level].join(' '), level] as const))('%s', (of, level) => {
  test('--help says how it is used, on standard output', async ({ expect }) => {
    const { code, stdout, stderr } = await run(...level, '--help');
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(new RegExp(`^Usage: ${of} `));
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
  });

  test('--version says which this is', async ({ expect }) => {
    const { version } = JSON.parse(readFileSync(`${root}package.json`, 'utf8')) as { version: string };
    expect(await run(...level, '--version')).toEqual({ code: 0, signal: null, stdout: `${version}\n`, stderr: '' });
  });
});

test('fdmux serve --help lists every program with its document', async () => {
  const { stdout } = await run('serve', '--help');
  const text = stdout.replaceAll(/\s+/g, ' ');
  for (const { name } of echoPrograms)
    expect(text).toMatch(new RegExp(` ${name} \\[options\\] .*?\\(document 00\\d\\)`));
});

test('fdmux --help ends quietly when nobody reads it', async () => {
  const child = fdmux('--help');
  child.process.stdout.destroy();
  expect(await within(child.ended, 'its end')).toMatchObject({ stderr: '' });
});

describe.concurrent('a mistake is told in one line on standard error, with code 2', () => {
  test.each<[what: string, args: string[], told: RegExp]>([
    ['an unknown command', ['sevre'], /unknown command 'sevre'.*serve/],
    ['an unknown option', ['--bogus'], /unknown option '--bogus'/],
    ['an unknown program', ['serve', 'nope'], /unknown program 'nope'.*select-echo, epoll-echo, poll-echo/],
    ['a port out of range', ['serve', 'poll-echo', '--port', '65536'], /--port.*65536.*0 to 65535/],
    ['a port that is no number', ['serve', 'poll-echo', '--port', '80x'], /--port.*80x.*0 to 65535/],
    ['a negative port', ['serve', 'poll-echo', '--port', '-1'], /--port/],
    ['a missing port', ['serve', 'poll-echo', '--port'], /--port.*missing/],
    ['a backlog of nothing', ['serve', 'poll-echo', '--backlog', '0'], /--backlog.*from 1 up/],
    ['an unknown trigger', ['serve', 'epoll-echo', '--trigger', 'rising'], /--trigger.*rising.*level, edge/],
    ["another program's option", ['serve', 'poll-echo', '--trigger', 'edge'], /unknown option '--trigger'/],
    ['an argument too many', ['serve', 'poll-echo', 'now'], /too many arguments/],
    ['nobody to connect to', ['connect'], /missing required argument 'host:port'/],
    ['an address without a port', ['connect', 'localhost'], /localhost.*HOST:PORT/],
    ['an IPv6 address without brackets', ['connect', '::1:80'], /::1:80.*HOST:PORT/],
    ['an address with a port out of range', ['connect', '127.0.0.1:70000'], /70000.*0 to 65535/],
    ['an argument to the demo', ['demo', 'faster'], /too many arguments/],
  ])('%s', async (_, args, told) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toMatch(/^fdmux: .*\n$/);
    expect(stderr).toMatch(told);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  });
});

test.each([{ args: [] }, { args: ['serve'] }])(
  'without a command ($args) it shows the help, with code 2',
  async ({ args }) => {
    const { code, stdout, stderr } = await run(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^Usage: fdmux/);
  },
);

describe('what cannot be done is told in one line on standard error, with code 1', () => {
  test.each<[what: string, args: string[], told: RegExp]>([
    ['a name that nobody knows', ['serve', 'poll-echo', '--host', 'nobody.invalid'], /no such host: nobody\.invalid/],
    ['no name at all', ['serve', 'poll-echo', '--host', ''], /no such host: ''/],
    ['an address that is none', ['serve', 'poll-echo', '--host', '300.1.1.1'], /no such host: 300\.1\.1\.1/],
    ['an address of another machine', ['serve', 'poll-echo', '--host', '192.0.2.1'], /EADDRNOTAVAIL 192\.0\.2\.1:7788/],
    ['a client of a name that nobody knows', ['connect', 'nobody.invalid:80'], /no such host: nobody\.invalid/],
  ])('%s', async (_, args, told) => {
    const { code, stdout, stderr } = await run(...args);
    expect(stderr).toMatch(/^fdmux: .*\n$/);
    expect(stderr).toMatch(told);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  });

  test.each(echoPrograms)('a port in use: $title', async (program) => {
    const { port } = await serve(program);
    const result = await run('serve', program.name, ...program.args, '--port', String(port));
    const stderr = `fdmux: bind EADDRINUSE 127.0.0.1:${port}\n`;
    expect(result).toEqual({ code: 1, signal: null, stdout: '', stderr });
  });

  test('a refused connection', async () => {
    // Bound and not listening: nobody else can take the port meanwhile.
    const fd = socket();
    ok(sys.bind(fd, LOOPBACK));
    const at = new sys.SockAddr();
    ok(sys.getsockname(fd, at));
    const { port } = at.toJSON() as sys.InetAddress;
    const stderr = `fdmux: connect ECONNREFUSED 127.0.0.1:${port}\n`;
    expect(await run('connect', `127.0.0.1:${port}`)).toEqual({ code: 1, signal: null, stdout: '', stderr });
  });
});

/** The prompt comes after so much silence: `SILENCE` of connect.ts. */
const PROMPT_AFTER_MS = 150;

/**
 * What a client shows at a terminal. An answer that took longer than the prompt waits has found it there: one that did, and
 * only one that did, is shown as if it had not.
 */
function screenOf({ process: { stdin, stdout } }: Child, answer: string) {
  const overtaken = `>>: \r\n${answer}`;
  let shown = '';
  let asked = Number.POSITIVE_INFINITY;
  let late: boolean | undefined;
  stdout.on('data', (text) => {
    shown += text;
    if (shown.includes(overtaken)) late ??= performance.now() - asked >= PROMPT_AFTER_MS;
  });
  return {
    get text(): string {
      return late ? shown.replace(overtaken, answer) : shown;
    },
    type(text: string): void {
      if (asked === Number.POSITIVE_INFINITY) asked = performance.now();
      stdin.write(text);
    },
    shows(text: string): Promise<void> {
      return until(() => this.text === text, `${JSON.stringify(text)} on the screen`);
    },
  };
}

describe('fdmux connect', () => {
  /** A server of the test's own, and the first connection to it. */
  async function host(
    serveOne: (client: Socket) => void,
    allowHalfOpen = true,
  ): Promise<{ at: string; server: Server }> {
    const server = createServer({ allowHalfOpen }, (client) => {
      client.on('error', () => {});
      onTestFinished(() => {
        client.destroy();
      });
      serveOne(client);
    });
    onTestFinished(() => {
      server.close();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return { at: `127.0.0.1:${(server.address() as { port: number }).port}`, server };
  }

  test('sends piped lines, shows what comes back, and ends with its input', async () => {
    const { port } = await serve(echo);
    const client = fdmux('connect', `127.0.0.1:${port}`);
    client.process.stdin.end('one\n\ntwo\n');
    expect(await within(client.ended, 'its end')).toEqual({
      ...{ code: 0, signal: null },
      ...{ stdout: 'one\n\ntwo\n', stderr: 'fdmux: end of input\n' },
    });
  });

  test('reaches a server over IPv6, and one by its name', async () => {
    for (const [listen, name] of [
      ['::1', '[::1]'],
      ['127.0.0.1', 'localhost'],
    ] as const) {
      const { port } = await serve(echo, { host: listen });
      const client = fdmux('connect', `${name}:${port}`);
      client.process.stdin.end('hello\n');
      expect((await within(client.ended, 'its end')).stdout).toBe('hello\n');
    }
  });

  test('a last line without a newline is a line, too', async () => {
    const { port } = await serve(echo);
    const client = fdmux('connect', `127.0.0.1:${port}`);
    client.process.stdin.end('one\ntwo');
    expect(await within(client.ended, 'its end')).toMatchObject({ code: 0, stdout: 'one\ntwo\n' });
  });

  test('passes every byte on as it is', async () => {
    const { port } = await serve(echo);
    let heard = Buffer.alloc(0);
    const client = fdmux('connect', `127.0.0.1:${port}`);
    client.process.stdout.setEncoding('latin1').on('data', (text) => {
      heard = Buffer.concat([heard, Buffer.from(text, 'latin1')]);
    });
    const all = Buffer.concat([Buffer.from(Array.from({ length: 256 }, (_, i) => i)), Buffer.from('é€\u{1f600}\n')]);
    client.process.stdin.end(all);
    await within(client.ended, 'its end');
    expect(heard.equals(all)).toBe(true);
  });

  test.each([
    ['in lines', 63],
    ['in one line', 2 ** 20 - 1],
  ])('1 MiB of piped input comes back whole, %s', async (_, length) => {
    const { port } = await serve(echo);
    const client = fdmux('connect', `127.0.0.1:${port}`);
    const text = pattern(2 ** 20 * 0.75)
      .toString('base64')
      .replace(new RegExp(`(.{${length}}).`, 'g'), '$1\n');
    client.process.stdin.end(text);
    const { code, stdout } = await within(client.ended, 'its end');
    expect(stdout.length).toBe(2 ** 20);
    expect(stdout === text).toBe(true);
    expect(code).toBe(0);
  });

  test('`exit` ends it, after what was said before and its answer; what follows is not sent', async () => {
    const { port } = await serve(echo);
    for (const [input, answers] of [
      ['exit\n', ''],
      ['one\ntwo\nexit\nthree\n', 'one\ntwo\n'],
      ['one\nexit', 'one\n'],
    ]) {
      const client = fdmux('connect', `127.0.0.1:${port}`);
      client.process.stdin.end(input);
      expect(await within(client.ended, 'its end')).toEqual({
        ...{ code: 0, signal: null },
        ...{ stdout: answers, stderr: 'fdmux: exit\n' },
      });
    }
  });

  test('`exit` in a pipe waits for an answer that is still on its way', async () => {
    let asked: (socket: Socket) => void = () => {};
    const asking = new Promise<Socket>((resolve) => {
      asked = resolve;
    });
    let left = false;
    const { at } = await host((socket) => {
      socket
        .once('data', () => asked(socket))
        .once('end', () => {
          left = true;
        });
    });
    const client = fdmux('connect', at);
    client.process.stdin.write('a question\n');
    const socket = await within(asking, 'the question');
    client.process.stdin.write('exit\n');
    await until(() => left, 'the goodbye of the client');
    socket.end('the answer\n');
    expect(await within(client.ended, 'its end')).toMatchObject({ code: 0, stdout: 'the answer\n' });
  });

  test('says so when the server leaves, and shows its last words', async () => {
    const { at } = await host((socket) => socket.end('goodbye\n'));
    const client = fdmux('connect', at);
    expect(await within(client.ended, 'its end')).toEqual({
      ...{ code: 0, signal: null },
      ...{ stdout: 'goodbye\n', stderr: 'fdmux: the server left\n' },
    });
  });

  test('shows what the server says unasked', async () => {
    const { at } = await host((socket) => socket.write('nobody asked\n'));
    const client = fdmux('connect', at);
    expect(await within(client.line(), 'the words')).toBe('nobody asked');
  });

  test('a reset is told in one line, with code 1', async () => {
    const { at } = await host((socket) => socket.once('data', () => socket.resetAndDestroy()));
    const client = fdmux('connect', at);
    client.process.stdin.write('hello\n');
    expect(await within(client.ended, 'its end')).toMatchObject({
      code: 1,
      stderr: 'fdmux: the server left: ECONNRESET\n',
    });
  });

  test('sends everything to a server that takes its time', async () => {
    // More than the kernel's buffers hold, and all in the client's hands when its input ends.
    const sent = 'x'.repeat(2 ** 24);
    let heard = 0;
    let come: (socket: Socket) => void = () => {};
    const coming = new Promise<Socket>((resolve) => {
      come = resolve;
    });
    const { at } = await host((socket) => come(socket.pause()));
    const client = fdmux('connect', at, '--wait', '0.5');
    client.process.stdin.end(sent);
    const socket = await within(coming, 'the client');
    // Longer than the client would wait for last words.
    await new Promise((resolve) => setTimeout(resolve, 1000));
    socket.on('data', (data) => {
      heard += data.length;
    });
    socket.on('end', () => socket.end()).resume();
    expect((await within(client.ended, 'its end')).code).toBe(0);
    await until(() => heard === sent.length + 1, 'all of it, and its newline');
  });

  test('leaves a server that says nothing more and does not leave itself', async () => {
    const { at } = await host(() => {});
    const client = fdmux('connect', at, '--wait', '0.2');
    client.process.stdin.end('hello\n');
    expect(await within(client.ended, 'its end')).toMatchObject({ code: 0, stderr: 'fdmux: end of input\n' });
  });

  test('Ctrl-C ends it while it talks', async () => {
    const { at } = await host((socket) => socket.write('hello\n'));
    const client = fdmux('connect', at);
    await within(client.line(), 'the connection');
    client.process.kill('SIGINT');
    expect(await within(client.ended, 'its end')).toMatchObject({ code: 0, stderr: 'fdmux: interrupted\n' });
  });

  test('Ctrl-C ends it while it still waits for the connection', async () => {
    const [fd, address] = listener();
    ok(sys.listen(fd, 0));
    const { port } = address.toJSON() as sys.InetAddress;
    /** Connections to the port that are still being asked for. */
    const asking = () =>
      readFileSync('/proc/net/tcp', 'latin1')
        .split('\n')
        .filter((line) => {
          const [, , to, state] = line.trim().split(/\s+/);
          return state === '02' && Number.parseInt(to?.split(':')[1] ?? '', 16) === port;
        }).length;
    // With its backlog full, the kernel leaves further ones unanswered.
    for (let i = 0; i < 3; i++) sys.connect(socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_NONBLOCK), address);
    await until(() => asking() > 0, 'a full backlog');
    const before = asking();
    const client = fdmux('connect', `127.0.0.1:${port}`);
    await until(() => asking() > before, 'a connection that waits');
    client.process.kill('SIGINT');
    expect(await within(client.ended, 'its end')).toMatchObject({ signal: 'SIGINT', stderr: '' });
  });

  test('at a terminal it prompts with `>>: `, before each line and after each answer', async (ctx) => {
    needs(ctx, 'python3');
    const { port } = await serve(echo);
    const terminal = startAtTerminal([process.execPath, [FDMUX, 'connect', `127.0.0.1:${port}`]]);
    const screen = screenOf(terminal, 'hello');
    try {
      await screen.shows('>>: ');
      screen.type('hello\n');
      await screen.shows('>>: hello\r\nhello\r\n>>: ');
      screen.type('exit\n');
      expect((await within(terminal.ended, 'its end')).code).toBe(0);
    } finally {
      expect(screen.text).toBe('>>: hello\r\nhello\r\n>>: exit\r\n\r\nfdmux: exit\r\n');
    }
  });

  test('at a terminal an answer without a newline does not run into the prompt', async (ctx) => {
    needs(ctx, 'python3');
    const { at } = await host((socket) => socket.once('data', () => socket.write('no newline')));
    const terminal = startAtTerminal([process.execPath, [FDMUX, 'connect', at]]);
    const screen = screenOf(terminal, 'no newline');
    await screen.shows('>>: ');
    screen.type('hello\n');
    await screen.shows('>>: hello\r\nno newline\r\n>>: ');
    // Ctrl-D: the end of input.
    screen.type('\x04');
    expect(await within(terminal.ended, 'its end')).toMatchObject({ code: 0 });
    expect(screen.text).toMatch(/\r\nfdmux: end of input\r\n$/);
  });
});
