/**
 * The client of the documents (002, 003): a `>>:` prompt, each line is sent, and what the server says is shown whenever
 * it says it.
 *
 * One thread waits for the keyboard and the server at once, which is what the originals could not: they sat in `input()`
 * while the server spoke, and in `recv` while the user typed.
 */

import { systemError } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import { Socket } from '../socket.js';
import type { InetAddress } from '../sys/index.js';
import * as sys from '../sys/index.js';

const PROMPT = '>>: ';
/** After the end of input, how long the server may stay silent before the client leaves, in milliseconds. */
const LAST_WORDS = 2000;

const { AF_INET, AF_INET6, EAGAIN, EINTR, SHUT_WR, STDIN_FILENO } = sys;

/**
 * Talks to a server until one of the two sides ends it.
 * @param interactive show the prompt: a person types
 * @returns why it ended, in words
 * @throws SystemError ECONNREFUSED…
 */
export function connect(address: InetAddress, interactive: boolean): string {
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  using socket = new Socket(address.family === 'IPv6' ? AF_INET6 : AF_INET);
  socket.connect(address);
  socket.setBlocking(false);

  const buffer = Buffer.alloc(65536);
  const keyboard = { fd: STDIN_FILENO };
  let typed = '';
  let toSend: Buffer = Buffer.alloc(0);
  let listening = true;
  let atLineStart = true;

  const show = (bytes: Uint8Array): void => {
    writeAll(bytes);
    atLineStart = bytes[bytes.length - 1] === 10;
  };
  const prompt = (): void => {
    if (!interactive) return;
    writeAll(Buffer.from(atLineStart ? PROMPT : `\n${PROMPT}`));
    atLineStart = true;
  };

  prompt();
  for (;;) {
    // The keyboard waits while the server does not take what was typed before.
    const from = [signals, socket, ...(listening && toSend.length === 0 ? [keyboard] : [])];
    const [readable, writable] = select(from, toSend.length > 0 ? [socket] : [], [], listening ? null : LAST_WORDS);
    if (readable.includes(signals)) return 'interrupted';
    if (readable.length + writable.length === 0) return 'end of input';

    if (writable.length > 0) {
      const sent = sys.send(socket.fd, toSend);
      if (sent >= 0) toSend = toSend.subarray(sent);
      else if (sent !== -EAGAIN && sent !== -EINTR) throw systemError('send', sent);
      if (toSend.length === 0 && !listening) socket.shutdown(SHUT_WR);
    }
    if (readable.includes(socket)) {
      const count = sys.recv(socket.fd, buffer);
      if (count === 0) return listening ? 'the server left' : 'end of input';
      if (count < 0 && count !== -EAGAIN && count !== -EINTR) throw systemError('recv', count);
      if (count > 0) {
        show(buffer.subarray(0, count));
        if (listening) prompt();
      }
    }
    if (readable.includes(keyboard)) {
      const count = sys.read(STDIN_FILENO, buffer);
      if (count === -EAGAIN || count === -EINTR) continue;
      const ended = count <= 0;
      typed += ended ? '' : buffer.toString('latin1', 0, count);
      const lines = typed.split('\n');
      typed = lines.pop() as string;
      // The last line may end with the input instead of a newline.
      if (ended && typed !== '') lines.push(typed);
      const farewell = lines.indexOf('exit');
      const said = farewell < 0 ? lines : lines.slice(0, farewell);
      toSend = Buffer.from(said.map((line) => `${line}\n`).join(''), 'latin1');
      if (farewell >= 0 && toSend.length === 0) return 'exit';
      listening = !ended && farewell < 0;
      if (!listening && toSend.length === 0) socket.shutdown(SHUT_WR);
      if (listening && toSend.length === 0) prompt();
    }
  }
}

function writeAll(bytes: Uint8Array): void {
  for (let offset = 0; offset < bytes.length; ) {
    const count = sys.write(sys.STDOUT_FILENO, bytes, offset);
    if (count >= 0) offset += count;
    else if (count === -EAGAIN) select([], [sys.STDOUT_FILENO], []);
    else if (count !== -EINTR) throw systemError('write', count);
  }
}
