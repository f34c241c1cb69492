/** One epoll set on Node.js's event loop: what `Epoll.watch`, `watch` and `fdmux/compat/epoll` are made of. */
import { systemError } from './error.js';
import type { EpollEvents } from './sys/index.js';
import * as loop from './sys/loop.js';

/**
 * How a wake-up's events are handed over: `batch`, in one call, told how many; `each`, in a call for each, told its index;
 * `once`, as `batch`, and only after `arm(true)`.
 */
export type Mode = 'batch' | 'each' | 'once';

const modes = { batch: loop.LOOP_BATCH, each: loop.LOOP_EACH, once: loop.LOOP_ONCE };

/**
 * A watcher. The loop holds it, and what its callback holds, until `close()`; it also ends with its thread, whichever
 * way that goes.
 */
export class LoopWatcher {
  #id: number;

  /**
   * @param epfd the set; the watcher has its own duplicate
   * @param events where they go: the callback must hold on to it
   * @param callback told the number that the mode has it; less than 0 is the `-errno` of a set that cannot be read
   * @throws SystemError EMFILE, EPERM
   */
  constructor(epfd: number, events: EpollEvents, mode: Mode, callback: (number: number) => void) {
    this.#id = loop.loop_watch(epfd, events, modes[mode], callback);
    if (this.#id < 0) throw systemError('uv_poll_start', this.#id);
  }

  arm(armed: boolean): void {
    loop.loop_arm(this.#id, armed);
  }

  ref(ref: boolean): void {
    loop.loop_ref(this.#id, ref);
  }

  close(): void {
    const id = this.#id;
    this.#id = 0;
    if (id > 0) loop.loop_close(id);
  }
}
