/**
 * A pipe: what is written into one end can be read from the other.
 *
 * ```ts
 * import { Pipe, select } from 'fdmux';
 * using pipe = new Pipe();
 * pipe.write(Buffer.from('hello'));
 * select([pipe], [], []);
 * console.log(pipe.read(1024).toString()); // hello
 * ```
 */
import { succeeded, uninterrupted } from './error.js';
import { closedError, Owner } from './owner.js';
import { int32, integer } from './sys/check.js';
import * as sys from './sys/index.js';

/** The end to write to: an object with a `fd` of its own, for whoever waits for room. */
class Writer extends Owner {
  constructor(fd: number) {
    super('Pipe', fd);
  }
}

/** pipe(2), blocking unless O_NONBLOCK is given. Its `fd` is the end to read from. */
export class Pipe extends Owner {
  /** The end to write to, to wait for room with, or to close before the other: then the reader finds the end. */
  readonly writer: Owner;

  /**
   * @param flags O_NONBLOCK: calls that cannot go on throw EAGAIN; O_DIRECT: a read takes what one write wrote. Both ends
   *   are close-on-exec
   * @throws SystemError EINVAL, EMFILE, ENFILE; TypeError | RangeError for what is no C int
   */
  constructor(flags = 0) {
    const pipefd = new Int32Array(2);
    succeeded('pipe2', sys.pipe2(pipefd, int32('flags', flags) | sys.O_CLOEXEC));
    super('Pipe', pipefd[0] as number);
    this.writer = new Writer(pipefd[1] as number);
  }

  /**
   * Reads what there is.
   * @param size how many bytes at most, 1 to 2³⁰
   * @returns the bytes; none at the end, once the writing end is closed everywhere
   * @throws SystemError EAGAIN when the pipe is non-blocking and empty; TypeError | RangeError; ERR_PIPE_CLOSED
   */
  read(size: number): Buffer<ArrayBuffer> {
    const fd = this.open();
    const buffer = Buffer.allocUnsafeSlow(integer('size', size, 1, 2 ** 30));
    const count = uninterrupted('read', () => sys.read(fd, buffer));
    return count < size / 2 ? Buffer.from(buffer.subarray(0, count)) : buffer.subarray(0, count);
  }

  /**
   * Writes what there is room for.
   * @returns how many bytes that was
   * @throws SystemError EAGAIN when the pipe is non-blocking and full, EPIPE when the reading end is closed everywhere;
   *   TypeError; ERR_PIPE_CLOSED
   */
  write(data: Uint8Array): number {
    if (this.writer.closed) throw closedError('Pipe');
    const { fd } = this.writer;
    return uninterrupted('write', () => sys.write(fd, data));
  }

  /** Closes both ends. */
  override close(): void {
    this.writer.close();
    super.close();
  }
}
