/**
 * The client of the documents (002, 003): a `>>:` prompt, each line is sent, and what the server says is shown whenever
 * it says it, asked or not.
 *
 * It carries bytes in two directions, from the keyboard to the server and from the server to the screen, and each direction
 * waits for its slower end: nothing is typed ahead of a server that does not take it, nothing is heard ahead of a screen
 * that does not show it. One select waits for all four ends, and for signals.
 *
 * What the originals got wrong: they sat in `input()` while the server spoke, and in `recv` while the user typed.
 */
import { errorCode, systemError } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { Socket } from '../socket.js';
import type { InetAddress } from '../sys/index.js';
import * as sys from '../sys/index.js';
import { Keyboard } from './support/keyboard.js';
import { printable } from './support/operator.js';

const PROMPT = '>>: ';
/** The prompt comes after so much silence, in milliseconds: an answer that follows at once stands above it. */
const SILENCE = 150;
const NOTHING = Buffer.alloc(0);

const { AF_INET, AF_INET6, EAGAIN, EINTR, SHUT_WR } = sys;

export interface ConnectOptions {
  /** A person types: show the prompt, and leave when told to. */
  interactive: boolean;
  /** A terminal shows what comes: it would obey control characters, so they are shown instead. */
  terminal: boolean;
  /** After the end of what is not typed by a person, how long the server may stay silent, in milliseconds. */
  patience: number;
}

export interface Ending {
  /** In words. */
  why: string;
  /** It was not as it should be: something may have been lost. */
  failed: boolean;
}

/**
 * Talks to a server until one of the two sides ends it.
 * @returns why it ended
 * @throws SystemError ECONNREFUSED…
 */
export function connect(address: InetAddress, { interactive, terminal, patience }: ConnectOptions): Ending {
  using socket = new Socket(address.family === 'IPv6' ? AF_INET6 : AF_INET);
  socket.connect(address);
  socket.setBlocking(false);
  // Not before: until there is a connection, Ctrl-C ends the program as it ends any other.
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);

  const keyboard = new Keyboard();
  const screen = { fd: sys.STDOUT_FILENO };
  const decoder = new TextDecoder();
  const buffer = Buffer.allocUnsafeSlow(65536);
  let toSend: Buffer = NOTHING;
  let toShow: Buffer = NOTHING;
  let atLineStart = true;
  let prompted = false;
  /** Why it is about to end. */
  let leaving: 'exit' | 'end of input' | undefined;

  const show = (bytes: Buffer): void => {
    const text = terminal ? Buffer.from(printable(decoder.decode(bytes, { stream: true }))) : Buffer.from(bytes);
    if (text.length === 0) return;
    // What comes unasked leaves alone what is being typed.
    toShow = prompted ? Buffer.concat([Buffer.from('\n'), text]) : text;
    prompted = false;
    atLineStart = text.at(-1) === 10;
  };
  const prompt = (): void => {
    toShow = Buffer.from(atLineStart ? PROMPT : `\n${PROMPT}`);
    prompted = true;
    atLineStart = true;
  };
  const over = (why: string, failed: boolean): Ending => {
    if (toSend.length === 0) return { why, failed };
    return { why: `${why}; ${toSend.length} bytes could not be sent`, failed: true };
  };

  if (interactive) prompt();
  for (;;) {
    const sources = [
      signals,
      ...(toShow.length === 0 ? [socket] : []),
      ...(toSend.length === 0 && leaving === undefined ? [keyboard] : []),
    ];
    const sinks = [...(toSend.length > 0 ? [socket] : []), ...(toShow.length > 0 ? [screen] : [])];
    let timeout: number | null = null;
    // What was typed is sent however long the server takes over it, and shown however long the screen does.
    if (sinks.length === 0 && leaving !== undefined) timeout = interactive ? 0 : patience;
    else if (sinks.length === 0 && interactive && !prompted) timeout = SILENCE;
    const [readable, writable] = select(sources, sinks, [], timeout);
    if (readable.includes(signals)) return { why: 'interrupted', failed: false };
    if (readable.length + writable.length === 0) {
      if (leaving !== undefined) return over(leaving, false);
      prompt();
    }

    if (writable.includes(screen)) {
      // A pipe that is writable has room for so much.
      const count = sys.write(screen.fd, toShow, 0, Math.min(toShow.length, sys.PIPE_BUF));
      if (count >= 0) toShow = toShow.subarray(count);
      else if (count !== -EAGAIN && count !== -EINTR) throw systemError('write', count);
    }
    if (writable.includes(socket)) {
      const sent = sys.send(socket.fd, toSend);
      if (sent >= 0) toSend = toSend.subarray(sent);
      else if (sent !== -EAGAIN && sent !== -EINTR) return over(`the server left: ${errorCode(sent)}`, true);
      if (toSend.length === 0 && leaving !== undefined) sys.shutdown(socket.fd, SHUT_WR);
    }
    if (readable.includes(socket)) {
      const count = sys.recv(socket.fd, buffer);
      if (count > 0) show(buffer.subarray(0, count));
      else if (count === 0) return over(toSend.length === 0 && leaving ? leaving : 'the server left', false);
      else if (count !== -EAGAIN && count !== -EINTR) return over(`the server left: ${errorCode(count)}`, true);
    }
    if (readable.includes(keyboard)) {
      const lines = keyboard.read();
      // The terminal has ended the line, too.
      if (lines.length > 0) prompted = false;
      const farewell = lines.findIndex((line) => /^exit\r?\n?$/.test(line.toString('latin1')));
      toSend = Buffer.concat(farewell < 0 ? lines : lines.slice(0, farewell));
      if (farewell >= 0) leaving = 'exit';
      else if (keyboard.ended) {
        leaving = 'end of input';
        if (toSend.length > 0) toSend = Buffer.concat([toSend, Buffer.from('\n')]);
      }
      if (leaving !== undefined && toSend.length === 0) sys.shutdown(socket.fd, SHUT_WR);
    }
  }
}
