/**
 * A server that does not wait but asks, again and again: document 003.
 *
 * Its sockets are non-blocking: a call that cannot go on fails at once with EAGAIN, "try again". So it tries to accept, shows
 * the error, tries to receive from everybody it has let in, sleeps (4 s unless `--interval` says otherwise), and begins again.
 * A client is greeted, heard, and its connection closed. The operator sees each try and what came of it, and the price: for
 * as long as the sleep lasts nobody is served, and without it the processor would do nothing but ask. select, poll and epoll
 * are the way out: they sleep until there is something to do.
 *
 * What the original got wrong: it received right after accepting, when nothing could have arrived yet, took EAGAIN for an
 * end, closed, and so lost what the client sent. Here a client who has said nothing yet is asked again at the next turn; and
 * who has, is told that it has been heard (the server ends its side) but listened to until it ends its own, because closing
 * with something unread would take even the greeting back.
 *
 * It sleeps in select with no descriptor but the one that signals come through, so that it can be stopped at any moment.
 */
import { errorCode, type SystemError } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { addressText, Socket } from '../socket.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { listen } from './support/listener.js';
import { Operator } from './support/operator.js';

/** How many clients are heard at a time; the others wait in the backlog. */
const GUESTS = 64;
/** How often one client is read from in a turn. */
const READS = 64;
/** After how many turns of silence a client is dismissed: one who has not said anything, and one who has. */
const SILENCE = 15;
const LAST_WORDS = 2;

export interface NonblockingPollOptions extends ServeOptions {
  /** In seconds. */
  interval: number;
}

interface Guest {
  socket: Socket;
  peer: string;
  heard: boolean;
  silent: number;
}

function serve(options: NonblockingPollOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  using listener = Socket.adopt(listen('nonblocking-poll', options, operator));
  const guests = new Set<Guest>();
  const buffer = Buffer.allocUnsafeSlow(65536);

  /** @returns false when nobody (more) can be let in now */
  const tryToAccept = (): boolean => {
    try {
      const [socket, address] = listener.accept();
      socket.setBlocking(false);
      const peer = addressText(address);
      operator.came(peer);
      const guest: Guest = { socket, peer, heard: false, silent: 0 };
      guests.add(guest);
      // Nothing has been sent yet: there is room for a line. Only who has gone again cannot be greeted.
      const sent = sys.send(socket.fd, Buffer.from(`${peer} have connected to server\n`));
      if (sent < 0) dismiss(guest, errorCode(sent));
      return true;
    } catch (error) {
      const { code } = error as SystemError;
      const about = code === 'EAGAIN' ? ': nobody is there' : '';
      operator.say(`accept: ${code}${about}. Next try in ${options.interval} s`);
      return false;
    }
  };

  const dismiss = (guest: Guest, why?: string): void => {
    guests.delete(guest);
    guest.socket.close();
    operator.left(guest.peer, why);
  };

  const tryToReceive = (guest: Guest): void => {
    for (let i = 0; i < READS; i++) {
      const count = sys.recv(guest.socket.fd, buffer);
      if (count > 0) {
        operator.got(guest.peer, buffer, count);
        if (!guest.heard) sys.shutdown(guest.socket.fd, sys.SHUT_WR);
        guest.heard = true;
        guest.silent = 0;
        continue;
      }
      if (count === 0) dismiss(guest);
      else if (count !== -sys.EAGAIN && count !== -sys.EINTR) dismiss(guest, errorCode(count));
      else if (i === 0) wasSilent(guest);
      return;
    }
  };

  const wasSilent = (guest: Guest): void => {
    guest.silent++;
    if (guest.silent === (guest.heard ? LAST_WORDS : SILENCE)) dismiss(guest, 'silent for too long');
    else if (!guest.heard) operator.say(`recv from ${guest.peer}: EAGAIN: nothing has come yet`);
  };

  for (;;) {
    while (guests.size < GUESTS && tryToAccept());
    for (const guest of guests) tryToReceive(guest);
    const [interrupted] = select([signals], [], [], options.interval * 1000);
    if (interrupted.length > 0) break;
  }

  for (const { socket } of guests) socket.close();
  operator.close();
}

export const nonblockingPoll: Program<NonblockingPollOptions> = {
  name: 'nonblocking-poll',
  document: '003',
  summary: 'non-blocking calls without select: the error EAGAIN is shown, and a sleep between the tries',
  port: 6969,
  options: [
    {
      flags: '--interval <seconds>',
      description: 'how long to sleep between the tries',
      kind: 'seconds',
      default: 4,
    },
  ],
  serve,
};
