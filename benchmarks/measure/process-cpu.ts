/** How long a process has been on a CPU. */
import { readdirSync, readFileSync } from 'node:fs';

/**
 * @param pid whose threads are added up, as the scheduler counts them
 * @returns in nanoseconds, since each thread began
 * @throws Error when there is no such process
 * @see {@link https://docs.kernel.org/scheduler/sched-stats.html /proc/PID/task/TID/schedstat}
 */
export function processCpu(pid: number): number {
  let total = 0;
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[0]);
    } catch (error) {
      // A thread may end between the two looks.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return total;
}
