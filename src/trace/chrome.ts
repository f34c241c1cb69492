/**
 * A trace in Chrome's trace event format, which Perfetto (ui.perfetto.dev), chrome://tracing and Speedscope open: a track for
 * each thread with its calls, a span for each descriptor from its opening to its closing, and an arrow from what was written
 * to the wait that told of it. The format is described in
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import { errorCode } from '../error.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { formatCall, kernelName, opened } from './format.js';
import { descriptorsOf } from './select.js';
import { wakeUps } from './wakeups.js';

/** An event: times in microseconds. */
export interface ChromeEvent {
  readonly name: string;
  /** `X` a call, `b` and `e` a descriptor's span, `s` and `f` an arrow, `i` an instant, `M` a name. */
  readonly ph: 'X' | 'b' | 'e' | 's' | 'f' | 'i' | 'M';
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly id?: string;
  /** An arrow ends at the slice that it points into. */
  readonly bp?: 'e';
  /** An instant of the whole process. */
  readonly s?: 'p';
  readonly args?: Readonly<Record<string, unknown>>;
}

export interface ChromeTrace {
  readonly displayTimeUnit: 'ns';
  readonly traceEvents: readonly ChromeEvent[];
  readonly otherData: Readonly<Record<string, unknown>>;
}

const microseconds = (ns: number): number => ns / 1000;

function callEvent(call: TraceCall, pid: number): ChromeEvent {
  const { name, result, thread, start, duration } = call;
  return {
    name: kernelName(name),
    cat: 'syscall',
    ph: 'X',
    pid,
    tid: thread,
    ts: microseconds(start),
    dur: microseconds(duration),
    args: {
      call: formatCall(call),
      result,
      ...(result < 0 ? { error: errorCode(result) } : {}),
      descriptors: [...new Set(descriptorsOf(call))],
    },
  };
}

/** What opened a descriptor says what it is. */
const kinds: Readonly<Record<string, string>> = {
  epoll_create1: 'epoll',
  accept4: 'connection',
  pipe2: 'pipe',
  socketpair: 'socket',
  timerfd_create: 'timerfd',
  pidfd_open: 'pidfd',
  inotify_init1: 'inotify',
};

/** A span for each descriptor that the trace saw opened. */
function spans(calls: readonly TraceCall[], pid: number, last: number): ChromeEvent[] {
  const open = new Map<number, ChromeEvent>();
  const events: ChromeEvent[] = [];
  let count = 0;
  const end = (fd: number, ts: number): void => {
    const begin = open.get(fd);
    if (begin === undefined) return;
    open.delete(fd);
    events.push({ ...begin, ph: 'e', ts });
  };
  for (const call of calls) {
    const at = microseconds(call.start + call.duration);
    if (call.name === 'close') end(call.args[0] as number, at);
    for (const fd of opened(call)) {
      end(fd, at);
      const name = `${fd} ${kinds[call.name] ?? kernelName(call.name)}`;
      const begin: ChromeEvent = {
        name,
        cat: 'descriptor',
        ph: 'b',
        id: `fd${++count}`,
        pid,
        tid: call.thread,
        ts: at,
      };
      open.set(fd, begin);
      events.push(begin);
    }
  }
  for (const fd of [...open.keys()]) end(fd, last);
  return events;
}

/** From the beginning of the write to the last nanosecond of the wait: an arrow hangs on the slices that hold its ends. */
function arrows(calls: readonly TraceCall[], pid: number): ChromeEvent[] {
  return wakeUps(calls).flatMap(({ cause, wait, fd }, i): ChromeEvent[] => {
    const shared = { name: `wakes ${fd}`, cat: 'wake-up', id: `wake${i + 1}`, pid };
    return [
      { ...shared, ph: 's', tid: cause.thread, ts: microseconds(cause.start) },
      {
        ...shared,
        ph: 'f',
        bp: 'e',
        tid: wait.thread,
        ts: microseconds(wait.start + wait.duration - Math.min(1, wait.duration / 2)),
      },
    ];
  });
}

/** @param end how it ended; missing where the trace was cut off */
export function chromeTrace(header: TraceHeader, calls: readonly TraceCall[], end?: TraceEnd): ChromeTrace {
  const { pid } = header;
  const last = microseconds(calls.reduce((latest, { start, duration }) => Math.max(latest, start + duration), 0));
  const names: ChromeEvent[] = [...new Set([pid, ...calls.map(({ thread }) => thread)])].map((thread) => {
    const name = thread === pid ? 'main thread' : `worker ${thread}`;
    return { name: 'thread_name', ph: 'M', pid, tid: thread, ts: 0, args: { name } };
  });
  const command = header.command.join(' ');
  const instants: ChromeEvent[] = [];
  const said = end?.signal
    ? `killed by ${end.signal}`
    : end?.code === undefined
      ? undefined
      : `exited with ${end.code}`;
  if (said !== undefined) instants.push({ name: said, cat: 'process', ph: 'i', s: 'p', pid, tid: pid, ts: last });
  return {
    displayTimeUnit: 'ns',
    traceEvents: [
      { name: 'process_name', ph: 'M', pid, tid: pid, ts: 0, args: { name: command } },
      ...names,
      ...calls.map((call) => callEvent(call, pid)),
      ...spans(calls, pid, last),
      ...arrows(calls, pid),
      ...instants,
    ],
    otherData: { command, started: header.started, dropped: end?.dropped ?? 0, complete: end !== undefined },
  };
}
