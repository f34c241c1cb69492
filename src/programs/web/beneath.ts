/**
 * Opening what is below a folder, and nothing else, while anybody renames what is in it, around it or the folder itself.
 *
 * To look where a path leads and open it then leaves a moment in which a link can be put into it. To open first and to ask then
 * where that lies compares two paths, and between the two looks folders may change places. So nobody looks at paths: the kernel
 * goes from the folder downwards and refuses the step that would leave it (openat2's RESOLVE_BENEATH, Linux 5.6). Where it cannot,
 * the same way is gone here, with a descriptor for each folder on it.
 *
 * Both refuse links that go by way of the outside, even if they come back: an absolute link, or one with too many `..`.
 */
import { fstatSync, openSync, readlinkSync } from 'node:fs';
import { systemError } from '../../error.js';
import * as sys from '../../sys/index.js';

/** As many links as the kernel follows: path_resolution(7). */
const LINKS = 40;
/** How often a way is tried anew on which something was renamed. */
const TRIES = 64;

const STEP = sys.O_PATH | sys.O_NOFOLLOW;
const DOWNWARDS = sys.RESOLVE_BENEATH | sys.RESOLVE_NO_MAGICLINKS;

/**
 * Opens what is below a folder.
 * @param folder its descriptor
 * @param path from there; it begins with no slash, and may be empty
 * @param flags of open(2), for an existing file
 * @returns a descriptor. Whoever gets it closes it
 * @throws SystemError EXDEV for a way out of the folder, EAGAIN when things are renamed all the time, ENOENT, EACCES…
 */
export type OpenBeneath = (folder: number, path: string, flags: number) => number;

/** By the kernel. */
export const openByKernel: OpenBeneath = (folder, path, flags) => {
  let fd = -sys.EAGAIN;
  for (let i = 0; i < TRIES && fd === -sys.EAGAIN; i++) {
    fd = sys.openat2(folder, path === '' ? '.' : path, flags | sys.O_CLOEXEC, 0, DOWNWARDS);
  }
  if (fd >= 0) return fd;
  throw systemError('openat2', fd);
};

/** Step by step. Whatever is renamed: each step begins in a folder that was reached downwards, and follows no link. */
export const openByWalking: OpenBeneath = (folder, path, flags) => {
  /** The folders on the way, the first one not ours. */
  const folders = [folder];
  let names = namesOf(Buffer.from(path));
  let links = 0;
  try {
    for (;;) {
      const here = folders[folders.length - 1] as number;
      const name = names.shift();
      if (name === undefined) return openSync(`/proc/self/fd/${here}`, flags);
      const text = name.toString('latin1');
      if (text === '' || text === '.') continue;
      if (text === '..') {
        if (folders.length === 1) throw systemError('open', -sys.EXDEV);
        sys.close(folders.pop() as number);
        continue;
      }
      const place = Buffer.concat([Buffer.from(`/proc/self/fd/${here}/`), name]);
      const next = openSync(place, STEP);
      const what = fstatSync(next);
      if (what.isDirectory()) {
        folders.push(next);
        continue;
      }
      try {
        if (!what.isSymbolicLink()) {
          if (names.length > 0) throw systemError('open', -sys.ENOTDIR);
          return openSync(`/proc/self/fd/${next}`, flags);
        }
        if (++links > LINKS) throw systemError('open', -sys.ELOOP);
        // It may be another one by now: it is followed as carefully.
        const target = readlinkSync(place, 'buffer');
        if (target[0] === 0x2f) throw systemError('open', -sys.EXDEV);
        names = [...namesOf(target), ...names];
      } finally {
        sys.close(next);
      }
    }
  } finally {
    for (const fd of folders.slice(1)) sys.close(fd);
  }
};

/** As bytes: names need not be UTF-8. */
function namesOf(path: Buffer): Buffer[] {
  const names: Buffer[] = [];
  for (let start = 0; ; ) {
    const end = path.indexOf('/', start);
    names.push(path.subarray(start, end < 0 ? undefined : end));
    if (end < 0) return names;
    start = end + 1;
  }
}

/** The kernel's way where it has it. Who runs us in a sandbox may have left the call out, and say EPERM. */
export function chooseOpenBeneath(folder: number): OpenBeneath {
  const fd = sys.openat2(folder, '.', sys.O_PATH | sys.O_CLOEXEC, 0, DOWNWARDS);
  if (fd >= 0) sys.close(fd);
  return fd === -sys.ENOSYS || fd === -sys.EPERM ? openByWalking : openByKernel;
}
