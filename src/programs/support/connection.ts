/** One client of an echo server: what it sends comes back, and it is not read from while it owes us room. */
import { errorCode } from '../../error.js';
import * as sys from '../../sys/index.js';
import type { Operator } from './operator.js';
import { breathe, isShortage } from './shortage.js';

/**
 * What came of serving a client once.
 * - `idle`: it has sent nothing more
 * - `served`: something came and went back; there may be more
 * - `blocked`: it does not read what it is owed; wait until it can be written to
 * - `gone`: it has left, and its descriptor is closed
 */
export type Outcome = 'idle' | 'served' | 'blocked' | 'gone';

/** One for all: what is not sent at once is copied. It bounds what a client can make the server hold. */
const buffer = Buffer.allocUnsafeSlow(65536);

export class Connection {
  /**
   * The kernel had no memory for the last call. It is to be served again, of which a level-triggered wait tells, and an edge
   * does not: nothing changes.
   */
  untold = false;
  /** What the client is still owed. */
  #owed: Buffer | null = null;

  /** @param peer its name for the operator */
  constructor(
    readonly fd: number,
    readonly peer: string,
    readonly operator: Operator,
  ) {
    operator.came(peer);
  }

  /**
   * Pays what is owed; if nothing is, reads once and sends it back.
   * @param trusting what a read brings is all there is if it is less than there was room for: then it is `idle`
   */
  serve(trusting = false): Outcome {
    this.untold = false;
    if (this.#owed !== null) return this.#pay(this.#owed);
    const count = sys.recv(this.fd, buffer);
    if (count > 0) {
      this.operator.got(this.peer, buffer, count);
      const sent = sys.send(this.fd, buffer, 0, count);
      if (sent !== count) return this.#pay(buffer.subarray(0, count), sent);
      return trusting && count < buffer.length ? 'idle' : 'served';
    }
    if (count === 0) return this.leave();
    if (count === -sys.EAGAIN) return 'idle';
    if (isShortage(count)) return this.#later('idle');
    return count === -sys.EINTR ? 'served' : this.leave(errorCode(count));
  }

  /** @param sent what has come of sending all the bytes; what is left is kept */
  #pay(bytes: Buffer, sent = sys.send(this.fd, bytes)): Outcome {
    let result = sent;
    while (result === -sys.EINTR) result = sys.send(this.fd, bytes);
    if (result === bytes.length) {
      this.#owed = null;
      return 'served';
    }
    const short = isShortage(result);
    if (result < 0 && result !== -sys.EAGAIN && !short) return this.leave(errorCode(result));
    const rest = bytes.subarray(Math.max(result, 0));
    this.#owed = rest.buffer === buffer.buffer ? Buffer.from(rest) : rest;
    return short ? this.#later('blocked') : 'blocked';
  }

  #later(outcome: Outcome): Outcome {
    breathe();
    this.untold = true;
    return outcome;
  }

  /** It goes, or is sent away. @param why as the operator is told */
  leave(why?: string): Outcome {
    this.close();
    this.operator.left(this.peer, why);
    return 'gone';
  }

  toString(): string {
    return `${this.peer}(${this.fd})`;
  }

  close(): void {
    sys.close(this.fd);
  }
}
