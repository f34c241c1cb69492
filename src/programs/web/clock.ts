/** The time, asked for once in a turn of the loop, and deadlines that come in steps. */

/** Deadlines are rounded up to this, in milliseconds: clients that came one after the other are looked at together. */
const STEP = 100;

export class Clock {
  /** In milliseconds since 1970, for dates: it may be set back. */
  time = 0;
  /** The time as HTTP writes it. */
  date = '';
  /** In milliseconds since some moment, for deadlines: it is never set back. */
  #now = 0;
  #second = -1;

  constructor() {
    this.tick();
  }

  /** Looks at the clock. */
  tick(): void {
    this.#now = performance.now();
    this.time = Date.now();
    const second = Math.floor(this.time / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.date = new Date(second * 1000).toUTCString();
  }

  /** The moment after so many milliseconds: never earlier, at most a step later. */
  in(milliseconds: number): number {
    return Math.ceil((this.#now + milliseconds) / STEP) * STEP;
  }

  /** Whether a moment has come. */
  reached(moment: number): boolean {
    return moment <= this.#now;
  }

  /** For `epoll_wait`: milliseconds until a moment, −1 for one that never comes. */
  timeout(moment: number): number {
    if (moment === Number.POSITIVE_INFINITY) return -1;
    return Math.min(Math.max(Math.ceil(moment - this.#now), 0), 2147483647);
  }
}
