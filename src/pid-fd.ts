/**
 * A process that can be waited for: readable once it has ended.
 *
 * ```ts
 * import { spawn } from 'node:child_process';
 * import { PidFd, select } from 'fdmux';
 * const child = spawn('sleep', ['1']);
 * using ended = new PidFd(child.pid as number);
 * select([ended], [], []);
 * ```
 */
import { succeeded } from './error.js';
import { Owner } from './owner.js';
import { integer } from './sys/check.js';
import * as sys from './sys/index.js';

/** pidfd_open(2), Linux 5.3. It stands for that process and no later one with its id, even when Node.js has reaped it. */
export class PidFd extends Owner {
  /** The id that it was opened with. */
  readonly pid: number;

  /**
   * @param pid the process's id, 1 to 2³¹ − 1. A child's is its own until Node.js has reaped it, which it does on its event
   *   loop: open it in the turn that has spawned it
   * @throws SystemError ESRCH (no such process), EINVAL (the id of a thread), ENOSYS before Linux 5.3, EMFILE; TypeError |
   *   RangeError
   */
  constructor(pid: number) {
    integer('pid', pid, 1, 2147483647);
    super('PidFd', succeeded('pidfd_open', sys.pidfd_open(pid, 0), `process ${pid}`));
    this.pid = pid;
  }

  /** Whether the process has ended. @throws ERR_PIDFD_CLOSED */
  get ended(): boolean {
    const one = new sys.PollFds(1);
    one.set(0, this.open(), sys.POLLIN);
    return succeeded('poll', sys.poll(one, 1, 0)) === 1;
  }
}
