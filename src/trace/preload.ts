/**
 * Loaded before a program that `fdmux trace` runs (`node --import`), on each of its threads: from here on, each call is written
 * to the descriptor that the command reads. Other processes that the program starts are not traced.
 */
import { getEnvironmentData, isMainThread, setEnvironmentData } from 'node:worker_threads';
import * as sys from '../sys/index.js';
import { trace_start } from '../sys/trace.js';
import { type Order, TRACE } from './order.js';
import { idsOf } from './trace.js';

/** Low enough for every limit and its table, too high to change the numbers that the program sees. */
const HIGH = 1000;

/** Moves the descriptor out of the program's way. */
function moveAway(fd: number): number {
  const limit = new Float64Array(2);
  sys.getrlimit(sys.RLIMIT_NOFILE, limit);
  const copy = sys.fcntl(fd, sys.F_DUPFD_CLOEXEC, Math.min(HIGH, limit[0] as number) - 1);
  if (copy < 0) return fd;
  sys.close(fd);
  return copy;
}

function order(): Pick<Order, 'fd' | 'only'> | undefined {
  if (!isMainThread) return getEnvironmentData(TRACE) as Order | undefined;
  const text = process.env[TRACE];
  delete process.env[TRACE];
  if (text === undefined) return undefined;
  const { parent, fd, only } = JSON.parse(text) as Order;
  if (parent !== process.ppid) return undefined;
  const mine = { fd: moveAway(fd), only };
  setEnvironmentData(TRACE, mine);
  return mine;
}

const mine = order();
if (mine !== undefined) trace_start(idsOf(mine.only ?? undefined), { sink: mine.fd });
