// Document 003: asking again and again instead of waiting.
import { expect, test } from 'vitest';
import { Client, stop } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

const NOBODY = 'accept: EAGAIN: nobody is there. Next try in 1 s';

test('the error is shown at each try; a client is greeted, heard although it speaks late, and its connection closed', async () => {
  // A client has as long for its last words as two tries take.
  const server = await perform('nonblocking-poll', ['--interval', '1']);
  const screen = new Screen(server);
  await screen.shows(NOBODY, NOBODY);
  const a = screen.knows('A', await Client.to(server));
  const greeting = `${a.name} have connected to server\n`;
  expect((await a.hear(greeting.length)).toString()).toBe(greeting);
  await screen.until('A came (1 connected)');
  await screen.shows(NOBODY, 'recv from A: EAGAIN: nothing has come yet');
  a.say('what the original lost');
  expect((await a.hearAll()).length).toBe(0);
  expect(a.over).toBe('ended');
  await screen.until('A sent 22 bytes "what the original lost"');
  a.say(' and more');
  a.finish();
  await screen.until('A sent 9 bytes " and more"');
  await screen.until('A left (0 connected)');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('nothing of a long message is lost', async () => {
  // Who says the rest later than after two tries is dismissed.
  const server = await perform('nonblocking-poll', ['--interval', '0.5']);
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say(Buffer.alloc(2 ** 24, 'x'));
  a.finish();
  const seen = await screen.until(/^A left/);
  const bytes = seen.map((line) => Number(/^A sent (\d+) bytes/.exec(line)?.[1] ?? 0));
  expect(bytes.reduce((sum, n) => sum + n, 0)).toBe(2 ** 24);
});

test('a client that never says a word is dismissed', async () => {
  const server = await perform('nonblocking-poll', ['--interval', '0.02']);
  const screen = new Screen(server);
  const silent = screen.knows('silent', await Client.to(server));
  await screen.until('silent left: silent for too long (0 connected)');
  await silent.hearAll();
  expect(silent.over).toBe('ended');
});

test('a reset is survived', async () => {
  const server = await perform('nonblocking-poll', ['--interval', '0.5']);
  const screen = new Screen(server);
  const rude = screen.knows('rude', await Client.to(server));
  await screen.until('rude came (1 connected)');
  rude.reset();
  await screen.until('rude left: ECONNRESET (0 connected)');
  const next = screen.knows('next', await Client.to(server));
  await screen.until('next came (1 connected)');
  next.finish();
  await screen.until('next left (0 connected)');
});

test.each(['SIGINT', 'SIGTERM'] as const)('%s ends it while it sleeps', async (signal) => {
  const server = await perform('nonblocking-poll', ['--interval', '1000']);
  const screen = new Screen(server);
  await screen.shows('accept: EAGAIN: nobody is there. Next try in 1000 s');
  expect(await stop(server, signal)).toMatchObject({ code: 0, stderr: '' });
});
