/** One run of a program under both: the real strace, and fdmux's own. */
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseTrace } from 'fdmux/trace';
import { afterAll, describe, expect, test } from 'vitest';
import { callNames, kernelName } from '../../src/trace/format.js';
import { start } from '../support/processes.js';
import { FDMUX } from '../support/servers.js';
import { comparable, haveStrace, threadLines } from '../support/strace.js';

const folder = mkdtempSync(join(tmpdir(), 'fdmux-strace-'));
afterAll(() => rmSync(folder, { recursive: true }));

const CALLS = [...new Set([...callNames].map(kernelName))];
/** Where the program's own trace goes: src/trace/preload.ts. */
const SINK = 999;
const CREATING = /^(epoll_create1|socket|accept4|eventfd2|timerfd_create|fcntl\(\d+, F_DUPFD)/;
const WAITING = /^(poll|ppoll|select|pselect6)\(/;

/**
 * Of the calls that strace has seen on the program's thread, those on descriptors that are fdmux's: Node.js's own are on
 * others. What a signal's handler does is none of fdmux's calls either: it writes into a pipe, in the middle of another call.
 */
function callsOfFdmux(lines: readonly string[], first: string): string[] {
  const begin = lines.indexOf(first);
  const own = new Set(['0', '1', '2']);
  const calls: string[] = [];
  let handling = false;
  for (const line of lines.slice(begin)) {
    if (line.startsWith('---')) handling = true;
    if (line.startsWith('rt_sigreturn')) handling = false;
    if (handling || !/^\w+\(.* = /.test(line)) continue;
    const [, fd = ''] = /^\w+\((\d+)/.exec(line) ?? [];
    const [, result = ''] = / = (-?\d+)[^=]*$/.exec(line) ?? [];
    const [, reader = '', writer = ''] = /^pipe2\(\[(\d+), (\d+)\]/.exec(line) ?? [];
    // Node.js's own farewell: it gives the standard descriptors back as they were.
    if (/^fcntl\([012], F_GETFL\)/.test(line)) continue;
    const creates = CREATING.test(line);
    if (creates) own.add(result);
    if (reader !== '') own.add(reader).add(writer);
    if (creates || reader !== '' || WAITING.test(line) || own.has(fd)) calls.push(line);
    if (line.startsWith('close(')) own.delete(fd);
  }
  return calls;
}

/** Talks to a server over two connections, the second of which it resets. */
async function visit(port: number): Promise<void> {
  for (const leave of ['end', 'resetAndDestroy'] as const) {
    const client = connect(port, '127.0.0.1');
    await once(client, 'connect');
    for (const text of ['hello\n', `${'long '.repeat(20)}\n`]) {
      client.write(text);
      let back = '';
      while (back.length < text.length) back += String((await once(client, 'data'))[0]);
      expect(back).toBe(text);
    }
    const closed = once(client, 'close');
    client.resume()[leave]();
    await closed;
  }
}

describe('strace and fdmux trace agree, call by call,', () => {
  test
    .skipIf(!haveStrace)
    .each(['epoll-echo --trigger edge', 'epoll-echo --trigger level', 'poll-echo', 'select-echo', 'selectors-echo'])(
    'on %s',
    async (command) => {
      const [program = '', ...args] = command.split(' ');
      const [theirs, ours, json] = ['theirs', 'ours', 'json'].map((name) => join(folder, name)) as [
        string,
        string,
        string,
      ];
      const trace = ['trace', program, '-o', ours, '--json', json, '--', '--port', '0', '--quiet', ...args];
      const names = [...CALLS, 'rt_sigreturn'].join(',');
      const child = start('strace', ['-f', '-o', theirs, '-e', `trace=${names}`, process.execPath, FDMUX, ...trace]);
      const port = Number((await child.line()).split(':').at(-1));
      await visit(port);
      const [header = ''] = readFileSync(json, 'utf8').split('\n');
      const { pid } = JSON.parse(header) as { pid: number };
      process.kill(pid, 'SIGTERM');
      const { code, stderr } = await child.ended;
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });

      const kept = parseTrace(readFileSync(json, 'utf8'));
      expect(new Set(kept.calls.map(({ thread }) => thread))).toEqual(new Set([pid]));
      const lines = threadLines(readFileSync(theirs, 'utf8'), pid).map(comparable);
      const mine = readFileSync(ours, 'utf8').trimEnd().split('\n').map(comparable);
      expect(mine.pop()).toBe('+++ exited with 0 +++');
      const seen = callsOfFdmux(lines, mine[0] as string).filter((line) => !line.startsWith(`write(${SINK},`));
      expect(mine.length).toBeGreaterThan(25);
      expect(mine).toEqual(seen);
    },
    60_000,
  );
});
