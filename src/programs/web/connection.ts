/** One client: its bytes become requests, its requests replies, one after the other, each only as fast as it takes them. */
import { readSync } from 'node:fs';
import { errorCode } from '../../error.js';
import * as sys from '../../sys/index.js';
import type { Operator } from '../support/operator.js';
import { breathe, isShortage } from '../support/shortage.js';
import { answer } from './answer.js';
import type { Clock } from './clock.js';
import type { Root } from './files.js';
import { input } from './llhttp.js';
import { bare, head, page, type Reply } from './reply.js';
import { RequestParser } from './request.js';

/**
 * What came of serving a client.
 * - `idle`: it has sent nothing more
 * - `blocked`: it does not take what it is sent; wait until it can be written to
 * - `busy`: there is more to do, which the kernel may not tell of again: it was cut short so that others have their turn
 * - `gone`: it has left, and its descriptor is closed
 */
export type Outcome = 'idle' | 'blocked' | 'busy' | 'gone';

/** What all connections of a server share. */
export interface Site {
  readonly root: Root;
  readonly operator: Operator;
  readonly clock: Clock;
  /** How long a client may neither ask nor take what it asked for, in milliseconds. */
  readonly idleTimeout: number;
  /** How long a request may take to arrive, in milliseconds. */
  readonly headerTimeout: number;
}

const { EPOLLIN, EPOLLOUT } = sys;

/** How many pieces of a file, or requests that came together, one client is served before the others have their turn. */
const TURNS = 16;
/** How long a client that is sent away may still send, in milliseconds, so that it gets to read why. */
const LINGER = 2000;
const LONGEST_SHOWN = 200;

/** One for all: what the kernel does not take is read from the file again. A connection holds none of it. */
const piece = Buffer.allocUnsafeSlow(65536);

export class Connection {
  /** When it has waited too long, on the site's clock. */
  deadline = 0;
  /** Level-triggered: what the kernel was last asked to tell of it. */
  interest = 0;
  readonly #parser = new RequestParser();
  /** There is something to read, as far as one knows. */
  #readable = false;
  /** Behind the bytes that there are to read lies something that was told with them: an end, an error, urgent data. */
  #behind = false;
  /** What came after a request that is being answered. */
  #rest: Buffer | null = null;
  #reply: Reply | null = null;
  /** What is left of the reply's header and its text. */
  #text = '';
  #bodySent = 0;
  /** The reply is the last one. */
  #last = false;
  /** Nothing is sent any more, and what comes is thrown away. */
  #lingering = false;

  /** @param peer its name for the operator */
  constructor(
    readonly fd: number,
    readonly peer: string,
    readonly site: Site,
  ) {
    this.#wait(site.headerTimeout);
  }

  /** @param told the kernel's events; 0 to go on with what is left */
  serve(told: number): Outcome {
    if ((told & ~EPOLLOUT) !== 0) this.#readable = true;
    if ((told & ~(EPOLLIN | EPOLLOUT)) !== 0) this.#behind = true;
    for (let turn = 0; turn < TURNS; turn++) {
      let outcome: Outcome | 'done';
      if (this.#reply !== null) outcome = this.#send(this.#reply);
      else if (this.#rest !== null) outcome = this.#parseRest(this.#rest);
      else if (this.#readable) outcome = this.#receive();
      else return 'idle';
      if (outcome !== 'done') return outcome;
    }
    return 'busy';
  }

  /** Its deadline has passed. */
  expire(): Outcome {
    if (this.#reply !== null) return this.#leave('it stopped reading');
    if (this.#lingering || this.#parser.stage === 'between' || this.#parser.stage === 'complete') return this.#leave();
    return this.refuse(408);
  }

  /** Answers with an error, and ends the connection. */
  refuse(status: number, reason = ''): Outcome {
    this.#begin(page(status, reason), true);
    return this.serve(0);
  }

  close(): void {
    if (this.#reply !== null && this.#reply.fd >= 0) sys.close(this.#reply.fd);
    this.#parser.free();
    sys.close(this.fd);
  }

  #wait(milliseconds: number): void {
    this.deadline = this.site.clock.in(milliseconds);
  }

  #receive(): Outcome | 'done' {
    const buffer = input();
    const count = sys.recv(this.fd, buffer);
    // epoll(7), question 9: of a stream, less than there was room for is all that there was, and what comes later is told
    // anew, on an edge too. Only what was told with these bytes is not told again.
    if (count === -sys.EINTR) return 'done';
    if (isShortage(count)) return this.#later();
    if (count <= 0) this.#behind = false;
    if (count < buffer.length && !this.#behind) this.#readable = false;
    if (count === -sys.EAGAIN) return 'done';
    if (count <= 0) return this.#leave(count === 0 ? '' : errorCode(count));
    if (!this.#lingering) this.#parse(0, count);
    return 'done';
  }

  #parseRest(rest: Buffer): 'done' {
    this.#rest = null;
    input().set(rest);
    this.#parse(0, rest.length);
    return 'done';
  }

  #parse(offset: number, length: number): void {
    const parser = this.#parser;
    const before = parser.stage;
    const count = parser.read(offset, length);
    if (parser.refusal !== null) {
      this.#begin(page(parser.refusal.status, parser.refusal.reason), true);
    } else if (parser.stage === 'complete') {
      if (count < length) this.#rest = Buffer.from(input().subarray(offset + count, offset + length));
      this.#begin(answer(parser.request, this.site.root, this.site.clock.time), !parser.request.keepAlive);
    } else if (parser.awaitsContinue) {
      parser.awaitsContinue = false;
      this.#text = 'HTTP/1.1 100 Continue\r\n\r\n';
      this.#reply = bare(100);
    } else if (before === 'complete') {
      this.#wait(this.site.headerTimeout);
    }
  }

  #begin(reply: Reply, last: boolean): void {
    const { request } = this.#parser;
    this.#reply = reply;
    this.#last = last;
    this.#bodySent = 0;
    const connection = last ? 'close' : request.version === 10 ? 'keep-alive' : '';
    this.#text = head(reply, this.site.clock.date, connection);
    if (request.method !== 'HEAD') {
      this.#text += reply.text;
    } else if (reply.fd >= 0) {
      sys.close(reply.fd);
      reply.fd = -1;
    }
  }

  /** Sends a piece: the header and the beginning of the file go together. */
  #send(reply: Reply): Outcome | 'done' {
    const textLength = piece.write(this.#text, 'latin1');
    let length = textLength;
    if (reply.fd >= 0 && reply.start < reply.end) {
      const count = this.#read(reply, textLength);
      // More was promised: only an end makes the client see that it did not get all.
      if (count === 0) return this.#leave('the file ended early');
      length += count;
    }
    const sent = sys.send(this.fd, piece, 0, length);
    if (sent === -sys.EAGAIN) return 'blocked';
    if (sent === -sys.EINTR) return 'done';
    if (isShortage(sent)) return this.#later();
    if (sent < 0) return this.#leave(errorCode(sent));

    this.#text = this.#text.slice(sent);
    const ofFile = Math.max(0, sent - textLength);
    reply.start += ofFile;
    this.#bodySent += ofFile;
    this.#wait(this.site.idleTimeout);
    if (this.#text === '' && (reply.fd < 0 || reply.start === reply.end)) return this.#finish(reply);
    return sent < length ? 'blocked' : 'done';
  }

  /** The kernel had no memory for it, and tells nobody when it has. */
  #later(): Outcome {
    breathe();
    return 'busy';
  }

  #read(reply: Reply, offset: number): number {
    try {
      return readSync(reply.fd, piece, offset, Math.min(piece.length - offset, reply.end - reply.start), reply.start);
    } catch {
      return 0;
    }
  }

  #finish(reply: Reply): Outcome | 'done' {
    if (reply.fd >= 0) sys.close(reply.fd);
    this.#reply = null;
    if (reply.status === 100) {
      this.#wait(this.site.headerTimeout);
      return 'done';
    }
    this.#tell(reply, reply.reason);
    if (!this.#last) return 'done';
    // Whoever asked for the end has sent all. Closing on others, who still send, would reset the connection and take
    // the last words back: they are listened to for a while.
    if (this.#parser.refusal === null && this.#parser.stage === 'complete' && this.#rest === null) {
      this.close();
      return 'gone';
    }
    this.#rest = null;
    this.#lingering = true;
    this.#wait(LINGER);
    sys.shutdown(this.fd, sys.SHUT_WR);
    return 'done';
  }

  #leave(why = ''): Outcome {
    if (this.#reply !== null) this.#tell(this.#reply, `cut short${why && `: ${why}`}`);
    this.close();
    return 'gone';
  }

  #tell(reply: Reply, note: string): void {
    const { operator } = this.site;
    if (operator.quiet) return;
    const { method, target } = this.#parser.request;
    const asked = method === '' ? '-' : `${method} ${shown(target)}`;
    const bytes = this.#parser.request.method === 'HEAD' ? 0 : this.#bodySent + reply.text.length;
    operator.announce(`${this.peer} "${asked}" ${reply.status} ${bytes} bytes${note && ` (${note})`}`);
  }
}

/** A client's words on the operator's terminal: nothing in them is obeyed. */
function shown(text: string): string {
  const cut = text.length > LONGEST_SHOWN ? `${text.slice(0, LONGEST_SHOWN)}…` : text;
  return cut.replace(/[^\x20-\x7e…]|["\\]/g, (char) => `\\x${char.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
