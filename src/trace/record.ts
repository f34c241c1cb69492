/**
 * `fdmux/sys` with an ear to it: the same functions, classes and constants, and each call told as data once it has
 * returned. Calls that others make are not.
 */
import * as sys from '../sys/index.js';
import { makeRing, RING_BYTES, trace_start, trace_stop, traced } from '../sys/trace.js';
import { decodeRecord, LATEST } from './decode.js';
import { type Call, callNames } from './format.js';

/** The system calls, as `import * as sys` has them. */
export type Sys = typeof sys;

/** Room for one record: a select over 2²⁰ descriptors has 768 KiB. */
const ROOM = 2 ** 20;

/** @param told hears of each call that was made; one that threw was not */
export function recording(told: (call: Call) => void): Sys {
  const ring = makeRing(ROOM);
  const view = new DataView(ring.buffer);
  const fields = new Float64Array(ring.buffer, 0, RING_BYTES / 8);
  const ids = [...traced.keys()];
  const wrap = (call: (...args: unknown[]) => number) => {
    return (...given: unknown[]): number => {
      const trace = trace_start(ids, { ring });
      let result: number;
      try {
        result = call(...given);
      } finally {
        trace_stop(trace);
      }
      const { name, args, result: returned } = decodeRecord(view, fields[LATEST] as number, 0);
      told({ name, args, result: returned });
      return result;
    };
  };
  return Object.fromEntries(
    Object.entries(sys).map(([name, value]) => [
      name,
      callNames.has(name) ? wrap(value as unknown as (...args: unknown[]) => number) : value,
    ]),
  ) as unknown as Sys;
}
