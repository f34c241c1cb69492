/** The folder that is served, and the only way to open something in it. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync, readlinkSync } from 'node:fs';
import * as sys from '../../sys/index.js';

/** An open file. Whoever gets it closes it. */
export interface File {
  fd: number;
  size: number;
  /** When it was last changed, in nanoseconds. */
  mtimeNs: bigint;
}

/** Why there is no file: the status to answer with. */
export interface Missing {
  status: number;
  /** For the operator. */
  reason: string;
}

// A FIFO must not keep everybody waiting for its other end.
const READ = constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY;

/** What the kernel's refusals mean to a client. Not being allowed to know is told as such; it is not our secret. */
const STATUS: Readonly<Record<string, number>> = {
  ENOENT: 404,
  ENOTDIR: 404,
  ENAMETOOLONG: 404,
  ELOOP: 404,
  // A socket, or a device that is not there.
  ENXIO: 404,
  ENODEV: 404,
  EACCES: 403,
  EPERM: 403,
  EMFILE: 503,
  ENFILE: 503,
  ENOMEM: 503,
};

export class Root {
  readonly #fd: number;
  /** The way to the folder, which stays the same one although it may be renamed. */
  readonly #base: string;
  #realPath: string;

  /** @throws the error of open(2) or readlink(2): ENOENT, ENOTDIR, EACCES… */
  constructor(folder: string) {
    this.#fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    this.#base = `/proc/self/fd/${this.#fd}`;
    this.#realPath = realPath(this.#fd);
  }

  /**
   * Opens a file below the folder.
   *
   * Looking at the path first and opening it then would leave a moment in which a link can be put into it. So it is
   * opened first, and then the kernel is asked where that descriptor really is. Nothing is read from what is elsewhere.
   * @param path begins with a slash, and has no `..`
   * @returns `folder` for a folder
   */
  open(path: string): File | 'folder' | Missing {
    let fd = -1;
    try {
      fd = openSync(this.#base + path, READ);
      const stat = fstatSync(fd, { bigint: true });
      const found = this.#holds(fd) ? judge(fd, stat) : { status: 404, reason: 'it leads out of the folder' };
      if (found === 'folder' || 'status' in found) sys.close(fd);
      return found;
    } catch (error) {
      if (fd >= 0) sys.close(fd);
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      return { status: STATUS[code] ?? 500, reason: code };
    }
  }

  #holds(fd: number): boolean {
    const path = realPath(fd);
    if (isBelow(path, this.#realPath)) return true;
    // The folder itself may have been renamed.
    this.#realPath = realPath(this.#fd);
    return isBelow(path, this.#realPath);
  }

  close(): void {
    closeSync(this.#fd);
  }
}

/** As latin1: one character for a byte, so that names that are no UTF-8 stay different from each other. */
function realPath(fd: number): string {
  return readlinkSync(`/proc/self/fd/${fd}`, 'latin1' as BufferEncoding);
}

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(folder) && (path.length === folder.length || folder === '/' || path[folder.length] === '/');
}

function judge(fd: number, stat: BigIntStats): File | 'folder' | Missing {
  if (stat.isDirectory()) return 'folder';
  if (!stat.isFile()) return { status: 404, reason: 'no regular file' };
  return { fd, size: Number(stat.size), mtimeNs: stat.mtimeNs };
}
