// Every echo program, driven by programs of other makers.
import { describe, expect, test } from 'vitest';
import { needs, start } from '../support/processes.js';
import { echoPrograms, FDMUX, pattern, queued, type Server, serve, settled, within } from '../support/servers.js';

const MIB = 1024 * 1024;

/** Sends its standard input, and shows what comes back, until both are at an end. */
const PYTHON = `
import socket, sys, threading
s = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def show():
    while data := s.recv(65536):
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
shower = threading.Thread(target=show)
shower.start()
while data := sys.stdin.buffer.raw.read(65536):
    s.sendall(data)
s.shutdown(socket.SHUT_WR)
shower.join()
`;

/** Programs of other makers, and fdmux's own: each passes its standard input on, and its end. */
const clients: readonly [name: string, argv: (server: Server) => [string, ...string[]]][] = [
  ['nc', ({ host, port }) => ['nc', '-N', host, String(port)]],
  ['socat', ({ host, port }) => ['socat', '-t', '20', '-', `TCP:${host}:${port}`]],
  ['python3', ({ host, port }) => ['python3', '-c', PYTHON, host, String(port)]],
  ['fdmux connect', ({ host, port }) => [process.execPath, FDMUX, 'connect', `${host}:${port}`]],
];

/** Of lines and in ASCII, so that a client of lines passes it on unchanged. */
const fourMiB = pattern(3 * MIB)
  .toString('base64')
  .replace(/(.{63})./g, '$1\n');

// What is not the tests' own client cannot tell a greeting from the echo.
const silent = echoPrograms.filter(({ greeting }) => greeting === undefined);

describe.each(silent)('$title', (program) => {
  describe.each(clients)('to %s', (_, argv) => {
    test('sends back each line, and then the end', async (ctx) => {
      const server = await serve(program);
      const [client, ...args] = argv(server);
      needs(ctx, client);
      const child = start(client, args);
      for (const line of ['hello', '', 'you']) {
        child.process.stdin.write(`${line}\n`);
        expect(await within(child.line(), 'the echo')).toBe(line);
      }
      child.process.stdin.end();
      expect(await within(child.ended, 'the end of the client')).toMatchObject({ code: 0, stdout: 'hello\n\nyou\n' });
    });

    test('4 MiB come back whole, whenever they are read', async (ctx) => {
      const server = await serve(program);
      const [client, ...args] = argv(server);
      needs(ctx, client);
      const child = start(client, args);
      child.process.stdout.pause();
      child.process.stdin.end(fourMiB);
      await settled(() => queued(server), 'what is on its way');
      child.process.stdout.resume();
      const { code, stdout } = await within(child.ended, 'the end of the client');
      expect(stdout.length).toBe(4 * MIB);
      expect(stdout === fourMiB).toBe(true);
      expect(code).toBe(0);
    });
  });
});
