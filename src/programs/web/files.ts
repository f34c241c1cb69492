/** The folder that is served, and the only way to open something in it. */
import { type BigIntStats, closeSync, constants, fstatSync, openSync } from 'node:fs';
import * as sys from '../../sys/index.js';
import { chooseOpenBeneath, type OpenBeneath } from './beneath.js';

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
  EXDEV: 404,
  // A socket, or a device that is not there.
  ENXIO: 404,
  ENODEV: 404,
  EACCES: 403,
  EPERM: 403,
  // Something on the way is being renamed all the time.
  EAGAIN: 503,
  EMFILE: 503,
  ENFILE: 503,
  ENOMEM: 503,
};

export class Root {
  readonly #fd: number;
  readonly #openBeneath: OpenBeneath;

  /**
   * @param way how files are opened; the best that the kernel has unless given
   * @throws the error of open(2): ENOENT, ENOTDIR, EACCES…
   */
  constructor(folder: string, way?: OpenBeneath) {
    this.#fd = openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY);
    this.#openBeneath = way ?? chooseOpenBeneath(this.#fd);
  }

  /**
   * Opens a file below the folder, which stays the same one although it may be renamed.
   * @param path begins with a slash
   * @returns `folder` for a folder
   */
  open(path: string): File | 'folder' | Missing {
    let fd = -1;
    try {
      fd = this.#openBeneath(this.#fd, path.slice(1), READ);
      const found = judge(fd, fstatSync(fd, { bigint: true }));
      if (found === 'folder' || 'status' in found) sys.close(fd);
      return found;
    } catch (error) {
      if (fd >= 0) sys.close(fd);
      const code = (error as NodeJS.ErrnoException).code ?? String(error);
      return { status: STATUS[code] ?? 500, reason: code === 'EXDEV' ? 'it leads out of the folder' : code };
    }
  }

  close(): void {
    closeSync(this.#fd);
  }
}

function judge(fd: number, stat: BigIntStats): File | 'folder' | Missing {
  if (stat.isDirectory()) return 'folder';
  if (!stat.isFile()) return { status: 404, reason: 'no regular file' };
  return { fd, size: Number(stat.size), mtimeNs: stat.mtimeNs };
}
