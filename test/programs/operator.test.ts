// What a program tells the person at its terminal, and what that person can do.
import { Socket } from 'node:net';
import * as sys from 'fdmux/sys';
import { describe, expect, test } from 'vitest';
import { excerpt } from '../../src/programs/support/operator.js';
import { pipe } from '../support/fds.js';
import { needs } from '../support/processes.js';
import { startAtTerminal } from '../support/pty.js';
import {
  Client,
  command,
  common,
  commonLine,
  echoPrograms,
  portOf,
  type Server,
  serve,
  startInto,
  stop,
  testIf,
  until,
  within,
} from '../support/servers.js';

const LINE = new RegExp(
  `^(127\\.0\\.0\\.1:\\d+ (came|sent \\d+ bytes? "[^"]*"…?|left(: E\\w+)?)( \\(\\d+ connected\\))?` +
    '|\\(\\d+ lines not shown: nobody read them\\))$',
);

test('an excerpt shows printable ASCII as it is and escapes all else, so that no client writes on the terminal', () => {
  const show = (bytes: number[]) => excerpt(Uint8Array.from(bytes), bytes.length);
  expect(show([...Buffer.from('Hello, {world}~ !')])).toBe('"Hello, {world}~ !"');
  expect(show([10, 13, 9, 34, 92])).toBe('"\\n\\r\\t\\"\\\\"');
  expect(show([0, 7, 27, 31, 127, 128, 0x9b, 255])).toBe('"\\x00\\x07\\x1b\\x1f\\x7f\\x80\\x9b\\xff"');
  expect(show([])).toBe('""');
  for (let byte = 0; byte < 256; byte++) expect(show([byte])).toMatch(/^"[ -~]+"$/);
});

test('an excerpt is cut after 32 bytes, and says so', () => {
  const bytes = Buffer.from('0123456789'.repeat(4));
  expect(excerpt(bytes, 32)).toBe('"01234567890123456789012345678901"');
  expect(excerpt(bytes, 33)).toBe('"01234567890123456789012345678901"…');
  // Of a buffer that holds more than what came.
  expect(excerpt(bytes, 3)).toBe('"012"');
});

for (const program of echoPrograms) {
  const { name, keyboard = false, oneAtATime = false } = program;

  describe(program.title, () => {
    testIf(!oneAtATime)('says who came, what came and who left, to the letter', async () => {
      const server = await serve(program, { quiet: false });
      const a = await Client.to(server);
      expect(await commonLine(server)).toBe(`${a.name} came (1 connected)`);
      expect(await a.ask('x')).toBe('x');
      expect(await commonLine(server)).toBe(`${a.name} sent 1 byte "x"`);
      const b = await Client.to(server);
      expect(await commonLine(server)).toBe(`${b.name} came (2 connected)`);
      expect(await b.ask('"hi"\tyou\\\r\n\x1b[2J')).toBe('"hi"\tyou\\\r\n\x1b[2J');
      expect(await commonLine(server)).toBe(`${b.name} sent 15 bytes "\\"hi\\"\\tyou\\\\\\r\\n\\x1b[2J"`);
      expect(await a.ask('z'.repeat(33))).toBe('z'.repeat(33));
      expect(await commonLine(server)).toBe(`${a.name} sent 33 bytes "${'z'.repeat(32)}"…`);
      a.reset();
      expect(await commonLine(server)).toBe(`${a.name} left: ECONNRESET (1 connected)`);
      b.finish();
      expect(await commonLine(server)).toBe(`${b.name} left (0 connected)`);
      const { code, stdout, stderr } = await stop(server);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      expect(common(program, stdout.split('\n')).length).toBe(9);
    });

    test('with --quiet says that it listens, and no more', async () => {
      const server = await serve(program);
      for (let i = 0; i < 3; i++) {
        const client = await Client.to(server);
        expect(await client.ask('hello')).toBe('hello');
        if (i === 0) client.reset();
        else client.leave();
      }
      const { stdout, stderr } = await stop(server);
      expect(stdout).toBe(`${name} listening on 127.0.0.1:${server.port}\n`);
      expect(stderr).toBe('');
    });

    const serves = async (server: Server): Promise<void> => {
      const client = await Client.to(server);
      expect(await client.ask('still there?')).toBe('still there?');
      client.leave();
    };

    test('what is typed without a newline, and the end of input, do not stop it', async () => {
      const server = await serve(program);
      server.process.stdin.write('not a whole li');
      await serves(server);
      server.process.stdin.end();
      await serves(server);
      await serves(server);
      expect((await stop(server)).code).toBe(0);
    });

    testIf(!oneAtATime)(
      `a line typed ${keyboard ? 'stops it: every socket closed, code 0' : 'means nothing to it'}`,
      async () => {
        const server = await serve(program);
        const client = await Client.to(server);
        expect(await client.ask('hello')).toBe('hello');
        server.process.stdin.write('sto');
        await serves(server);
        server.process.stdin.write('p\n');
        if (keyboard) {
          const { code, stderr } = await within(server.ended, 'its end');
          expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
          expect((await client.hearAll()).length).toBe(0);
        } else {
          await serves(server);
          expect(await client.ask('still here?')).toBe('still here?');
          expect((await stop(server)).code).toBe(0);
        }
      },
    );

    test(`at a terminal, ${keyboard ? 'a line and ' : ''}Ctrl-C stops it`, async (ctx) => {
      needs(ctx, 'python3');
      for (const typed of keyboard ? ['x', '\n', '\x03'] : ['\x03']) {
        const terminal = startAtTerminal(command(program, { quiet: false }));
        const port = portOf((await within(terminal.line(), 'the listening line')).trimEnd());
        const server: Server = { ...terminal, program, host: '127.0.0.1', port };
        terminal.process.stdin.write(typed);
        await (typed === 'x'
          ? serves(server)
          : expect(within(terminal.ended, 'its end')).resolves.toMatchObject({ code: 0 }));
      }
    });

    test('serves on when nobody can read its lines any more', async () => {
      const server = await serve(program, { quiet: false });
      server.process.stdout.destroy();
      for (let i = 0; i < 3; i++) await serves(server);
      expect((await stop(server)).code).toBe(0);
    });

    /** More than any pipe or terminal holds. */
    const talkMuch = async (server: Server): Promise<void> => {
      const guests = await Client.many(server, 100);
      const question = 'are you still there, or waiting?';
      for (let round = 0; round < 60; round++) {
        const answers = await Promise.all(guests.map((guest) => guest.ask(question)));
        for (const answer of answers) expect(answer).toBe(question);
      }
      for (const guest of guests) guest.leave();
    };

    testIf(!oneAtATime)('serves on when nobody reads its pipe, and says later how much was not shown', async () => {
      const [reader, writer] = pipe(sys.O_CLOEXEC);
      const child = startInto(writer, command(program, { quiet: false }));
      const out = new Socket({ fd: sys.dup(reader), readable: true }).setEncoding('utf8').pause();
      let shown = '';
      out.on('data', (text) => {
        shown += text;
      });
      out.resume();
      await until(() => shown.includes('\n'), 'the listening line');
      out.pause();
      const port = portOf(shown.slice(0, shown.indexOf('\n')));
      const server = { program, host: '127.0.0.1', port } as Server;
      await talkMuch(server);
      out.resume();
      // Told with the next line that can be shown.
      while (!shown.includes('lines not shown')) await serves(server);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGTERM');
      expect(await within(ended, 'its end')).toBe(0);
      out.destroy();
      for (const line of common(program, shown.split('\n').slice(1, -1))) expect(line).toMatch(LINE);
    });

    testIf(!oneAtATime)('serves on when nobody reads its terminal', async (ctx) => {
      needs(ctx, 'python3');
      const terminal = startAtTerminal(command(program, { quiet: false }));
      const port = portOf((await within(terminal.line(), 'the listening line')).trimEnd());
      const server: Server = { ...terminal, program, host: '127.0.0.1', port };
      terminal.process.stdout.pause();
      await talkMuch(server);
      terminal.process.stdout.resume();
      const shown: string[] = [];
      const told = (async () => {
        while (!shown.at(-1)?.includes('lines not shown')) shown.push((await terminal.line()).trimEnd());
      })();
      while (!shown.at(-1)?.includes('lines not shown')) await serves(server);
      await told;
      // No line was cut for good, and none ran into another.
      for (const line of common(program, shown)) expect(line).toMatch(LINE);
      terminal.process.stdin.write('\x03');
      expect((await within(terminal.ended, 'its end')).code).toBe(0);
    });
  });
}
