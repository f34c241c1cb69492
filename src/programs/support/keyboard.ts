/** The operator's keyboard, as one more descriptor to wait for. */
import * as sys from '../../sys/index.js';

const buffer = Buffer.allocUnsafeSlow(4096);

/**
 * Reads what was typed.
 * @returns `line`: a line was ended; `nothing`: not yet; `end`: there is no keyboard (any more), stop waiting for it
 */
export function readKeyboard(): 'line' | 'nothing' | 'end' {
  const count = sys.read(sys.STDIN_FILENO, buffer);
  if (count === -sys.EAGAIN || count === -sys.EINTR) return 'nothing';
  if (count <= 0) return 'end';
  return buffer.subarray(0, count).includes('\n') ? 'line' : 'nothing';
}
