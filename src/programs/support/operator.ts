/** What a program tells the person at its terminal: who came, what came, who left. */
import * as sys from '../../sys/index.js';

/** How long an unread terminal or pipe may hold up a server before its lines are dropped, in milliseconds. */
const PATIENCE = 200;
const EXCERPT = 32;

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

export class Operator {
  #connected = 0;
  #dropped = 0;

  /** @param quiet say nothing but `announce`ments */
  constructor(readonly quiet: boolean) {}

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

  /**
   * A line for everybody. A server must not hang on a terminal that nobody reads: what cannot be written within a short
   * while is dropped, and counted.
   */
  announce(line: string): void {
    const note = this.#dropped > 0 ? `(${this.#dropped} lines not shown: nobody read them)\n` : '';
    if (this.#write(Buffer.from(`${note}${line}\n`))) this.#dropped = 0;
    else this.#dropped++;
  }

  #write(bytes: Buffer): boolean {
    for (let offset = 0; offset < bytes.length; ) {
      ready.set(0, sys.STDOUT_FILENO, sys.POLLOUT);
      // Once a line has begun it is finished, however long that takes.
      const count = sys.poll(ready, 1, offset === 0 && this.#dropped > 0 ? 0 : PATIENCE);
      if (count === -sys.EINTR) continue;
      if (count <= 0 && offset === 0) return false;
      if (count <= 0) continue;
      const written = sys.write(sys.STDOUT_FILENO, bytes, offset, Math.min(bytes.length - offset, sys.PIPE_BUF));
      if (written >= 0) offset += written;
      else if (written !== -sys.EAGAIN && written !== -sys.EINTR) return true;
    }
    return true;
  }
}
