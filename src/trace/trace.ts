/** A trace within a program: what `fdmux/trace` is there for. */
import { integer, invalidType, isObject } from '../sys/check.js';
import { makeRing, RING_BYTES, trace_start, trace_stop, traced } from '../sys/trace.js';
import { COUNT, DROPPED, decodeRecord, FIRST, LATEST, NEXT, recordSize } from './decode.js';
import type { TraceCall, TraceEnd, TraceHeader } from './event.js';
import { jsonLine } from './json.js';
import { concerns, namesOf } from './select.js';
import { type TextOptions, TraceText } from './text.js';

/** What is recorded, and how much of it is kept. */
export interface TraceOptions {
  /**
   * How much memory the trace may take, in bytes, 65536 to 2³⁰; 8 MiB unless given, which is enough for about 60,000 calls.
   * When it is full, the oldest calls make room for the latest.
   */
  memory?: number;
  /** Which calls, by their names in `fdmux/sys` or as strace shows them (`recvfrom` is both `recv` and `recvfrom`). All unless given. */
  only?: readonly string[];
  /** Only calls about this descriptor, or one of these: as an argument, waited for, ready, or just opened. */
  fd?: number | readonly number[];
  /**
   * Called with each call when it has returned, before the program goes on. The calls that it makes itself are not in this
   * trace. What it throws is an uncaught exception, once the program comes to it; the call that was made is not affected.
   */
  onCall?: ((call: TraceCall) => void) | undefined;
}

const MEMORY = 8 * 2 ** 20;

/** The ids that calls of these names have in records. */
export function idsOf(only: readonly string[] | undefined): number[] {
  const wanted = only === undefined ? undefined : namesOf(only);
  return [...traced.entries()].flatMap(([id, name]) => (wanted?.has(name) === false ? [] : [id]));
}

function descriptorSet(fd: number | readonly number[]): ReadonlySet<number> {
  const fds: readonly number[] = typeof fd === 'object' && Array.isArray(fd) ? fd : [fd as number];
  return new Set(fds.map((one) => integer('fd', one, 0, 2147483647)));
}

/** Records the system calls that fdmux makes on this thread, until it is stopped. */
export class Trace implements Disposable, Iterable<TraceCall> {
  /** The process, and when the trace began. */
  readonly header: TraceHeader;
  readonly #view: DataView;
  readonly #ring: Float64Array;
  /** In nanoseconds of CLOCK_MONOTONIC. */
  readonly #epoch: number;
  #id: number;

  /** @internal */
  constructor(options: TraceOptions = {}) {
    if (!isObject(options)) throw invalidType('options', 'of type object', options);
    const { memory = MEMORY, only, fd, onCall } = options;
    integer('memory', memory, 65536, 2 ** 30);
    if (onCall !== undefined && typeof onCall !== 'function') throw invalidType('onCall', 'of type function', onCall);
    const ids = idsOf(only);
    const fds = fd === undefined ? undefined : descriptorSet(fd);
    const ring = makeRing(memory - (memory % 8));
    this.#view = new DataView(ring.buffer);
    this.#ring = new Float64Array(ring.buffer, 0, RING_BYTES / 8);
    this.header = {
      fdmux: 'trace',
      version: 1,
      command: [...process.argv],
      pid: process.pid,
      started: new Date().toISOString(),
    };
    this.#epoch = Number(process.hrtime.bigint());
    const told = fds === undefined && onCall === undefined ? undefined : () => this.#told(fds, onCall);
    this.#id = trace_start(ids, { ring, told });
  }

  /** Whether it still records. */
  get recording(): boolean {
    return this.#id !== 0;
  }

  /** How many calls it holds. */
  get size(): number {
    return this.#at(COUNT);
  }

  /** How many calls had to make room for later ones. */
  get dropped(): number {
    return this.#at(DROPPED);
  }

  /** The calls that it holds, in the order in which they returned: those of this moment, made into objects now. */
  get calls(): TraceCall[] {
    const calls: TraceCall[] = [];
    let at = this.#at(FIRST);
    for (let left = this.size; left > 0; ) {
      const size = recordSize(this.#view, at);
      if (size === 0) {
        at = RING_BYTES;
        continue;
      }
      calls.push(decodeRecord(this.#view, at, this.#epoch));
      at += size;
      left--;
    }
    return calls;
  }

  /** The calls of this moment, as `calls`. */
  [Symbol.iterator](): IterableIterator<TraceCall> {
    return this.calls[Symbol.iterator]();
  }

  /** Ends the recording; what has been recorded stays. Stopping twice is harmless. */
  stop(): void {
    if (this.#id !== 0) trace_stop(this.#id);
    this.#id = 0;
  }

  /** Stops it at the end of a `using`. */
  [Symbol.dispose](): void {
    this.stop();
  }

  /** Forgets the calls that it holds, and how many were dropped. */
  clear(): void {
    this.#ring.set([RING_BYTES, RING_BYTES, 0, 0, 0]);
  }

  /** The calls as strace writes them, a line each. */
  toText(options?: TextOptions): string {
    const text = new TraceText(this.header, options);
    return this.calls.map((call) => text.line(call)).join('') + text.end(this.#end());
  }

  /** The trace as JSON lines: what `fdmux trace --from FILE` takes. */
  toJSONLines(): string {
    return [this.header, ...this.calls, this.#end()].map(jsonLine).join('');
  }

  #end(): TraceEnd {
    return { dropped: this.dropped };
  }

  #at(field: number): number {
    return this.#ring[field] as number;
  }

  #told(fds: ReadonlySet<number> | undefined, onCall: TraceOptions['onCall']): void {
    const latest = this.#at(LATEST);
    // One that the whole ring has no room for.
    if (latest === 0) return;
    try {
      const call = decodeRecord(this.#view, latest, this.#epoch);
      if (fds === undefined || concerns(call, fds)) onCall?.(call);
      else this.#forget(latest);
    } catch (error) {
      process.nextTick(() => {
        throw error;
      });
    }
  }

  /** Takes the latest record back. */
  #forget(latest: number): void {
    this.#ring[NEXT] = latest;
    this.#ring[COUNT] = this.size - 1;
  }
}
