/**
 * An echo server over select(2) that listens to its operator, too: document 000, "select".
 *
 * The operator sees who comes, what comes and who leaves; a line typed at the keyboard stops the server. select is given
 * three sets of bits at every call and leaves in them what is ready: so the server keeps a set of its own, hands in a
 * copy, and then asks for each descriptor whether its bit is still there.
 *
 * What the original got wrong: it sent with `send` and forgot what the kernel did not take; it read on from a client
 * that did not read, or blocked everybody for it; it knew nothing of descriptors beyond 1023, where a C program writes
 * outside its fd_set; and a client that reset its connection ended the server.
 */
import { systemError } from '../error.js';
import { SignalPipe } from '../signal-pipe.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Connection, type Outcome } from './support/connection.js';
import { Keyboard } from './support/keyboard.js';
import { isWhole } from './support/lines.js';
import { Listener } from './support/listener.js';
import { Operator } from './support/operator.js';
import { breathe, isShortage } from './support/shortage.js';

const { FD_SETSIZE, FdSet } = sys;

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const keyboard = new Keyboard(options.keyboard);
  const listener = new Listener('select-echo', options, operator, FD_SETSIZE);
  /** Each at its descriptor's number. */
  const clients: (Connection | undefined)[] = [];

  // What is waited for, and the copies that select turns into what is ready.
  const reading = new FdSet().add(listener.fd).add(signals.fd);
  if (!keyboard.ended) reading.add(keyboard.fd);
  const writing = new FdSet();
  const readable = new FdSet();
  const writable = new FdSet();
  let highest = Math.max(listener.fd, signals.fd);

  const welcome = (fd: number, peer: string): void => {
    clients[fd] = new Connection(fd, peer, operator);
    reading.add(fd);
    if (fd > highest) highest = fd;
  };

  // A client that does not read what it is owed is waited for in the other set.
  const settle = (fd: number, outcome: Outcome): void => {
    if (outcome === 'gone') {
      reading.delete(fd);
      writing.delete(fd);
      clients[fd] = undefined;
      reading.add(listener.fd);
    } else if (outcome === 'blocked') {
      reading.delete(fd);
      writing.add(fd);
    } else if (writing.delete(fd)) {
      reading.add(fd);
    }
  };

  for (;;) {
    readable.copy(reading);
    writable.copy(writing);
    const timeoutUs = listener.shut ? listener.timeout * 1000 : null;
    const count = sys.select(highest + 1, readable, writable, null, timeoutUs);
    if (count === -sys.EINTR) continue;
    if (isShortage(count)) {
      breathe();
      continue;
    }
    if (count < 0) throw systemError('select', count);

    if (readable.has(signals.fd)) break;
    if (readable.has(keyboard.fd)) {
      if (keyboard.read().some(isWhole)) break;
      if (keyboard.ended) reading.delete(keyboard.fd);
    }
    if (listener.overdue || readable.has(listener.fd)) {
      listener.admit(welcome);
      // A listener that cannot accept stays readable: select would return at once, again and again.
      if (listener.shut) reading.delete(listener.fd);
      else reading.add(listener.fd);
    }
    // select says how many are ready, not which: this scan is its price.
    for (let fd = 0; fd < clients.length; fd++) {
      const client = clients[fd];
      if (client !== undefined && (readable.has(fd) || writable.has(fd))) settle(fd, client.serve());
    }
  }

  for (const client of clients) client?.close();
  listener.close();
  operator.close();
}

export const selectEcho: Program = {
  name: 'select-echo',
  document: '000',
  summary: 'an echo server over select(2); a line typed by the operator stops it',
  port: 7788,
  scales: true,
  serve,
};
