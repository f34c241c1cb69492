/**
 * What happens to files, as something to wait for.
 *
 * ```ts
 * import { IN_CLOSE_WRITE, Inotify, watch } from 'fdmux';
 * using inotify = new Inotify();
 * inotify.add('/etc', IN_CLOSE_WRITE);
 * using changes = watch(inotify, 'readable', () => {
 *   for (const { name } of inotify.read()) console.log(`/etc/${name} was written`);
 * });
 * ```
 */
import { succeeded } from './error.js';
import { Owner } from './owner.js';
import * as sys from './sys/index.js';
import type { InotifyEvent } from './sys/wakeups.js';

/** The longest event has a name of 255 bytes; this holds dozens. */
const BUFFER_BYTES = 16384;

/** inotify(7), non-blocking. */
export class Inotify extends Owner {
  readonly #buffer = new Uint8Array(BUFFER_BYTES);

  /** @throws SystemError EMFILE (also for more watchers than a user may have), ENFILE, ENOMEM */
  constructor() {
    super('Inotify', succeeded('inotify_init1', sys.inotify_init1(sys.IN_CLOEXEC | sys.IN_NONBLOCK)));
  }

  /**
   * Watches a file or what happens in a directory, not below it; of a path that is watched already, changes what for.
   * @param mask what for: IN_MODIFY, IN_CREATE, IN_MOVED_TO…
   * @returns a number that its events carry
   * @throws SystemError ENOENT, EACCES, ENOSPC (more than a user may have); TypeError | RangeError; ERR_INOTIFY_CLOSED
   */
  add(path: string, mask: number): number {
    return succeeded('inotify_add_watch', sys.inotify_add_watch(this.open(), path, mask), path);
  }

  /**
   * Ends a watch. What has happened before is still read, then an IN_IGNORED.
   * @param wd what `add` returned
   * @throws SystemError EINVAL when there is no such watch (any more); TypeError | RangeError; ERR_INOTIFY_CLOSED
   */
  remove(wd: number): void {
    succeeded('inotify_rm_watch', sys.inotify_rm_watch(this.open(), wd), `watch ${wd}`);
  }

  /**
   * What has happened since the last call, in its order; nothing is an empty list. Never waits. An IN_Q_OVERFLOW (its `wd`
   * is −1) says that some was lost.
   * @throws ERR_INOTIFY_CLOSED
   */
  read(): InotifyEvent[] {
    const events: InotifyEvent[] = [];
    for (;;) {
      const count = sys.read(this.open(), this.#buffer);
      if (count === -sys.EINTR) continue;
      if (count === -sys.EAGAIN) return events;
      events.push(...sys.inotify_events(this.#buffer, succeeded('read', count)));
    }
  }
}
