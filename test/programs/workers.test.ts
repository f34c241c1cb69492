// --workers: several threads serve one port as one program does, and come and go together.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { describe, expect, test } from 'vitest';
import { needs, start } from '../support/processes.js';
import { Client, echoPrograms, FDMUX, portOf, type Server, serve, stop, until, within } from '../support/servers.js';
import { get } from './web/server.js';

const WORKERS = 3;

const programs = echoPrograms
  .filter(({ name }) => ['select-echo', 'poll-echo', 'epoll-echo', 'selectors-echo'].includes(name))
  .map((program) => ({ ...program, args: [...program.args, '--workers', String(WORKERS)] }));

/** Whom the lines of the operator come from. */
function speakers(stdout: string): string[] {
  return [...new Set([...stdout.matchAll(/^(worker \d+): /gm)].map(([, name]) => name as string))].sort();
}

/** How many sockets listen on a port: a line of /proc/net/tcp each. */
function listeners(port: number): number {
  const place = `0100007F:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A`;
  return readFileSync('/proc/net/tcp', 'latin1').split(place).length - 1;
}

describe.each(programs.map((program) => [program.title, program] as const))('%s', (_, program) => {
  test('every worker has its listener and its clients, and each hears its own', async () => {
    const server = await serve(program, { quiet: false });
    expect(listeners(server.port)).toBe(WORKERS);
    const all = await Client.many(server, 90);
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(all.map((client, i) => client.ask(`${round}: I am ${i}`)));
      expect(answers).toEqual(answers.map((_, i) => `${round}: I am ${i}`));
    }
    const { stdout } = await stop(server);
    expect(stdout.match(/ listening on /g)).toHaveLength(1);
    expect(speakers(stdout)).toEqual(['worker 1', 'worker 2', 'worker 3']);
  });

  test.each(['SIGTERM', 'SIGINT'] as const)('%s ends all of them: every socket closed, code 0', async (signal) => {
    const server = await serve(program);
    const all = await Client.many(server, 30);
    for (const client of all) {
      client.socket.on('data', (echo) => client.say(echo));
      client.say('again and again');
    }
    const { code, signal: killer, stdout, stderr } = await stop(server, signal);
    expect({ code, killer, stderr }).toEqual({ code: 0, killer: null, stderr: '' });
    expect(stdout).toBe(`${program.name} listening on 127.0.0.1:${server.port}\n`);
    await until(() => all.every(({ over }) => over !== null), 'the end of every connection');
    expect(listeners(server.port)).toBe(0);
  });
});

test.each(programs.filter(({ keyboard }) => keyboard).map((program) => [program.name, program] as const))(
  '%s: a line at the keyboard, which only the first hears, ends all',
  async (_, program) => {
    const server = await serve(program);
    server.process.stdin.write('no line yet');
    expect(await (await Client.to(server)).ask('still there?')).toBe('still there?');
    server.process.stdin.write('\n');
    expect(await within(server.ended, 'its end')).toMatchObject({ code: 0, stderr: '' });
  },
);

test('the end of input ends nobody', async () => {
  const server = await serve(programs[0] as (typeof programs)[0]);
  server.process.stdin.end();
  for (const client of await Client.many(server, 20)) expect(await client.ask('there?')).toBe('there?');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('web: every worker answers', async () => {
  const args = [FDMUX, 'serve', 'web', '--port', '0', '--workers', String(WORKERS)];
  const child = start(process.execPath, args);
  const port = portOf(await within(child.line(), 'the listening line'));
  const ask = (): Promise<string> =>
    new Promise((resolve, reject) => {
      let heard = '';
      const socket = connect(port, '127.0.0.1', () => socket.write(get('/', { Connection: 'close' })));
      socket.setEncoding('latin1').on('data', (text) => {
        heard += text;
      });
      socket.on('end', () => resolve(heard.slice(0, 15))).on('error', reject);
    });
  const answers = await Promise.all(Array.from({ length: 90 }, ask));
  expect(new Set(answers)).toEqual(new Set(['HTTP/1.1 200 OK']));
  const { code, stdout, stderr } = await stop(child);
  expect({ code, stderr, speakers: speakers(stdout) }).toEqual({
    code: 0,
    stderr: '',
    speakers: ['worker 1', 'worker 2', 'worker 3'],
  });
});

test('a worker that dies is told by its number, and ends the program with code 1', async (ctx) => {
  needs(ctx, 'strace');
  // Only the workers call select(2): at the third time it fails.
  const inject = ['-f', '-q', '-o', '/dev/null', '-e', 'trace=select,pselect6'];
  inject.push('-e', 'inject=select,pselect6:error=EINVAL:when=3');
  const args = [
    ...inject,
    process.execPath,
    FDMUX,
    'serve',
    'select-echo',
    '--port',
    '0',
    '--workers',
    String(WORKERS),
  ];
  const child = start('strace', args);
  const { code, stdout, stderr } = await within(child.ended, 'the end');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: expect.stringMatching(/^fdmux: worker [123]: select EINVAL\n$/),
  });
  expect(stdout.split('\n').length).toBeLessThanOrEqual(2);
});

test('a port that others share is not taken along with them', async () => {
  const server = await serve(programs[0] as (typeof programs)[0]);
  const args = [FDMUX, 'serve', 'poll-echo', '--port', String(server.port), '--workers', '2'];
  const { code, stdout, stderr } = await within(start(process.execPath, args).ended, 'the end');
  expect({ code, stdout, stderr }).toEqual({
    code: 1,
    stdout: '',
    stderr: `fdmux: bind EADDRINUSE 127.0.0.1:${server.port}\n`,
  });
  const alone = await start(process.execPath, args.slice(0, -2)).ended;
  expect(alone.code).toBe(1);
});

test.each(['0', '-1', 'many', '1.5', '257', ''])("--workers '%s' is wrong usage", async (count) => {
  const args = [FDMUX, 'serve', 'epoll-echo', '--workers', count];
  const { code, stderr } = await start(process.execPath, args).ended;
  expect(code).toBe(2);
  expect(stderr).toMatch(/^fdmux: .*It must be a whole number from 1 to 256\.\n$/);
});

test('nothing is lost in a storm of connections while it stops: each is answered or ends', async () => {
  const server: Server = await serve(programs[2] as (typeof programs)[0]);
  const tries = Array.from({ length: 200 }, async (_, i) => {
    try {
      const client = await Client.to(server);
      const answer = await client.ask(`I am ${i}`);
      return answer === `I am ${i}` || client.over !== null;
    } catch (error) {
      return (
        (error as NodeJS.ErrnoException).code === 'ECONNREFUSED' ||
        (error as NodeJS.ErrnoException).code === 'ECONNRESET'
      );
    }
  });
  const ended = stop(server);
  expect(await Promise.all(tries)).toEqual(tries.map(() => true));
  expect(await ended).toMatchObject({ code: 0, stderr: '' });
});
