/** A trace as JSON lines, and back: docs/trace.md says what stands in them. */
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { type Argument, callNames, formatCall, type WindowData } from './format.js';

/** What JSON has no word for: bytes (base64), memory that holds nothing (`{}`), a limit that is none (`"Infinity"`). */
function toJson(value: Argument): unknown {
  if (value === undefined) return {};
  if (Array.isArray(value)) return value.map((one) => (one === Infinity ? 'Infinity' : one));
  if (isWindow(value)) return { bytes: Buffer.from(value.bytes).toString('base64'), length: value.length };
  return value;
}

function fromJson(value: unknown): Argument {
  if (Array.isArray(value)) return value.map((one) => (one === 'Infinity' ? Infinity : one)) as number[];
  if (typeof value === 'object' && value !== null) {
    if (Object.keys(value).length === 0) return undefined;
    const { bytes, length } = value as { bytes?: unknown; length?: number };
    if (typeof bytes === 'string') return { bytes: new Uint8Array(Buffer.from(bytes, 'base64')), length: length ?? 0 };
  }
  return value as Argument;
}

function isWindow(value: Argument): value is WindowData {
  return typeof value === 'object' && value !== null && 'bytes' in value;
}

/** A header, a call or an end on its line. */
export function jsonLine(entry: TraceHeader | TraceCall | TraceEnd): string {
  const plain = 'args' in entry ? { ...entry, args: entry.args.map(toJson) } : entry;
  return `${JSON.stringify(plain)}\n`;
}

/** What is no trace. */
export class NoTrace extends Error {}

/** Whoever wrote it may have written anything: what can be shown as text holds together. */
function checked(call: TraceCall, line: number): TraceCall {
  try {
    if ([call.result, call.thread, call.start, call.duration].every(Number.isFinite) && formatCall(call)) return call;
  } catch {
    // Told below.
  }
  throw new NoTrace(`line ${line} is no call of ${call.name} that can be read`);
}

/** A trace that has been kept. */
export interface KeptTrace {
  /** The first line. */
  header: TraceHeader;
  /** The calls, in the order in which they returned. */
  calls: TraceCall[];
  /** Missing where the trace was cut off. */
  end?: TraceEnd;
}

/** @throws NoTrace for a text that is none, with its line */
export function parseTrace(text: string): KeptTrace {
  const lines = text.split('\n');
  // A line that was being written when the writer died.
  if (lines.at(-1) !== '') lines[lines.length - 1] = '';
  const entries = lines.flatMap((line, i) => {
    if (line === '') return [];
    try {
      return [{ line: i + 1, entry: JSON.parse(line) as unknown }];
    } catch {
      throw new NoTrace(`line ${i + 1} is no JSON`);
    }
  });
  const header = entries[0]?.entry as Partial<TraceHeader> | undefined;
  if (header?.fdmux !== 'trace') throw new NoTrace('line 1 is no header of a trace');
  if (header.version !== 1) throw new NoTrace(`a trace of version ${header.version}: this fdmux knows version 1`);
  const kept: KeptTrace = { header: header as TraceHeader, calls: [] };
  for (const { line, entry } of entries.slice(1)) {
    const call = entry as Partial<TraceCall> & Partial<TraceEnd>;
    if (typeof call?.name === 'string' && callNames.has(call.name) && Array.isArray(call.args)) {
      kept.calls.push(checked({ ...(call as TraceCall), args: call.args.map(fromJson) }, line));
    } else if (typeof call?.dropped === 'number') kept.end = call as TraceEnd;
    else throw new NoTrace(`line ${line} is neither a system call of fdmux's nor the end of a trace`);
  }
  return kept;
}
