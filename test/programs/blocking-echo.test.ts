// Document 003: one client at a time, greeted before each reply, while the others wait.
import { expect, test } from 'vitest';
import { Client, settled, stop } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

test('each reply is preceded by who has connected, and the operator sees each message', async () => {
  const server = await perform('blocking-echo');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  const reply = (text: string) => `${a.name} have connected to server\n${text}`;
  for (const text of ['hello', 'again']) {
    a.say(text);
    expect((await a.hear(reply(text).length)).toString()).toBe(reply(text));
  }
  a.finish();
  expect((await a.hearAll()).length).toBe(0);
  await screen.shows(
    'A came (1 connected)',
    'A sent 5 bytes "hello"',
    'A sent 5 bytes "again"',
    'A left (0 connected)',
  );
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('a second client waits, seen by the operator, until the first has left; a reset frees it, too', async () => {
  const server = await perform('blocking-echo');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  await screen.shows('A came (1 connected)');
  const b = screen.knows('B', await Client.to(server));
  b.say('let me in');
  await screen.shows('another client waits at the door, until this one leaves');
  a.say('I stay');
  await a.hear(`${a.name} have connected to server\nI stay`.length);
  // Told once, although the listener stays readable; and B has not been heard.
  await screen.shows('A sent 6 bytes "I stay"');
  expect(b.socket.readableLength).toBe(0);
  a.reset();
  const greeted = `${b.name} have connected to server\nlet me in`;
  expect((await b.hear(greeted.length)).toString()).toBe(greeted);
  await screen.shows('A left: ECONNRESET (0 connected)', 'B came (1 connected)', 'B sent 9 bytes "let me in"');
  expect((await stop(server)).code).toBe(0);
});

test.each(['SIGINT', 'SIGTERM'] as const)(
  '%s stops it while it is blocked on a silent client, and on one that does not read',
  async (signal) => {
    for (const text of ['', 'x'.repeat(2 ** 24)]) {
      const server = await perform('blocking-echo');
      const screen = new Screen(server);
      const a = screen.knows('A', await Client.to(server));
      await screen.shows('A came (1 connected)');
      a.say(text);
      await settled(() => a.socket.writableLength, 'what waits to be sent');
      // The second one is seen from within the wait: nothing blocks outside of it.
      await Client.to(server);
      await screen.until('another client waits at the door, until this one leaves');
      expect(await stop(server, signal)).toMatchObject({ code: 0, stderr: '' });
    }
  },
);
