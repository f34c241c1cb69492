// Document 003: the operator answers, and meanwhile the others are heard.
import { expect, test } from 'vitest';
import { needs } from '../support/processes.js';
import { startAtTerminal } from '../support/pty.js';
import { Client, command, portOf, type Server, settled, stop, until, within } from '../support/servers.js';
import { perform, programOf, Screen } from '../support/transcript.js';

async function hears(client: Client, text: string): Promise<void> {
  expect((await client.hear(text.length)).toString()).toBe(text);
}

test('each message is shown and answered, in the order in which they came, also while the operator thinks', async () => {
  const server = await perform('select-chat');
  const type = (line: string) => server.process.stdin.write(line);
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('how are you?\n');
  await screen.shows('A came (1 connected)', 'A says: how are you?', 'answer A >>: ');
  // The operator thinks: a newcomer is let in and heard all the same.
  const b = screen.knows('B', await Client.to(server));
  await screen.shows('B came (2 connected)');
  b.say('and me?\n');
  await screen.shows('B has sent a message: 1 waiting');
  a.say('why so silent?\n');
  await screen.shows('A has sent a message: 2 waiting');
  type('fine\n');
  await hears(a, 'fine\n');
  await screen.shows('B says: and me?', 'answer B >>: ');
  type('you ');
  type('too\n');
  await hears(b, 'you too\n');
  await screen.shows('A says: why so silent?', 'answer A >>: ');
  type('I think\n');
  await hears(a, 'I think\n');
  a.finish();
  await screen.shows('A left (1 connected)');
  b.reset();
  await screen.shows('B left: ECONNRESET (0 connected)');
  expect(await stop(server)).toMatchObject({ code: 0, stderr: '' });
});

test('a client that has ended its side is still answered', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('one\ntwo');
  a.finish();
  await screen.until('answer A >>: ');
  server.process.stdin.write('1\n2\n');
  expect((await a.hearAll()).toString()).toBe('1\n2\n');
  expect(a.over).toBe('ended');
  await screen.until('A left (0 connected)');
});

test('an answer to somebody who has left goes to nobody else', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('a secret?\n');
  await screen.until('answer A >>: ');
  const b = screen.knows('B', await Client.to(server));
  b.say('me?\n');
  await screen.until('B has sent a message: 1 waiting');
  a.reset();
  await screen.until('A left: ECONNRESET (1 connected)');
  server.process.stdin.write('for A only\n');
  await screen.shows('A has left: nobody hears this answer', 'B says: me?', 'answer B >>: ');
  server.process.stdin.write('for B\n');
  await hears(b, 'for B\n');
});

test('when input ends it says so, asks no more, and shows what still comes', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('one\n');
  await screen.until('answer A >>: ');
  a.say('two\n');
  await screen.until('A has sent a message: 1 waiting');
  server.process.stdin.end();
  await screen.shows('end of input: messages are shown, and not answered any more', 'A says: two');
  a.say('three\n');
  await screen.shows('A says: three');
  expect((await stop(server)).code).toBe(0);
});

test('no message writes on the terminal: control characters are shown, letters of all scripts as they are', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('grüß \x1b[31mdich\x07 漢\r\n');
  await screen.until('A says: grüß \\x1b[31mdich\\x07 漢');
  expect((await stop(server)).code).toBe(0);
});

test('a client with 16 unanswered messages is not read from, and others are', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  const sent = 'x\n'.repeat(2 ** 23);
  a.say(sent);
  await screen.until('answer A >>: ');
  // What the server does not read stays here, beyond what the kernel holds.
  const unsent = await settled(() => a.socket.writableLength, 'what waits to be sent');
  expect(unsent).toBeGreaterThan(sent.length / 4);
  const b = screen.knows('B', await Client.to(server));
  b.say('and me?\n');
  let waiting: string | undefined;
  while (waiting === undefined) waiting = /^B has sent a message: (\d+) waiting$/.exec(await screen.line())?.[1];
  // What one read brings beyond the 16th is kept.
  expect(Number(waiting)).toBeLessThan(4096);
  expect((await stop(server)).code).toBe(0);
});

test('a line without end is heard in pieces', async () => {
  const server = await perform('select-chat');
  const screen = new Screen(server);
  const a = screen.knows('A', await Client.to(server));
  a.say('y'.repeat(70_000));
  await screen.until(/^A says: y{1000}…$/);
  await screen.until('answer A >>: ');
  a.finish();
  await screen.shows('A has sent a message: 1 waiting');
  expect((await stop(server)).code).toBe(0);
});

test('with --quiet it says that it listens, and answers are still typed', async () => {
  const server = await perform('select-chat', [], { quiet: true });
  const a = await Client.to(server);
  a.say('hello?\n');
  server.process.stdin.write('yes\n');
  await hears(a, 'yes\n');
  expect((await stop(server)).stdout).toBe(`select-chat listening on 127.0.0.1:${server.port}\n`);
});

test('at a terminal, the question stands again after a line that comes while the operator types', async (ctx) => {
  needs(ctx, 'python3');
  const terminal = startAtTerminal(command(programOf('select-chat'), { quiet: false }));
  const port = portOf((await within(terminal.line(), 'the listening line')).trimEnd());
  const server: Server = { ...terminal, program: programOf('select-chat'), host: '127.0.0.1', port };
  let shown = '';
  terminal.process.stdout.on('data', (text) => {
    shown += text;
  });
  const a = await Client.to(server);
  a.say('hello?\n');
  const question = `answer ${a.name} >>: `;
  await until(() => shown.endsWith(question), 'the question');
  terminal.process.stdin.write('ye');
  await until(() => shown.endsWith(`${question}ye`), 'what is typed');
  const b = await Client.to(server);
  await until(() => shown.endsWith(`${question}ye\r\n${b.name} came (2 connected)\r\n${question}`), 'the newcomer');
  terminal.process.stdin.write('s\n');
  await hears(a, 'yes\n');
  terminal.process.stdin.write('\x03');
  expect((await within(terminal.ended, 'its end')).code).toBe(0);
});
