// Document 002, 9.2: what select is asked about, and what it answers, at every turn.
import { expect, test } from 'vitest';
import { Client, stop } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

test('inputs grows with each client and shrinks when one leaves; rlist holds who is ready', async () => {
  // A turn ends only when somebody does something.
  const server = await perform('select-timeout-echo', ['--timeout', '1000']);
  const screen = new Screen(server);
  await screen.shows('inputs: listener(fd)');
  const a = screen.knows('A', await Client.to(server));
  await screen.shows('rlist:  listener(fd)', 'A came (1 connected)', 'inputs: listener(fd) A(fd)');
  const b = screen.knows('B', await Client.to(server));
  await screen.shows('rlist:  listener(fd)', 'B came (2 connected)', 'inputs: listener(fd) A(fd) B(fd)');
  expect(await b.ask('hello')).toBe('hello');
  await screen.shows('rlist:  B(fd)', 'B sent 5 bytes "hello"', 'inputs: listener(fd) A(fd) B(fd)');
  a.finish();
  await screen.shows('rlist:  A(fd)', 'A left (1 connected)', 'inputs: listener(fd) B(fd)');
  b.reset();
  await screen.shows('rlist:  B(fd)', 'B left: ECONNRESET (0 connected)', 'inputs: listener(fd)');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('when the time is up rlist is empty, turn after turn', async () => {
  const server = await perform('select-timeout-echo', ['--timeout', '0.01']);
  const screen = new Screen(server);
  for (let turn = 0; turn < 3; turn++) await screen.shows('inputs: listener(fd)', 'rlist:  (none)');
  await Client.to(server);
  await screen.until('rlist:  listener(fd)');
  expect((await stop(server)).code).toBe(0);
});

test('a client that does not read leaves inputs, so that it is not read from either', async () => {
  const server = await perform('select-timeout-echo', ['--timeout', '0.01']);
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  await screen.until('A came (1 connected)');
  // More than the kernel holds for both of them.
  const sent = Buffer.alloc(2 ** 24, 'x');
  a.say(sent);
  await screen.until('inputs: listener(fd)');
  const heard = await a.hear(sent.length);
  expect(heard.equals(sent)).toBe(true);
  await screen.until('inputs: listener(fd) A(fd)');
  expect((await stop(server)).code).toBe(0);
});

test('many clients take one line, the first of them by name', async () => {
  const server = await perform('select-timeout-echo', ['--timeout', '0.01']);
  const screen = new Screen(server);
  await Client.many(server, 20);
  await screen.until(/^inputs: listener\(fd\)( [\d.]+:\d+\(fd\)){7} and 13 more$/);
  expect((await stop(server)).code).toBe(0);
});
