/**
 * A server whose operator answers: document 003.
 *
 * Several clients talk, a message a line. Each message is shown, in the order in which they came, and the operator types the
 * answer, which goes to its sender. While the operator thinks, others can come, speak and leave: their messages queue up.
 *
 * What the original got wrong: it asked its operator with `input()`, which waits for the keyboard and for nothing else. Until
 * the answer was typed, nobody was let in and nobody was heard. The keyboard is a descriptor like any other: here it stands in
 * select's list with the listener and the clients, whenever there is a question; at other times what is typed waits.
 *
 * An answer goes to whom it was typed for or to nobody: when a client leaves while the operator types, the question stays until
 * the line is ended. A client that has 16 messages unanswered, or does not read its answers, is not read from. When the
 * keyboard comes to its end, messages are still shown, and no longer answered.
 */
import { errorCode } from '../error.js';
import { select } from '../select.js';
import { SignalPipe } from '../signal-pipe.js';
import * as sys from '../sys/index.js';
import type { Program, ServeOptions } from './program.js';
import { Keyboard } from './support/keyboard.js';
import { isWhole, Lines } from './support/lines.js';
import { Listener } from './support/listener.js';
import { Operator, printable } from './support/operator.js';

/** How many messages of one client may wait for an answer before it is not read from. */
const UNANSWERED = 16;
/** How much of a message is shown, in characters. */
const SHOWN = 1000;

class Guest {
  readonly lines = new Lines();
  /** How many of its messages wait for an answer. */
  waiting = 0;
  /** What it is still owed. */
  owed: Buffer = Buffer.alloc(0);
  /** It will send no more. */
  ended = false;

  constructor(
    readonly fd: number,
    readonly peer: string,
  ) {}

  get heard(): boolean {
    return !this.ended && this.waiting < UNANSWERED && this.owed.length === 0;
  }
}

interface Message {
  from: Guest;
  text: string;
}

function serve(options: ServeOptions): void {
  const operator = new Operator(options.quiet);
  using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
  const keyboard = new Keyboard();
  const listener = new Listener('select-chat', options, operator, sys.FD_SETSIZE);
  const guests = new Set<Guest>();
  /** In the order in which they came, and the one that the operator is asked about. */
  let messages: Message[] = [];
  let asked: Message | undefined;
  /** What was typed ahead. */
  const answers: Buffer[] = [];
  const buffer = Buffer.allocUnsafeSlow(4096);

  const welcome = (fd: number, peer: string): void => {
    operator.came(peer);
    guests.add(new Guest(fd, peer));
  };

  const leave = (guest: Guest, why?: string): void => {
    guests.delete(guest);
    messages = messages.filter((message) => message.from !== guest);
    sys.close(guest.fd);
    operator.left(guest.peer, why);
    // Somebody who leaves makes room for somebody at the door.
    listener.shut = false;
  };

  const hear = (guest: Guest): void => {
    const count = sys.recv(guest.fd, buffer);
    if (count === -sys.EAGAIN || count === -sys.EINTR) return;
    if (count < 0) {
      leave(guest, errorCode(count));
      return;
    }
    guest.ended = count === 0;
    const lines = guest.ended ? guest.lines.end() : guest.lines.take(buffer.subarray(0, count));
    guest.waiting += lines.length;
    for (const line of lines) messages.push({ from: guest, text: line.toString() });
    if (asked !== undefined && lines.length > 0) {
      const what = lines.length === 1 ? 'a message' : `${lines.length} messages`;
      operator.say(`${guest.peer} has sent ${what}: ${messages.length} waiting`);
    }
    if (guest.ended) letGo(guest);
  };

  /** Whoever has said everything stays until all is answered. */
  const letGo = (guest: Guest): void => {
    if (guest.ended && guest.waiting === 0 && guest.owed.length === 0) leave(guest);
  };

  const pay = (guest: Guest): void => {
    const sent = sys.send(guest.fd, guest.owed);
    if (sent === -sys.EAGAIN || sent === -sys.EINTR) return;
    if (sent < 0) {
      leave(guest, errorCode(sent));
      return;
    }
    guest.owed = guest.owed.subarray(sent);
    letGo(guest);
  };

  const answer = ({ from }: Message, line: Buffer | undefined): void => {
    from.waiting--;
    if (line === undefined) letGo(from);
    else if (!guests.has(from)) operator.say(`${from.peer} has left: nobody hears this answer`);
    else {
      from.owed = Buffer.concat([from.owed, line]);
      pay(from);
    }
  };

  /** Shows the next messages, up to one for which an answer has to be waited for. */
  const ask = (): void => {
    while (asked === undefined) {
      const message = messages.shift();
      if (message === undefined) return;
      operator.say(`${message.from.peer} says: ${shown(message.text)}`);
      if (keyboard.ended) {
        answer(message, undefined);
        continue;
      }
      operator.ask(`answer ${message.from.peer} >>: `);
      asked = message;
      if (answers.length > 0) take(answers.shift() as Buffer);
    }
  };

  const take = (line: Buffer): void => {
    const message = asked as Message;
    asked = undefined;
    const ended = isWhole(line);
    operator.answered(ended);
    answer(message, ended ? line : Buffer.concat([line, Buffer.from('\n')]));
  };

  const type = (): void => {
    answers.push(...keyboard.read());
    const line = answers.shift();
    if (line !== undefined) take(line);
    if (!keyboard.ended) return;
    operator.answered(false);
    operator.say('end of input: messages are shown, and not answered any more');
    if (asked !== undefined) answer(asked, undefined);
    asked = undefined;
  };

  for (;;) {
    ask();
    const heard = [...guests].filter((guest) => guest.heard);
    const owed = [...guests].filter((guest) => guest.owed.length > 0);
    // A listener that cannot accept stays readable: select would return at once, again and again.
    const door = listener.shut ? [] : [listener];
    const questioned = asked === undefined ? [] : [keyboard];
    const timeout = listener.shut ? listener.timeout : null;
    const [readable, writable] = select([signals, ...door, ...questioned, ...heard], owed, [], timeout);
    if (readable.includes(signals)) break;

    for (const guest of writable) if (guests.has(guest)) pay(guest);
    for (const guest of readable) if (guest instanceof Guest && guests.has(guest)) hear(guest);
    if (readable.includes(keyboard)) type();
    if (readable.includes(listener) || listener.overdue) listener.admit(welcome);
  }

  operator.answered(false);
  for (const guest of guests) sys.close(guest.fd);
  listener.close();
  operator.close();
}

function shown(text: string): string {
  const line = text.replace(/\r?\n$/, '');
  return printable(line.length > SHOWN ? `${line.slice(0, SHOWN)}…` : line);
}

export const selectChat: Program = {
  name: 'select-chat',
  document: '003',
  summary: 'a server over select(2) whose operator types the answer to each message; meanwhile the others are heard',
  port: 6969,
  serve,
};
