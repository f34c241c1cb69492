/** What `fdmux trace` says to the program that it runs. */

/** The variable that says what is to be traced, and the environment data that say it to workers. */
export const TRACE = 'FDMUX_TRACE';

/** To the program's main thread. */
export interface Order {
  /** The command's own process: a child of the program has another parent. */
  readonly parent: number;
  /** The descriptor to write to. */
  readonly fd: number;
  /** The calls that are wanted; `null` is all. */
  readonly only: readonly string[] | null;
}
