// Document 003: the selector, each key and its events, turn by turn.
import { readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { Client, stop, until } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

const KNOCK = /^ {2}key: fd \d+, the listener, events EVENT_READ, mask EVENT_READ$/;

test('each turn shows the selector, who is ready and for what; a client that breaks off ends nobody else', async () => {
  const server = await perform('selectors-server');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  await screen.shows('EpollSelector: 2 registered, 1 ready', KNOCK, 'A came (1 connected)');
  // Who comes before the first turn has ended is admitted in it.
  expect(await a.ask('hello')).toBe('hello');
  await screen.shows(
    'EpollSelector: 3 registered, 1 ready',
    /^ {2}key: fd \d+, A, events EVENT_READ, mask EVENT_READ$/,
    'A sent 5 bytes "hello"',
  );
  const b = screen.knows('B', await Client.to(server));
  await screen.shows('EpollSelector: 3 registered, 1 ready', KNOCK, 'B came (2 connected)');
  a.reset();
  await screen.shows(
    'EpollSelector: 4 registered, 1 ready',
    /^ {2}key: fd \d+, A, events EVENT_READ, mask EVENT_READ$/,
    'A left: ECONNRESET (1 connected)',
  );
  expect(await b.ask('still there?')).toBe('still there?');
  await screen.shows('EpollSelector: 3 registered, 1 ready');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

/** Whether a process has a set in which somebody is waited for who can be written to: EPOLLOUT, with what comes unasked. */
function waitsToWrite(pid: number): boolean {
  const folder = `/proc/${pid}/fdinfo`;
  return readdirSync(folder).some((fd) => /^tfd: +\d+ events: +1c /m.test(readFileSync(`${folder}/${fd}`, 'latin1')));
}

test('a client that does not read is waited for with EVENT_WRITE, and with EVENT_READ again when it has', async () => {
  const server = await perform('selectors-server');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  // More than both queues of a connection hold.
  const sent = Buffer.alloc(2 ** 25, 'x');
  a.say(sent);
  await until(() => waitsToWrite(server.pid), 'a server that waits for a client to read');
  const heard = a.hear(sent.length);
  await screen.until(/^ {2}key: fd \d+, A, events EVENT_WRITE, mask EVENT_WRITE$/);
  await screen.until(/^ {2}key: fd \d+, A, events EVENT_READ, mask EVENT_READ$/);
  expect((await heard).equals(sent)).toBe(true);
  expect((await stop(server)).code).toBe(0);
});
