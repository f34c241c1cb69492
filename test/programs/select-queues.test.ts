// Document 002, 9.3: reading and writing apart, a queue for each client, and the exceptional list.
import * as sys from 'fdmux/sys';
import { expect, test } from 'vitest';
import { keep, ok } from '../support/fds.js';
import { Client, pattern, type Server, stop, within } from '../support/servers.js';
import { perform, Screen } from '../support/transcript.js';

/** A connection of bare system calls: Node.js sends nothing out of band. @returns its descriptor and its name */
function bare(server: Server): [number, string] {
  const fd = keep(sys.socket(sys.AF_INET, sys.SOCK_STREAM | sys.SOCK_CLOEXEC, 0));
  ok(sys.connect(fd, { family: 'IPv4', address: '127.0.0.1', port: server.port }));
  const address = new sys.SockAddr();
  ok(sys.getsockname(fd, address));
  return [fd, `${address.address}:${address.port}`];
}

test('a client is in outputs only while its queue holds something; a message comes in, and goes out at the next turn', async () => {
  const server = await perform('select-queues');
  const screen = new Screen(server);
  await screen.shows('inputs: listener(fd)   outputs: (none)');
  const a = screen.knows('A', await Client.to(server));
  await screen.shows('A came (1 connected)', 'inputs: listener(fd) A(fd)   outputs: (none)');
  const b = screen.knows('B', await Client.to(server));
  await screen.shows('B came (2 connected)', 'inputs: listener(fd) A(fd) B(fd)   outputs: (none)');
  expect(await a.ask('one')).toBe('one');
  await screen.shows(
    'A sent 3 bytes "one"',
    'inputs: listener(fd) A(fd) B(fd)   outputs: A(fd)',
    'A was sent "one", 0 left in its queue',
    'A has an empty queue: out of outputs',
    'inputs: listener(fd) A(fd) B(fd)   outputs: (none)',
  );
  b.finish();
  await screen.shows('B left (1 connected)', 'inputs: listener(fd) A(fd)   outputs: (none)');
  a.reset();
  await screen.shows('A left: ECONNRESET (0 connected)', 'inputs: listener(fd)   outputs: (none)');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('a byte out of band arrives in the exceptional list, is shown, and its connection is closed', async () => {
  const server = await perform('select-queues');
  const screen = new Screen(server);
  const other = screen.knows('other', await Client.to(server));
  await screen.until('other came (1 connected)');
  const [fd, name] = bare(server);
  await screen.until(`${name} came (2 connected)`);
  ok(sys.send(fd, Buffer.from('!'), 0, 1, sys.MSG_OOB));
  await screen.shows(
    /^inputs: /,
    `exceptional: ${name}(fd)`,
    `${name} sent out of band "!"`,
    `${name} left: an exceptional condition (1 connected)`,
  );
  // Closed in good order, not reset.
  expect(sys.recv(fd, Buffer.alloc(16))).toBe(0);
  expect(await other.ask('still there?')).toBe('still there?');
  expect((await stop(server)).code).toBe(0);
});

test('messages go out in the order in which they came, after the client has ended its side, too', async () => {
  const server = await perform('select-queues', [], { quiet: true });
  const client = await Client.to(server);
  const sent = pattern(300_000);
  client.say(sent);
  client.finish();
  expect((await client.hearAll()).equals(sent)).toBe(true);
});

test('a client with a full queue is not read from, and others are', async () => {
  const server = await perform('select-queues');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say(Buffer.alloc(2 ** 24, 'x'));
  await screen.until('A has a full queue: out of inputs');
  const b = screen.knows('B', await Client.to(server));
  expect(await b.ask('and me?')).toBe('and me?');
  const heard = a.hear(2 ** 24);
  await screen.until('A has an empty queue: out of outputs');
  expect((await within(heard, 'all of it')).length).toBe(2 ** 24);
  a.leave();
  expect(await b.ask('and now?')).toBe('and now?');
  expect((await stop(server)).code).toBe(0);
});
