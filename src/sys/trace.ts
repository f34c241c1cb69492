/**
 * Records of the system calls that this thread makes, as `src-native/trace.cc` writes them down. Not a system call and no
 * part of `fdmux/sys`: the door of `fdmux/trace`.
 */
import { constant, frame, type Memory, native } from './native.js';

/** What can be recorded: names of system calls, by the ids that stand in records. One name may have several ids. */
export const traced: readonly string[] = native.traced;

/** How many bytes of a ring's memory are its own: where the next record goes, the oldest one, how many, how many dropped. */
export const RING_BYTES = constant('TRACE_RING_BYTES');
/** How many bytes a record begins with: what it says beside the call's parameters. */
export const HEAD_BYTES = constant('TRACE_HEAD_BYTES');

/** Where records go. */
export interface Destination {
  /** The oldest records make room for the latest. It begins empty. */
  ring?: Ring;
  /** A descriptor: each record is written to it, in one piece, as soon as its call has returned. */
  sink?: number;
  /** Called after each record. It must not throw. */
  told?: (() => void) | undefined;
}

/** Memory for records. */
export interface Ring {
  readonly buffer: ArrayBuffer;
  /** The number under which the addon knows it, for as long as the buffer lives. */
  readonly memory: Memory;
}

/** @param bytes how large it is: RING_BYTES or more, a multiple of 8 */
export function makeRing(bytes: number): Ring {
  const buffer = new ArrayBuffer(bytes);
  return { buffer, memory: native.pin(buffer) };
}

/** Rings that are written to must live, whoever has lost them. */
const written = new Map<number, Ring>();

/**
 * From now on, the calls of this thread that stand in `ids` are recorded.
 * @returns a number for `trace_stop`
 */
export function trace_start(ids: readonly number[], { ring, sink = -1, told }: Destination): number {
  frame[0] = ring?.memory ?? 0;
  frame[1] = sink;
  native.trace_start(Int32Array.from(ids), told);
  const id = frame[0];
  if (ring !== undefined) written.set(id, ring);
  return id;
}

/** Ends it. @returns 0 or `-ENOENT` */
export function trace_stop(id: number): number {
  frame[0] = id;
  native.trace_stop();
  written.delete(id);
  return frame[0];
}

const address = new ArrayBuffer(constant('SOCKADDR_BYTES') || 0);
let addressMemory: number | undefined;

/** What `SockAddr` says of these bytes. */
export function addressText(bytes: Uint8Array): { family: number; port: number; text: string } {
  addressMemory ??= native.pin(address);
  new Uint8Array(address).set(bytes);
  frame[0] = addressMemory;
  native.sockaddr_family();
  const family = frame[0];
  frame[0] = addressMemory;
  native.sockaddr_port();
  const port = frame[0];
  frame[0] = addressMemory;
  return { family, port, text: native.sockaddr_text() };
}
