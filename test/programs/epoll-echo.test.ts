import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EAGAIN } from 'fdmux/sys';
import { parseTrace } from 'fdmux/trace';
import { expect, onTestFinished, test } from 'vitest';
import { start } from '../support/processes.js';
import { Client, type EchoProgram, echoPrograms, FDMUX } from '../support/servers.js';

const program = echoPrograms.find(({ name }) => name === 'epoll-echo') as EchoProgram;

/** What each read gave while a client asked twenty times and left, from the first of them on. */
async function readsOf(...args: string[]): Promise<number[]> {
  const folder = mkdtempSync(join(tmpdir(), 'fdmux-echo-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const json = join(folder, 'trace');
  const command = [FDMUX, 'trace', 'epoll-echo', '--json', json, '-o', '/dev/null', '--only', 'recv', '--'];
  const server = start(process.execPath, [...command, '--port', '0', '--quiet', ...args]);
  const port = Number((await server.line()).split(':').at(-1));
  const client = await Client.to({ ...server, program, host: '127.0.0.1', port });
  // What comes while a connection is accepted may be read for the edge of its being writable, and its own edge finds nothing.
  expect(await client.ask('hello')).toBe('hello');
  for (let i = 0; i < 20; i++) expect(await client.ask('here, too?')).toBe('here, too?');
  client.finish();
  await client.hearAll();
  server.process.kill('SIGTERM');
  expect((await server.ended).code).toBe(0);
  const results = parseTrace(readFileSync(json, 'utf8')).calls.map(({ result }) => result);
  return results.slice(results.indexOf(10));
}

test('an edge is read until a read comes back short: one read a message', async () => {
  expect(await readsOf()).toEqual([...Array(20).fill(10), 0]);
});

test('--until eagain asks once more', async () => {
  expect(await readsOf('--until', 'eagain')).toContain(-EAGAIN);
});
