/** What a signal does to the process, kept and given back. Not a system call's twin and no part of `fdmux/sys`. */
import { frame, native } from './native.js';

/** Remembers what handles a signal now. */
export function keepDisposition(signum: number): void {
  frame[0] = signum;
  native.signal_keep();
}

/** Puts back what was kept, unless somebody handles the signal by now. */
export function restoreDisposition(signum: number): void {
  frame[0] = signum;
  native.signal_restore();
}
