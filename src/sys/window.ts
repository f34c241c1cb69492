/** The part of a caller's buffer that a call reads or writes. */
import { bytes, size } from './check.js';
import { frame } from './native.js';

/** Stands for all that follows `offset`: no length of a caller's is negative. */
const REST = -1;

/**
 * Puts a window of `buffer` into the frame, at places 2 and 3: the buffer itself is the parameter before.
 * @throws TypeError | RangeError for what is no offset or length; the addon holds them against the buffer
 */
export function window(buffer: Uint8Array, offset: number, length: number | undefined): void {
  bytes('buffer', buffer);
  frame[2] = size('offset', offset);
  frame[3] = length === undefined ? REST : size('length', length);
}
