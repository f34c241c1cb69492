/** What a trace is made of: a header, then calls in the order in which they returned; as JSON, a line each. */
import type { Call } from './format.js';

/** The first line. */
export interface TraceHeader {
  /** What the file is. */
  readonly fdmux: 'trace';
  /** Of the format. */
  readonly version: 1;
  /** The command that was traced. */
  readonly command: readonly string[];
  /** The process that was traced. */
  readonly pid: number;
  /** When it began: ISO 8601. Times in calls count from here. */
  readonly started: string;
}

/** A system call that was made. */
export interface TraceCall extends Call {
  /** The thread's id as the kernel has it; the process's own for the main thread. */
  readonly thread: number;
  /** In nanoseconds since the trace began. */
  readonly start: number;
  /** In nanoseconds. */
  readonly duration: number;
}

/** The last line. A trace that has none was cut off. */
export interface TraceEnd {
  /** How many calls there was no room for. */
  readonly dropped: number;
  /** The exit code of the process, where its end was seen. */
  readonly code?: number;
  /** The signal that ended it. */
  readonly signal?: string;
}
