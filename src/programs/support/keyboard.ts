/** The operator's keyboard, as one more descriptor to wait for. */
import * as sys from '../../sys/index.js';
import { Lines } from './lines.js';

export class Keyboard {
  readonly fd = sys.STDIN_FILENO;
  /** There is no keyboard (any more): stop waiting for it. */
  ended: boolean;
  readonly #lines = new Lines();
  readonly #buffer = Buffer.allocUnsafeSlow(65536);

  /** @param ours false where another thread listens to it */
  constructor(ours = true) {
    this.ended = !ours;
  }

  /** Reads what was typed. @returns the lines that have become complete; only what was typed last may lack its newline */
  read(): Buffer[] {
    const count = sys.read(this.fd, this.#buffer);
    if (count === -sys.EAGAIN || count === -sys.EINTR) return [];
    if (count > 0) return this.#lines.take(this.#buffer.subarray(0, count));
    this.ended = true;
    return this.#lines.end();
  }
}
