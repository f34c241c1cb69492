/** Which calls of a trace are wanted: by their names, by the descriptors that they concern. */
import { invalidType } from '../sys/check.js';
import { type Call, callNames, type EventData, kernelName, opened, type PollData, type SetData } from './format.js';

/**
 * The calls that go by one of these names: `fdmux/sys`'s (`recv`) or the kernel's, as strace shows it (`recvfrom`).
 * @throws TypeError for what is no list of names, or no name of a system call of fdmux's
 */
export function namesOf(only: readonly string[]): ReadonlySet<string> {
  if (!Array.isArray(only)) throw invalidType('only', 'an array of names of system calls', only);
  const wanted = new Set<string>();
  for (const name of only) {
    const found = [...callNames].filter((known) => known === name || kernelName(known) === name);
    if (found.length === 0) throw unknownCall(name);
    for (const known of found) wanted.add(known);
  }
  return wanted;
}

function unknownCall(name: unknown): TypeError {
  const known = [...callNames].sort().join(', ');
  const error = new TypeError(`'${String(name)}' is no system call of fdmux: it has ${known}`);
  return Object.assign(error, { code: 'ERR_INVALID_ARG_VALUE' });
}

/** Calls whose first argument is no descriptor. */
const WITHOUT: ReadonlySet<string> = new Set([
  'epoll_create1',
  'poll',
  'ppoll',
  'select',
  'pselect',
  'socket',
  'socketpair',
  'pipe2',
  'getrlimit',
  'setrlimit',
  'eventfd',
  'timerfd_create',
  'pidfd_open',
  'inotify_init1',
]);

/** The descriptors that a call is about: arguments, what is waited for, what is ready, what has been opened. */
export function descriptorsOf(call: Call): number[] {
  const { name, args } = call;
  const fds = [...opened(call)];
  if (!WITHOUT.has(name)) fds.push(args[0] as number);
  if (name === 'epoll_ctl') fds.push(args[2] as number);
  if (name.startsWith('epoll_wait') || name.startsWith('epoll_pwait')) {
    fds.push(...(args[1] as EventData[]).map(({ fd }) => fd));
  }
  if (name === 'poll' || name === 'ppoll') fds.push(...(args[0] as PollData[]).map(({ fd }) => fd));
  if (name === 'select' || name === 'pselect') {
    for (const set of args.slice(1, 4) as (SetData | null)[]) fds.push(...(set?.before ?? []));
  }
  return fds;
}

/** Whether a call is about one of these descriptors. */
export function concerns(call: Call, fds: ReadonlySet<number>): boolean {
  return descriptorsOf(call).some((fd) => fds.has(fd));
}
