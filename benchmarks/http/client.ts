/**
 * One client of an HTTP server, the same one under all the loops: its bytes become requests (by llhttp, as in `web`), each
 * request is answered with the page. It does over a blocking socket what it does over a non-blocking one.
 */

import { input } from '../../src/programs/web/llhttp.js';
import { RequestParser } from '../../src/programs/web/request.js';
import * as sys from '../../src/sys/index.js';
import { answerTo, BAD } from './page.js';

/**
 * What came of serving it once.
 * - `idle`: it has sent nothing more
 * - `served`: something came and was answered; there may be more
 * - `blocked`: it does not take its answer; wait until it can be written to
 * - `gone`: it has left, or was told goodbye, and its descriptor is closed
 */
export type Outcome = 'idle' | 'served' | 'blocked' | 'gone';

export class HttpClient {
  readonly #parser = new RequestParser();
  /** Answers that it has not taken yet. */
  #owed: Buffer | null = null;
  #last = false;

  constructor(readonly fd: number) {}

  serve(): Outcome {
    if (this.#owed !== null) return this.#pay(this.#owed);
    const buffer = input();
    const count = sys.recv(this.fd, buffer);
    if (count > 0) return this.#answer(count);
    if (count === -sys.EAGAIN) return 'idle';
    return count === -sys.EINTR ? 'served' : this.#leave();
  }

  /** Serves it until it leaves, for who has nothing else to do: the socket blocks. */
  serveAll(): void {
    while (this.serve() !== 'gone');
  }

  /** Requests may come together, and in pieces. */
  #answer(length: number): Outcome {
    const answers: Buffer[] = [];
    for (let offset = 0; offset < length && !this.#last; ) {
      offset += this.#parser.read(offset, length - offset);
      if (this.#parser.refusal !== null) {
        this.#last = true;
        answers.push(BAD);
      } else if (this.#parser.stage === 'complete') {
        const { target, keepAlive } = this.#parser.request;
        this.#last = !keepAlive;
        answers.push(answerTo(target, keepAlive));
      }
    }
    const [first, ...more] = answers;
    if (first === undefined) return 'served';
    return this.#pay(more.length === 0 ? first : Buffer.concat(answers));
  }

  #pay(answer: Buffer): Outcome {
    const sent = sys.send(this.fd, answer);
    if (sent < 0 && sent !== -sys.EAGAIN && sent !== -sys.EINTR) return this.#leave();
    if (sent < answer.length) {
      this.#owed = answer.subarray(Math.max(sent, 0));
      return 'blocked';
    }
    this.#owed = null;
    return this.#last ? this.#leave() : 'served';
  }

  #leave(): 'gone' {
    this.close();
    return 'gone';
  }

  close(): void {
    this.#parser.free();
    sys.close(this.fd);
  }
}
