/** A trace as text: strace's lines, with strace's options. */
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { type FormatOptions, formatCall } from './format.js';

/** How a trace is written as text. */
export interface TextOptions extends Pick<FormatOptions, 'nameOf'> {
  /** How long each call took, behind it: strace's `-T`. */
  durations?: boolean;
  /** How long after the one before each call was made: strace's `-r`. */
  relative?: boolean;
  /** When each call was made: strace's `-t` (1), `-tt` (2, with microseconds), `-ttt` (3, in seconds since 1970). */
  clock?: 0 | 1 | 2 | 3;
}

/** strace's column for the equals sign. */
const COLUMN = 40;

const seconds = (ns: number): string => (ns / 1e9).toFixed(6);

/** Writes a trace line by line, in the order of the calls' return. */
export class TraceText {
  readonly #options: TextOptions;
  /** In milliseconds since 1970. */
  readonly #began: number;
  readonly #pid: number;
  readonly #threads = new Set<number>();
  #before: number | undefined;

  constructor({ started, pid }: Pick<TraceHeader, 'started' | 'pid'>, options: TextOptions = {}) {
    this.#began = Date.parse(started);
    this.#pid = pid;
    this.#threads.add(pid);
    this.#options = options;
  }

  /** A call on its line. Once a second thread has made one, each line says whose it is. */
  line(call: TraceCall): string {
    const { thread, start, duration } = call;
    this.#threads.add(thread);
    const { nameOf, durations = false } = this.#options;
    const prefix = `${this.#thread(thread)}${this.#time(start)}`;
    const text = formatCall(call, { ...(nameOf === undefined ? {} : { nameOf }), align: COLUMN, prefix });
    return `${text}${durations ? ` <${seconds(duration)}>` : ''}\n`;
  }

  /** How it ended. */
  end({ dropped, code, signal }: TraceEnd): string {
    const lines: string[] = [];
    if (dropped > 0) lines.push(`+++ ${dropped} calls dropped: there was no room for them +++`);
    if (signal) lines.push(`+++ killed by ${signal} +++`);
    else if (code !== undefined) lines.push(`+++ exited with ${code} +++`);
    return lines.map((line) => `${this.#thread(this.#pid)}${line}\n`).join('');
  }

  #thread(thread: number): string {
    return this.#threads.size > 1 ? `[pid ${String(thread).padStart(5)}] ` : '';
  }

  #time(start: number): string {
    const { relative = false, clock = 0 } = this.#options;
    const since = seconds(start - (this.#before ?? start)).padStart(13);
    this.#before = start;
    const time = this.#clock(start, clock);
    if (time === '') return relative ? `${since} ` : '';
    return relative ? `${time} (+${since}) ` : `${time} `;
  }

  #clock(start: number, clock: number): string {
    const us = Math.floor(this.#began * 1000 + start / 1000);
    const fraction = String(us % 1e6).padStart(6, '0');
    if (clock === 3) return `${Math.floor(us / 1e6)}.${fraction}`;
    if (clock === 0) return '';
    const date = new Date(us / 1000);
    const time = [date.getHours(), date.getMinutes(), date.getSeconds()]
      .map((n) => String(n).padStart(2, '0'))
      .join(':');
    return clock === 2 ? `${time}.${fraction}` : time;
  }
}
