/** Lines out of a stream of bytes, however the stream is cut into pieces. */

/** A longer line is handed out in pieces of about this length: nobody makes a program hold more. */
const LONGEST = 65536;

/** Whether a line has its newline: a piece, and what is left when the stream ends, have none. */
export function isWhole(line: Buffer): boolean {
  return line.at(-1) === 10;
}

export class Lines {
  #rest: Buffer = Buffer.alloc(0);

  /** @returns the lines that have become complete, each with its newline */
  take(bytes: Uint8Array): Buffer[] {
    // A copy: the caller reads into the same memory again.
    const all = Buffer.concat([this.#rest, bytes]);
    const lines: Buffer[] = [];
    let start = 0;
    for (let end = all.indexOf(10) + 1; end > 0; end = all.indexOf(10, start) + 1) {
      lines.push(all.subarray(start, end));
      start = end;
    }
    this.#rest = all.subarray(start);
    return this.#rest.length < LONGEST ? lines : lines.concat(this.end());
  }

  /** The stream has ended. @returns what follows the last newline, if anything does */
  end(): Buffer[] {
    const rest = this.#rest;
    this.#rest = Buffer.alloc(0);
    return rest.length > 0 ? [rest] : [];
  }
}
