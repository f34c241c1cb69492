/**
 * Signals as a readable descriptor, for a thread that waits in select, poll or epoll: JavaScript's own signal handlers
 * do not run while it does.
 *
 * ```ts
 * import { SignalPipe, select } from 'fdmux';
 * using signals = new SignalPipe(['SIGINT', 'SIGTERM']);
 * select([signals], [], []);
 * console.log(signals.read()); // ['SIGINT']
 * ```
 */
import { constants } from 'node:os';
import { isMainThread } from 'node:worker_threads';
import { succeeded } from './error.js';
import { Owner } from './owner.js';
import { invalidType } from './sys/check.js';
import { keepDisposition, restoreDisposition } from './sys/disposition.js';
import * as sys from './sys/index.js';
import { own } from './sys/owned.js';

/** Open ones are not garbage: the signals that they hold would be nobody's. */
const open = new Set<SignalPipe>();

const names = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name as NodeJS.Signals]));

function nothing(): void {}

/** How many pipes hold a listener of libuv's in its place: one for all of them, or Node.js would warn of a leak. */
const held = new Map<NodeJS.Signals, number>();

function hold(name: NodeJS.Signals): void {
  const count = held.get(name) ?? 0;
  if (count === 0) {
    keepDisposition(constants.signals[name]);
    process.on(name, nothing);
  }
  held.set(name, count + 1);
}

function release(name: NodeJS.Signals): void {
  const count = (held.get(name) ?? 0) - 1;
  if (count === 0) {
    process.off(name, nothing);
    restoreDisposition(constants.signals[name]);
  }
  held.set(name, count);
}

/**
 * The self-pipe trick: while it is open, its signals do not end the process but make its `fd` readable, in whichever thread
 * it was made. Several may share a signal: each is told. Handlers of `process.on` are called as ever, once the main thread
 * is back on its event loop. A worker's, alone, loses its signal to a `process.on` for it that comes later on the main
 * thread; one that is open on the main thread as well holds the signal for both.
 */
export class SignalPipe extends Owner {
  /** The signals it stands for. */
  readonly signals: readonly NodeJS.Signals[];
  readonly #writeFd: number;
  /** What `close` has to undo. */
  readonly #held: NodeJS.Signals[] = [];

  /**
   * @param signals such as `['SIGINT', 'SIGTERM']`; one that is named twice counts once
   * @throws TypeError for what is no list of signals' names; SystemError EINVAL for one that cannot be caught, ENOSPC for
   *   more than 16 pipes on a signal, EMFILE
   */
  constructor(signals: readonly NodeJS.Signals[]) {
    if (!Array.isArray(signals)) throw invalidType('signals', "an array of signals' names", signals);
    const numbers = new Map(signals.map((name) => [name, sys.signalNumber(name)]));
    const pipefd = new Int32Array(2);
    succeeded('pipe2', sys.pipe2(pipefd, sys.O_CLOEXEC | sys.O_NONBLOCK));
    super('SignalPipe', pipefd[0] as number);
    this.#writeFd = pipefd[1] as number;
    own(this.#writeFd);
    this.signals = Object.freeze([...numbers.keys()]);
    open.add(this);
    try {
      for (const [name, number] of numbers) this.#begin(name, number);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  #begin(name: NodeJS.Signals, number: number): void {
    // libuv installs its handler with the first listener and would put it over ours: so it goes first, and stays.
    if (isMainThread && number !== constants.signals.SIGKILL && number !== constants.signals.SIGSTOP) {
      hold(name);
      this.#held.push(name);
    }
    succeeded('sigaction', sys.signal_pipe_add(number, this.#writeFd), name);
  }

  /**
   * The signals that have come since the last call, in their order; none is an empty list. Never waits. Two of a kind may
   * be told as one only when more than a pipe holds (65,536) have come.
   * @throws ERR_SIGNALPIPE_CLOSED
   */
  read(): NodeJS.Signals[] {
    const buffer = new Uint8Array(256);
    const came: NodeJS.Signals[] = [];
    for (;;) {
      const count = sys.read(this.open(), buffer);
      if (count === -sys.EINTR) continue;
      if (count === -sys.EAGAIN) return came;
      succeeded('read', count);
      for (const number of buffer.subarray(0, count)) came.push(names.get(number) as NodeJS.Signals);
    }
  }

  /** Gives the signals back to what handled them before. */
  override close(): void {
    if (this.closed) return;
    for (const name of this.signals) sys.signal_pipe_remove(constants.signals[name], this.#writeFd);
    for (const name of this.#held) release(name);
    open.delete(this);
    sys.close(this.#writeFd);
    super.close();
  }
}
