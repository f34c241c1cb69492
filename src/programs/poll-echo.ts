/**
 * An echo server over poll(2): named by document 000 beside select and epoll, and the same job.
 *
 * The operator sees who comes, what comes and who leaves; a line typed at the keyboard stops the server. poll is given an
 * array of descriptors and fills in what is ready: nothing to copy, no 1024, but the kernel still goes through all of
 * them at every call, and so does the server.
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

const { POLLIN, POLLOUT, PollFds } = sys;

/** The first places of the array are not clients. A negative descriptor is skipped by the kernel. */
const SIGNALS = 0;
const KEYBOARD = 1;
const LISTENER = 2;
const FIRST_CLIENT = 3;

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const keyboard = new Keyboard(options.keyboard);
  const listener = new Listener('poll-echo', options, operator);
  /** The client in place `FIRST_CLIENT + i` of the array. */
  const clients: Connection[] = [];

  let fds = new PollFds(64);
  fds.set(SIGNALS, signals.fd, POLLIN);
  fds.set(KEYBOARD, keyboard.ended ? -1 : keyboard.fd, POLLIN);
  fds.set(LISTENER, listener.fd, POLLIN);

  const welcome = (fd: number, peer: string): void => {
    const place = FIRST_CLIENT + clients.length;
    if (place === fds.capacity) {
      const more = new PollFds(place * 2);
      for (let i = 0; i < place; i++) more.set(i, fds.fd(i), fds.events(i));
      fds = more;
    }
    fds.set(place, fd, POLLIN);
    clients.push(new Connection(fd, peer, operator));
  };

  // A client that does not read what it is owed is asked another question.
  const settle = (i: number, client: Connection, outcome: Outcome): void => {
    if (outcome === 'gone') {
      const last = clients.pop() as Connection;
      const place = FIRST_CLIENT + clients.length;
      if (last !== client) {
        clients[i] = last;
        fds.set(FIRST_CLIENT + i, last.fd, fds.events(place));
      }
      fds.set(place, -1, 0);
      fds.set(LISTENER, listener.fd, POLLIN);
    } else {
      const events = outcome === 'blocked' ? POLLOUT : POLLIN;
      if (events !== fds.events(FIRST_CLIENT + i)) fds.set(FIRST_CLIENT + i, client.fd, events);
    }
  };

  for (;;) {
    const count = sys.poll(fds, FIRST_CLIENT + clients.length, listener.timeout);
    if (count === -sys.EINTR) continue;
    if (isShortage(count)) {
      breathe();
      continue;
    }
    if (count < 0) throw systemError('poll', count);

    if (fds.revents(SIGNALS) !== 0) break;
    if (fds.revents(KEYBOARD) !== 0) {
      if (keyboard.read().some(isWhole)) break;
      if (keyboard.ended) fds.set(KEYBOARD, -1, 0);
    }
    // From the end: when one leaves, the last one, already served, comes to its place.
    for (let i = clients.length - 1; i >= 0; i--) {
      const client = clients[i] as Connection;
      if (fds.revents(FIRST_CLIENT + i) !== 0) settle(i, client, client.serve());
    }
    if (listener.overdue || fds.revents(LISTENER) !== 0) {
      listener.admit(welcome);
      // A listener that cannot accept stays readable: poll would return at once, again and again.
      fds.set(LISTENER, listener.shut ? -1 : listener.fd, POLLIN);
    }
  }

  for (const client of clients) client.close();
  listener.close();
  operator.close();
}

export const pollEcho: Program = {
  name: 'poll-echo',
  document: '000',
  summary: 'the same server over poll(2); a line typed by the operator stops it',
  port: 7788,
  scales: true,
  serve,
};
