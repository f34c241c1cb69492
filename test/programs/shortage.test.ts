// A kernel that has no memory for a call, or interrupts it: strace makes the calls of the running server fail.
import { readdirSync, readFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { type Child, needs, start } from '../support/processes.js';
import { Client, echoPrograms, type Server, serve, stop, until } from '../support/servers.js';

/** Makes calls of a running server fail. `when` as strace counts: `1..3` are the first three. */
async function fail(server: Server, names: string, error: string, when: string): Promise<Child> {
  const inject = `inject=${names}:error=${error}:when=${when}`;
  const strace = start('strace', [
    '-f',
    '-qq',
    '-o',
    '/dev/null',
    '-e',
    `trace=${names}`,
    '-e',
    inject,
    '-p',
    String(server.pid),
  ]);
  const tasks = `/proc/${server.pid}/task`;
  const held = (tid: string): boolean => !/^TracerPid:\s+0$/m.test(readFileSync(`${tasks}/${tid}/status`, 'latin1'));
  await until(() => readdirSync(tasks).every(held), 'strace holding the server');
  return strace;
}

beforeEach((ctx) => needs(ctx, 'strace'));

const waits = '?epoll_wait,?epoll_pwait,?poll,?ppoll,?select,?pselect6';
const calls: readonly [calls: string, ...errors: string[]][] = [
  ['recvfrom', 'EINTR', 'ENOMEM', 'ENOBUFS'],
  ['sendto', 'EINTR', 'ENOMEM', 'ENOBUFS'],
  ['accept4', 'EINTR', 'ENOMEM', 'ENOBUFS'],
  [waits, 'EINTR'],
  ['?poll,?ppoll,?select,?pselect6', 'ENOMEM'],
];
const tested = ['epoll-echo', 'poll-echo', 'select-echo', 'selectors-echo'];

describe.each(echoPrograms.filter(({ name }) => tested.includes(name)))('$title', (program) => {
  test.each(calls.flatMap(([names, ...errors]) => errors.map((error) => [names, error] as const)))(
    'answers, though %s fails with %s a few times',
    async (names, error) => {
      const server = await serve(program);
      await fail(server, names, error, '1..3');
      const client = await Client.to(server);
      // Nothing more comes from the client that could remind the server.
      expect(await client.ask('a question')).toBe('a question');
      client.leave();
      expect(await (await Client.to(server)).ask('a newcomer')).toBe('a newcomer');
    },
  );

  test('goes on, though epoll_ctl has no memory for every other change', async () => {
    const server = await serve(program);
    const strace = await fail(server, 'epoll_ctl', 'ENOMEM', '2+2');
    for (let i = 0; i < 10; i++) {
      const client = await Client.to(server);
      client.say('room for me?');
      client.finish();
      const answer = (await client.hearAll()).toString();
      // Whoever cannot be watched is told so.
      expect(['room for me?', `${program.name}: no room: ENOMEM\n`]).toContain(answer);
      expect(client.over).toBe('ended');
    }
    // Node.js's own loop ends the process for such a failure.
    await stop(strace);
    const { code, stderr } = await stop(server);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  });

  test('does not spin while nothing can be sent, and sends it afterwards', async () => {
    const server = await serve(program);
    const tries = 100;
    await fail(server, 'sendto', 'ENOBUFS', `1..${tries}`);
    const client = await Client.to(server);
    const begin = performance.now();
    expect(await client.ask('hello?')).toBe('hello?');
    // A millisecond between two tries.
    expect(performance.now() - begin).toBeGreaterThan(tries);
  });
});
