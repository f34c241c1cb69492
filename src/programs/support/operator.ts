/** What a program tells the person at its terminal: who came, what came, who left. */
import { constants, fstatSync, openSync } from 'node:fs';
import { isatty } from 'node:tty';
import * as sys from '../../sys/index.js';

/** How long an unread terminal or pipe may hold up a server before its lines are dropped, in milliseconds. */
const PATIENCE = 200;
const EXCERPT = 32;
/** How many of a list are named in one line. */
const NAMED = 8;

const ready = new sys.PollFds(1);

/** A short look at bytes: printable ASCII as it is, all else escaped. */
export function excerpt(bytes: Uint8Array, length: number): string {
  let text = '';
  for (const byte of bytes.subarray(0, Math.min(length, EXCERPT))) {
    const char = String.fromCharCode(byte);
    if (char === '\n') text += '\\n';
    else if (char === '\r') text += '\\r';
    else if (char === '\t') text += '\\t';
    else if (char === '"' || char === '\\') text += `\\${char}`;
    else text += byte >= 32 && byte < 127 ? char : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return length > EXCERPT ? `"${text}"…` : `"${text}"`;
}

/** Text for a terminal, which obeys what it is sent: control characters are shown, not sent. Lines stay lines. */
export function printable(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what this is about
  return text.replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f]/g, (char) => {
    if (char === '\r') return '';
    return `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** A list in one line: the first few by name. */
export function listed(list: Iterable<{ toString(): string }>): string {
  const all = [...list];
  if (all.length === 0) return '(none)';
  const more = all.length > NAMED ? ` and ${all.length - NAMED} more` : '';
  return `${all.slice(0, NAMED).join(' ')}${more}`;
}

/**
 * Standard output, non-blocking. A terminal that says it has room may have it for half a line, and would block for the
 * other half; and O_NONBLOCK on standard output itself would be the shell's and its other programs', too: so it is opened
 * once more. What cannot be (a socket) or need not be (a file) is used as it is.
 */
function openOutput(): number {
  try {
    const what = fstatSync(sys.STDOUT_FILENO);
    if (!what.isCharacterDevice() && !what.isFIFO()) return sys.STDOUT_FILENO;
    return openSync('/proc/self/fd/1', constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return sys.STDOUT_FILENO;
  }
}

/** What each line begins with: who says it, where there are several. */
let speaker = '';

/** Makes the lines of this thread begin with a name. */
export function speakAs(name: string): void {
  speaker = name;
}

export class Operator {
  readonly #output = openOutput();
  #connected = 0;
  /** The question that stands at the end of the screen. */
  #question = '';
  #dropped = 0;
  /** Of a line that was cut short. */
  #rest = Buffer.alloc(0);

  /** @param quiet say nothing but `announce`ments */
  constructor(readonly quiet: boolean) {}

  /** Nothing more will be said. */
  close(): void {
    if (this.#output !== sys.STDOUT_FILENO) sys.close(this.#output);
  }

  /** Somebody has come. */
  came(peer: string): void {
    this.#connected++;
    this.say(`${peer} came (${this.#connected} connected)`);
  }

  /** Somebody has sent something. */
  got(peer: string, bytes: Uint8Array, length: number): void {
    if (this.quiet) return;
    this.announce(`${peer} sent ${length} ${length === 1 ? 'byte' : 'bytes'} ${excerpt(bytes, length)}`);
  }

  /** Somebody has left. @param why nothing for a client that said goodbye, else the error's name */
  left(peer: string, why = ''): void {
    this.#connected--;
    this.say(`${peer} left${why && `: ${why}`} (${this.#connected} connected)`);
  }

  /** A line for the operator who wants to see everything. */
  say(line: string): void {
    if (!this.quiet) this.announce(line);
  }

  /** A question, at the end of which the operator types; other lines may come before the answer. */
  ask(question: string): void {
    if (this.quiet) return;
    // Only a terminal shows the end of the line that is typed.
    if (isatty(sys.STDIN_FILENO)) {
      this.#question = question;
      this.#put(question);
    } else {
      this.announce(question);
    }
  }

  /** The question stands no more. @param ended whether its line has been: a terminal shows the end of what is typed */
  answered(ended: boolean): void {
    if (this.#question !== '' && !ended) this.#put('\n');
    this.#question = '';
  }

  /**
   * A line for everybody. A server must not hang on a terminal that nobody reads: what cannot be written within a short
   * while is dropped, and counted.
   */
  announce(line: string): void {
    const [before, after] = this.#question === '' ? ['', ''] : ['\n', this.#question];
    this.#put(`${before}${speaker}${line}\n${after}`);
  }

  #put(text: string): void {
    const patience = this.#dropped > 0 || this.#rest.length > 0 ? 0 : PATIENCE;
    this.#rest = this.#rest.subarray(this.#write(this.#rest, patience));
    const note = this.#dropped > 0 ? `(${this.#dropped} lines not shown: nobody read them)\n` : '';
    const bytes = Buffer.from(`${note}${text}`);
    const written = this.#rest.length > 0 ? 0 : this.#write(bytes, patience);
    if (written === 0) {
      this.#dropped++;
    } else {
      this.#dropped = 0;
      this.#rest = bytes.subarray(written);
    }
  }

  /** @returns how many bytes were written before the patience was at an end; all, when nobody will ever read them */
  #write(bytes: Buffer, patience: number): number {
    for (let offset = 0; offset < bytes.length; ) {
      ready.set(0, this.#output, sys.POLLOUT);
      const count = sys.poll(ready, 1, patience);
      if (count === -sys.EINTR) continue;
      if (count <= 0) return offset;
      const written = sys.write(this.#output, bytes, offset, Math.min(bytes.length - offset, sys.PIPE_BUF));
      if (written >= 0) offset += written;
      else if (written === -sys.EAGAIN) return offset;
      else if (written !== -sys.EINTR) return bytes.length;
    }
    return bytes.length;
  }
}
