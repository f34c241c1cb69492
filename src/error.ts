/** Errors in Node.js's own form: `{ code: 'ECONNRESET', errno: -104, syscall: 'recv' }`. */
import { invalidType } from './sys/check.js';
import * as errno from './sys/errno.js';

/** What a failed system call throws on this floor. */
export interface SystemError extends Error {
  /** The error's name in errno.h, such as `ECONNRESET`. */
  code: string;
  /** Its number, negative as in Node.js. */
  errno: number;
  /** The call that failed, such as `recv`. */
  syscall: string;
}

// In alphabetical order, the first of two names for a number is the one Node.js uses: EAGAIN, ENOTSUP.
const names = new Map<number, string>();
for (const [name, value] of Object.entries(errno).reverse()) names.set(value, name);

/** The name of `-errno`, as in errno.h. */
export function errorCode(result: number): string {
  return names.get(-result) ?? `UNKNOWN ${-result}`;
}

/**
 * @param syscall the call that failed
 * @param result what it returned: `-errno`
 * @param about what it was about, such as an address or a descriptor
 */
export function systemError(syscall: string, result: number, about = ''): SystemError {
  const code = errorCode(result);
  const error = new Error(`${syscall} ${code}${about && ` ${about}`}`);
  Error.captureStackTrace?.(error, systemError);
  return Object.assign(error, { code, errno: result, syscall });
}

/** The result of a call that must not fail. */
export function succeeded(syscall: string, result: number, about?: string): number {
  if (result >= 0) return result;
  throw systemError(syscall, result, about);
}

/** The result of a call that is made again when a signal interrupts it (PEP 475). */
export function uninterrupted(syscall: string, call: () => number): number {
  for (;;) {
    const result = call();
    if (result >= 0) return result;
    if (result !== -errno.EINTR) throw systemError(syscall, result);
  }
}

/** What a promise rejects with when its signal is aborted, as Node.js's own do. */
export function abortError(signal: AbortSignal): Error {
  const error = new Error('The operation was aborted', { cause: signal.reason });
  return Object.assign(error, { name: 'AbortError', code: 'ABORT_ERR' });
}

/** @throws TypeError for what is no AbortSignal; AbortError for one that is aborted */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (signal === undefined) return;
  if (!(signal instanceof AbortSignal)) throw invalidType('signal', 'an instance of AbortSignal', signal);
  if (signal.aborted) throw abortError(signal);
}
