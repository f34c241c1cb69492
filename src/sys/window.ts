/** The part of a caller's buffer that a call reads or writes. */
import { bufferOf, bytes, lengthOf, size } from './check.js';
import { frame } from './native.js';

/** Stands for all that follows `offset`: no length of a caller's is negative. */
const REST = -1;
/** Where in the frame buffers are counted: other copies of this module share it, and no number is given twice. */
const NUMBERS = 8;
/**
 * The longest array that is kept alive for having come last, and the most memory it may keep with it when it comes again,
 * in bytes.
 */
const MAX_KEPT = 65536;

const NOBODYS = new Uint8Array(0);
/** A server has one buffer for all: of the one that came last, the addon need not ask again what and where it is. */
let last: Uint8Array = NOBODYS;
/** 0 for one that came once. */
let lastNumber = 0;
let lastLength = 0;

function numberOf(buffer: Uint8Array): number {
  if (buffer === last) {
    // One whose memory was taken away or moved has another length than it had.
    if (lastNumber !== 0 && lengthOf(buffer) === lastLength) return lastNumber;
    return number();
  }
  bytes('buffer', buffer);
  last = lengthOf(buffer) <= MAX_KEPT ? buffer : NOBODYS;
  lastNumber = 0;
  return 0;
}

/** Gives a number to the buffer that comes again. */
function number(): number {
  lastLength = lengthOf(last);
  if (lastLength === 0 || bufferOf(last).byteLength > MAX_KEPT) {
    last = NOBODYS;
    return 0;
  }
  lastNumber = (frame[NUMBERS] as number) + 1;
  frame[NUMBERS] = lastNumber;
  return lastNumber;
}

/**
 * Puts a window of `buffer` into the frame, at places 2 and 3, and the number of the buffer, which is the parameter
 * before, at place 1.
 * @throws TypeError | RangeError for what is no offset or length; the addon holds them against the buffer
 */
export function window(buffer: Uint8Array, offset: number, length: number | undefined): void {
  frame[1] = numberOf(buffer);
  frame[2] = size('offset', offset);
  frame[3] = length === undefined ? REST : size('length', length);
}
