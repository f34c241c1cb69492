/**
 * An echo server for one client at a time, with blocking calls: document 003.
 *
 * Before each reply the client is told `HOST:PORT have connected to server`, with its own address; the operator sees who came,
 * what came and who left. Whoever comes meanwhile waits in the kernel's backlog until the one before has left: the operator
 * is told so, as soon as somebody stands there. That is the lesson: a thread that waits in `recv` for one client serves no other.
 *
 * Before every call that could block, the server waits for that descriptor and for signals, and then makes the call. While a
 * thread is blocked in `recv`, JavaScript hears of no signal; and one that comes a moment before the call would not even
 * interrupt it. The server could not close its sockets and leave in good order. The same wait shows who stands at the
 * door, without accepting them.
 *
 * What the original got wrong: what `send` did not take was lost, and a client that reset its connection ended the server.
 */
import { type SystemError, systemError } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { Socket } from '../socket.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';

const MESSAGE = 65536;

/** What a wait throws when the operator stops the server. */
class Stopped extends Error {}

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const listener = new Listener('blocking-echo', options, operator, sys.FD_SETSIZE);
  let othersWait = false;

  const waitFor = (client: Socket, what: 'read' | 'write'): void => {
    const rlist = what === 'read' ? [client] : [];
    const wlist = what === 'write' ? [client] : [];
    for (;;) {
      // The listener stays readable while nobody accepts: once it has been seen, it is left out.
      const door = othersWait ? [] : [listener];
      const [readable, writable] = select([signals, ...door, ...rlist], wlist, []);
      if (readable.includes(signals)) throw new Stopped();
      if (readable.includes(listener)) {
        othersWait = true;
        operator.say('another client waits at the door, until this one leaves');
      }
      if (readable.includes(client) || writable.includes(client)) return;
    }
  };

  const reply = (client: Socket, bytes: Buffer): void => {
    for (let rest = bytes; rest.length > 0; ) {
      waitFor(client, 'write');
      // There is room for something. A blocking send would wait until there is room for all, and see nothing else.
      const sent = sys.send(client.fd, rest, 0, rest.length, sys.MSG_DONTWAIT);
      if (sent >= 0) rest = rest.subarray(sent);
      else if (sent !== -sys.EAGAIN && sent !== -sys.EINTR) throw systemError('send', sent);
    }
  };

  const converse = (fd: number, peer: string): void => {
    using client = Socket.adopt(fd);
    client.setBlocking(true);
    othersWait = false;
    operator.came(peer);
    const greeting = Buffer.from(`${peer} have connected to server\n`);
    let why = '';
    try {
      for (;;) {
        waitFor(client, 'read');
        const message = client.recv(MESSAGE);
        if (message.length === 0) break;
        operator.got(peer, message, message.length);
        reply(client, Buffer.concat([greeting, message]));
      }
    } catch (error) {
      // What has happened to this connection is no reason to end the next one.
      if (!(error instanceof Error && 'syscall' in error)) throw error;
      why = (error as SystemError).code;
    }
    operator.left(peer, why);
  };

  try {
    for (;;) {
      // A listener that cannot accept stays readable, too.
      const [readable] = listener.shut
        ? select([signals], [], [], listener.timeout)
        : select([signals, listener], [], []);
      if (readable.includes(signals)) break;
      listener.admit(converse, 1);
    }
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
  }
  listener.close();
  operator.close();
}

export const blockingEcho: Program = {
  name: 'blocking-echo',
  document: '003',
  summary: 'an echo server with blocking calls: one client at a time, greeted before each reply; the others wait',
  port: 6969,
  serve,
};
