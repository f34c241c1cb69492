/** Where a descriptor is wanted: its number, or anything that has one. */
import { invalidType, outOfRange } from './sys/check.js';

/** A descriptor, or what has a numeric `fd`: `process.stdin`, a `Socket`, an `Epoll`, a `FileHandle`. */
export type Descriptor =
  | number
  | {
      /** Its number. */
      readonly fd: number;
    };

/**
 * @throws TypeError for what has no numeric `fd`; RangeError for a number that is no descriptor, such as the −1 of a
 *   closed object
 */
export function toFd(descriptor: Descriptor): number {
  const fd = typeof descriptor === 'object' && descriptor !== null ? descriptor.fd : descriptor;
  if (typeof fd !== 'number') throw invalidType('fd', 'a descriptor or an object with a numeric fd', descriptor);
  if ((fd | 0) !== fd || fd < 0) throw outOfRange('fd', 'an integer >= 0 && <= 2147483647', fd);
  return fd;
}
