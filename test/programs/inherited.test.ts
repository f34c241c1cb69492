// --fd, and socket activation as systemd does it: a listener that somebody else opened.
import * as sys from 'fdmux/sys';
import { describe, expect, onTestFinished, test } from 'vitest';
import { chooseInherited } from '../../src/programs/support/inherited.js';
import { type Child, needs, start } from '../support/processes.js';
import {
  Client,
  type EchoProgram,
  echoPrograms,
  FDMUX,
  holdPort,
  portOf,
  type Server,
  stop,
  within,
} from '../support/servers.js';
import { ask, get } from './web/server.js';

/** A descriptor of the test's own, closed with it. */
function keep(fd: number): number {
  expect(fd).toBeGreaterThanOrEqual(0);
  onTestFinished(() => {
    sys.close(fd);
  });
  return fd;
}

/** A socket that blocks, as systemd hands it over. */
function socket(type = sys.SOCK_STREAM, listens = true): { fd: number; port: number } {
  const fd = keep(sys.socket(sys.AF_INET, type | sys.SOCK_CLOEXEC, 0));
  expect(sys.bind(fd, { family: 'IPv4', address: '127.0.0.1', port: 0 })).toBe(0);
  if (listens) expect(sys.listen(fd, 64)).toBe(0);
  const here = new sys.SockAddr();
  sys.getsockname(fd, here);
  return { fd, port: here.port };
}

function run(fd: number, ...args: string[]): Child {
  return start(process.execPath, [FDMUX, 'serve', ...args], [fd]);
}

/** What a program says that does not begin. */
async function refusal(child: Child): Promise<string> {
  const { code, stdout, stderr } = await within(child.ended, 'the end');
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  return stderr;
}

const titles = echoPrograms.map((program) => [program.title, program] as const);

test.each(titles)('%s serves on an inherited listener, and leaves it to whoever opened it', async (_, program) => {
  const { fd, port } = socket();
  const child = run(fd, program.name, ...program.args, '--fd', '3', '--quiet');
  const line = await within(child.line(), 'the listening line');
  expect(line).toBe(`${program.name} listening on 127.0.0.1:${port}`);
  const server: Server = { ...child, program, host: '127.0.0.1', port };
  expect(await (await Client.to(server)).ask('hello')).toBe('hello');
  expect(await stop(child)).toMatchObject({ code: 0, stderr: '' });
  // Whoever comes while no server runs waits for the next one.
  const early = await Client.to(server);
  early.say('early');
  const next = run(fd, 'poll-echo', '--fd', '3', '--quiet');
  await within(next.line(), 'the listening line');
  expect((await early.hear(5)).toString()).toBe('early');
  await stop(next);
});

test('web does, and by several workers', async () => {
  const { fd, port } = socket();
  for (const workers of ['1', '3']) {
    const child = run(fd, 'web', '--fd', '3', '--workers', workers);
    expect(portOf(await within(child.line(), 'the listening line'))).toBe(port);
    const answers = await Promise.all(Array.from({ length: 20 }, () => ask(port, get('/'))));
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
    expect(await stop(child)).toMatchObject({ code: 0, stderr: '' });
  }
});

describe('what is no listener is refused, in one line', () => {
  test('no descriptor', async () => {
    const child = start(process.execPath, [FDMUX, 'serve', 'epoll-echo', '--fd', '987']);
    expect(await refusal(child)).toBe('fdmux: --fd 987: there is no such descriptor\n');
  });

  test('no socket', async () => {
    const pipefd = new Int32Array(2);
    sys.pipe2(pipefd, sys.O_CLOEXEC);
    for (const fd of pipefd) keep(fd);
    expect(await refusal(run(pipefd[0] as number, 'epoll-echo', '--fd', '3'))).toBe('fdmux: --fd 3: it is no socket\n');
  });

  test('a datagram socket', async () => {
    const { fd } = socket(sys.SOCK_DGRAM, false);
    expect(await refusal(run(fd, 'web', '--fd', '3'))).toBe('fdmux: --fd 3: it is no stream socket\n');
  });

  test('a socket of this machine', async () => {
    const fd = keep(sys.socket(sys.AF_UNIX, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0));
    expect(await refusal(run(fd, 'web', '--fd', '3'))).toBe('fdmux: --fd 3: it is no socket of IPv4 or IPv6\n');
  });

  test('a socket that does not listen, and a connection', async () => {
    const why = 'fdmux: --fd 3: it is a connection or a socket that does not listen\n';
    expect(await refusal(run(socket(sys.SOCK_STREAM, false).fd, 'select-echo', '--fd', '3'))).toBe(why);
    const { port } = socket();
    const connection = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0));
    expect(sys.connect(connection, { family: 'IPv4', address: '127.0.0.1', port })).toBe(0);
    expect(await refusal(run(connection, 'select-echo', '--fd', '3', '--workers', '2'))).toBe(
      why.replace('fdmux: ', 'fdmux: worker 1: '),
    );
  });

  test.each([
    [['--fd', '2'], 'It must be a descriptor from 3 up'],
    [['--fd', 'three'], 'It must be a descriptor from 3 up'],
    [['--fd', '3', '--port', '80'], '--port is for a listener of our own: descriptor 3 listens already'],
    [['--fd', '3', '--host', '::1'], '--host is for a listener of our own: descriptor 3 listens already'],
  ])('%j is wrong usage', async (args, why) => {
    const { code, stderr } = await run(socket().fd, 'epoll-echo', ...args).ended;
    expect(code).toBe(2);
    expect(stderr).toContain(why);
    expect(stderr.trim().split('\n')).toHaveLength(1);
  });
});

describe('LISTEN_FDS and LISTEN_PID', () => {
  test('count when they are said to this process', () => {
    const env = (LISTEN_FDS: string, LISTEN_PID = '7'): Record<string, string> => ({ LISTEN_FDS, LISTEN_PID });
    expect(chooseInherited(undefined, {}, 7)).toBeUndefined();
    expect(chooseInherited(undefined, env('1'), 7)).toBe(3);
    expect(chooseInherited(undefined, env('0'), 7)).toBeUndefined();
    expect(chooseInherited(undefined, env('1', '8'), 7)).toBeUndefined();
    expect(chooseInherited(4, env('2'), 7)).toBe(4);
    expect(chooseInherited(9, env('1', '8'), 7)).toBe(9);
    expect(() => chooseInherited(undefined, env('2'), 7)).toThrow('2 descriptors are handed over');
    expect(() => chooseInherited(5, env('2'), 7)).toThrow('--fd 5: handed over are 3 to 4');
    expect(() => chooseInherited(undefined, env('one'), 7)).toThrow("LISTEN_FDS is 'one'");
  });

  const script = 'LISTEN_FDS=1 LISTEN_PID=$$ exec "$@"';

  test('are enough: no option is needed, and no child hears of them', async () => {
    const { fd, port } = socket();
    const child = start('sh', ['-c', script, 'sh', process.execPath, FDMUX, 'serve', 'epoll-echo'], [fd]);
    expect(portOf(await within(child.line(), 'the listening line'))).toBe(port);
    await stop(child);
  });

  test('that are another process’s are not looked at', async () => {
    const { fd, port } = socket();
    const args = ['-c', script.replace('$$', '1'), 'sh', process.execPath, FDMUX, 'serve', 'epoll-echo', '--port', '0'];
    const child = start('sh', args, [fd]);
    expect(portOf(await within(child.line(), 'the listening line'))).not.toBe(port);
    await stop(child);
  });
});

test('systemd-socket-activate starts it when the first client comes, who is served', async (ctx) => {
  needs(ctx, 'systemd-socket-activate');
  const port = holdPort();
  const program = echoPrograms.find(({ name }) => name === 'epoll-echo') as EchoProgram;
  const args = [
    '--listen',
    `127.0.0.1:${port}`,
    process.execPath,
    FDMUX,
    'serve',
    'epoll-echo',
    '--fd',
    '3',
    '--quiet',
  ];
  const child = start('systemd-socket-activate', args);
  const server: Server = { ...child, program, host: '127.0.0.1', port };
  let client: Client | undefined;
  while (client === undefined) client = await Client.to(server).catch(() => undefined);
  expect(await client.ask('first')).toBe('first');
  expect(portOf(await within(child.line(), 'the listening line'))).toBe(port);
  expect((await stop(child)).code).toBe(0);
});
