/**
 * A trace in Chrome's trace event format, which Perfetto (ui.perfetto.dev), chrome://tracing and Speedscope open: a track for
 * each thread with its calls, a span for each descriptor from its opening to its closing, and an arrow from what was written
 * to the wait that told of it. The format is described in
 * https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU
 */
import { errorCode } from '../error.js';
import type { Lane } from './drawing.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { formatCall, kernelName } from './format.js';
import { followCalls, type Lanes } from './lanes.js';
import { descriptorsOf } from './select.js';

/** An event: times in microseconds. */
export interface ChromeEvent {
  /** What the viewer shows. */
  readonly name: string;
  /** `X` a call, `b` and `e` a descriptor's span, `s` and `f` an arrow, `i` an instant, `M` a name. */
  readonly ph: 'X' | 'b' | 'e' | 's' | 'f' | 'i' | 'M';
  /** The process. */
  readonly pid: number;
  /** The thread. */
  readonly tid: number;
  /** When it began. */
  readonly ts: number;
  /** How long it took; calls only. */
  readonly dur?: number;
  /** What a viewer filters by. */
  readonly cat?: string;
  /** What belongs together: a span's ends, an arrow's. */
  readonly id?: string;
  /** An arrow ends at the slice that it points into. */
  readonly bp?: 'e';
  /** An instant of the whole process. */
  readonly s?: 'p';
  /** More to show of it. */
  readonly args?: Readonly<Record<string, unknown>>;
}

/** The whole file. */
export interface ChromeTrace {
  /** How times are shown. */
  readonly displayTimeUnit: 'ns';
  /** In no particular order. */
  readonly traceEvents: readonly ChromeEvent[];
  /** The trace's header, and how many calls are missing. */
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

/** A span for each descriptor, from its opening, or the trace's beginning, to its closing, or the trace's end. */
function spans({ lanes }: Lanes, pid: number, last: number): ChromeEvent[] {
  return lanes.flatMap(({ fd, name, about, opened, closed }, i): ChromeEvent[] => {
    if (fd === null) return [];
    const shared = { name: `${fd} ${name}`, cat: 'descriptor', id: `fd${i}`, pid, tid: pid };
    return [
      {
        ...shared,
        ph: 'b',
        ts: microseconds(opened ?? 0),
        args: { descriptor: fd, ...(about === '' ? {} : { about }) },
      },
      { ...shared, ph: 'e', ts: closed === null ? last : microseconds(closed) },
    ];
  });
}

/** From the beginning of the cause to the last nanosecond of the wait: an arrow hangs on the slices that hold its ends. */
function arrows({ arrows: found, lanes }: Lanes, calls: readonly TraceCall[], pid: number): ChromeEvent[] {
  return found.flatMap(({ from, to, toLane }, i): ChromeEvent[] => {
    const [cause, wait] = [calls[from], calls[to]] as [TraceCall, TraceCall];
    const { fd, name } = lanes[toLane] as Lane;
    const shared = { name: `wakes ${fd} ${name}`, cat: 'wake-up', id: `wake${i}`, pid };
    const end = wait.start + wait.duration - Math.min(1, wait.duration / 2);
    return [
      { ...shared, ph: 's', tid: cause.thread, ts: microseconds(cause.start) },
      { ...shared, ph: 'f', bp: 'e', tid: wait.thread, ts: microseconds(Math.max(end, cause.start)) },
    ];
  });
}

/**
 * A trace in Chrome's trace event format; `JSON.stringify` makes the file that a viewer opens.
 * @param end how it ended; missing where the trace was cut off
 */
export function chromeTrace(header: TraceHeader, calls: readonly TraceCall[], end?: TraceEnd): ChromeTrace {
  const { pid } = header;
  const last = microseconds(calls.reduce((latest, { start, duration }) => Math.max(latest, start + duration), 0));
  const names: ChromeEvent[] = [...new Set([pid, ...calls.map(({ thread }) => thread)])].map((thread) => {
    const name = thread === pid ? 'main thread' : `worker ${thread}`;
    return { name: 'thread_name', ph: 'M', pid, tid: thread, ts: 0, args: { name } };
  });
  const command = header.command.join(' ');
  const followed = followCalls(calls);
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
      ...spans(followed, pid, last),
      ...arrows(followed, calls, pid),
      ...instants,
    ],
    otherData: { command, started: header.started, dropped: end?.dropped ?? 0, complete: end !== undefined },
  };
}
