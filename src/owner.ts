/** What owns a descriptor: it closes it once, never touches it afterwards, and is not lost silently. */
import { systemError } from './error.js';
import * as sys from './sys/index.js';
import { own } from './sys/owned.js';

interface Lost {
  name: string;
  fd: number;
}

const lost = new FinalizationRegistry<Lost>(({ name, fd }) => {
  sys.close(fd);
  process.emitWarning(`${name} (descriptor ${fd}) was garbage collected while open: close() it`, 'ResourceWarning');
});

/** What a closed object throws. */
export function closedError(name: string): Error {
  return Object.assign(new Error(`The ${name} is closed`), { code: `ERR_${name.toUpperCase()}_CLOSED` });
}

/** The base of every object with a descriptor of its own. A worker's end closes what its objects still have open. */
export abstract class Owner implements Disposable {
  #fd: number;
  readonly #name: string;

  /**
   * @param name of the class, for messages
   * @param fd its descriptor from now on
   */
  protected constructor(name: string, fd: number) {
    this.#name = name;
    this.#fd = fd;
    own(fd);
    lost.register(this, { name, fd }, this);
  }

  /** The descriptor, −1 once closed. */
  get fd(): number {
    return this.#fd;
  }

  /** Whether `close()` has been called. */
  get closed(): boolean {
    return this.#fd === -1;
  }

  /** The descriptor, for a call that needs one. @throws ERR_…_CLOSED once closed */
  protected open(): number {
    if (this.#fd !== -1) return this.#fd;
    throw closedError(this.#name);
  }

  /**
   * Closes the descriptor. Closing twice is harmless.
   * @throws SystemError when the kernel has an error to report (EIO); the descriptor is gone all the same
   */
  close(): void {
    const fd = this.#fd;
    if (fd === -1) return;
    this.#fd = -1;
    lost.unregister(this);
    const result = sys.close(fd);
    // Linux has freed the descriptor before a signal can interrupt: EINTR is no failure.
    if (result < 0 && result !== -sys.EINTR) throw systemError('close', result);
  }

  /** Closes it at the end of a `using`. */
  [Symbol.dispose](): void {
    this.close();
  }
}
