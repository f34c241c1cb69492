/**
 * The system calls that fdmux makes, recorded: by `fdmux/sys`, by objects and selectors, by watchers on Node.js's event loop.
 *
 * ```ts
 * import { EPOLLIN, Epoll, Pipe } from 'fdmux';
 * import { trace } from 'fdmux/trace';
 *
 * using traced = trace();
 * const pipe = new Pipe();
 * const epoll = new Epoll();
 * epoll.register(pipe, EPOLLIN);
 * console.log(traced.toText({ durations: true }));
 * ```
 *
 * @module fdmux/trace
 */
import { Trace, type TraceOptions } from './trace.js';

export { type ChromeEvent, type ChromeTrace, chromeTrace } from './chrome.js';
export type { TraceCall, TraceEnd, TraceHeader } from './event.js';
export type { Argument, Call, EventData, FormatOptions, PollData, SetData, WindowData } from './format.js';
export { formatCall } from './format.js';
export { jsonLine, type KeptTrace, NoTrace, parseTrace } from './json.js';
export { type TextOptions, TraceText } from './text.js';
export type { Trace, TraceOptions };

/**
 * Begins to record the system calls that fdmux makes on this thread. Several traces may be on at once. Until it is stopped,
 * a trace lives, also one that nobody holds.
 *
 * A call is recorded once it has returned, with the memory that it read or filled (of buffers, the first 33 bytes), when it was
 * made and how long it took. One that throws, because an argument is refused, was not made. It costs about 0.1 µs a call; with
 * `fd` or `onCall`, which make an object of each call at once, a few µs.
 * @throws TypeError | RangeError for an option that is none
 */
export function trace(options?: TraceOptions): Trace {
  return new Trace(options);
}
