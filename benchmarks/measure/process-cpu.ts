/** How long a process has been on a CPU, and how long it has waited for one. */
import { readdirSync, readFileSync } from 'node:fs';
import type { Flag } from '../workload.js';

/** The sum over a process's threads of one number that the scheduler keeps. */
function sum(pid: number, field: 0 | 1): number {
  let total = 0;
  for (const tid of readdirSync(`/proc/${pid}/task`)) {
    try {
      total += Number(readFileSync(`/proc/${pid}/task/${tid}/schedstat`, 'utf8').split(' ')[field]);
    } catch (error) {
      // A thread may end between the two looks.
      if (!['ENOENT', 'ESRCH'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error;
    }
  }
  return total;
}

/**
 * @param pid whose threads are added up, as the scheduler counts them
 * @returns in nanoseconds, since each thread began
 * @throws Error when there is no such process
 * @see {@link https://docs.kernel.org/scheduler/sched-stats.html /proc/PID/task/TID/schedstat}
 */
export function processCpu(pid: number): number {
  return sum(pid, 0);
}

/** How long its threads were ready to run, and another process had the CPU. Otherwise as `processCpu`. */
export function runDelay(pid: number): number {
  return sum(pid, 1);
}

/** Whoever waits longer than this part of the time for its CPU has been kept from it by something else on the machine. */
const DISTURBED = 0.05;

/**
 * @param delay of a process in nanoseconds
 * @param milliseconds in which it came together
 * @param share of the time from which on the figures are the machine's
 */
export function disturbed(delay: number, milliseconds: number, share: number = DISTURBED): Flag[] {
  return delay > share * milliseconds * 1e6 ? ['disturbed'] : [];
}
