// Document 001: DefaultSelector, and what to call in key.data.
import { expect, test } from 'vitest';
import { busyness, Client, settled, stop } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

test('accept is called for newcomers, read for who speaks, write for who is owed something', async () => {
  const server = await perform('selectors-echo');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  await screen.shows('A came (1 connected)');
  expect(await a.ask('hello')).toBe('hello');
  await screen.shows('A sent 5 bytes "hello"');
  const b = screen.knows('B', await Client.to(server));
  await screen.shows('B came (2 connected)');
  // Many times what the kernel takes at once: the original's sendall lost the rest.
  const sent = Buffer.alloc(2 ** 24, 'x');
  b.say(sent);
  await settled(() => b.socket.writableLength, 'what waits to be sent');
  // Waited for with EVENT_READ it would be told again and again: it has sent more than has been read.
  expect(await busyness(server.pid, 300)).toBeLessThan(0.5);
  expect((await b.hear(sent.length)).equals(sent)).toBe(true);
  b.reset();
  await screen.until('B left: ECONNRESET (1 connected)');
  a.finish();
  await screen.shows('A left (0 connected)');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});
