/** Which write woke which wait: what can be told of it from the calls of one process alone. */
import type { TraceCall } from './event.js';
import { type EventData, opened, type PollData, type SetData } from './format.js';

/** A wait that told of a descriptor, and the call that made it ready. */
export interface WakeUp {
  readonly cause: TraceCall;
  readonly wait: TraceCall;
  /** The descriptor that was told. */
  readonly fd: number;
}

/** The descriptors that a wait has told of; none for another call. */
export function told({ name, args, result }: TraceCall): number[] {
  if (result <= 0) return [];
  if (name === 'epoll_wait' || name === 'epoll_pwait2') return (args[1] as EventData[]).map(({ fd }) => fd);
  if (name === 'poll' || name === 'ppoll') {
    return (args[0] as PollData[]).flatMap(({ fd, revents }) => (revents === 0 ? [] : [fd]));
  }
  if (name !== 'select' && name !== 'pselect') return [];
  return [...new Set((args.slice(1, 4) as (SetData | null)[]).flatMap((set) => set?.after ?? []))];
}

const MOVES: ReadonlySet<string> = new Set(['write', 'send', 'sendto', 'shutdown', 'close', 'connect']);

/**
 * Pairs are known where the process holds both ends: of a pipe, a socketpair, a connection to its own listener; an eventfd is
 * both ends of itself. Of several writes before one wait, the first is the cause.
 */
export function wakeUps(calls: Iterable<TraceCall>): WakeUp[] {
  const ends = new Ends();
  const causes = new Map<number, TraceCall>();
  const found: WakeUp[] = [];
  // A write works from its beginning on; a wait tells at its end.
  const moments = [...calls].map((call) => ({
    call,
    at: MOVES.has(call.name) ? call.start : call.start + call.duration,
  }));
  for (const { call } of moments.sort((a, b) => a.at - b.at)) {
    for (const fd of told(call)) {
      const writer = ends.of(fd);
      const cause = writer === undefined ? undefined : causes.get(writer);
      if (writer === undefined || cause === undefined) continue;
      causes.delete(writer);
      found.push({ cause, wait: call, fd });
    }
    if (MOVES.has(call.name) && (call.result >= 0 || call.name === 'connect')) {
      const fd = call.args[0] as number;
      if (!causes.has(fd)) causes.set(fd, call);
    }
    for (const fd of opened(call)) causes.delete(fd);
    ends.learn(call);
  }
  return found;
}

/** Which descriptor writes what another reads. */
class Ends {
  readonly #writers = new Map<number, number>();
  readonly #listeners = new Map<string, number>();
  /** By listener, the sockets that have connected to it and were not accepted yet. */
  readonly #waiting = new Map<number, number[]>();

  /** Who makes `fd` readable: the other end; of a listener, the first in its queue. */
  of(fd: number): number | undefined {
    return this.#waiting.get(fd)?.[0] ?? this.#writers.get(fd);
  }

  learn(call: TraceCall): void {
    const { name, args, result } = call;
    const fd = args[0] as number;
    for (const fresh of opened(call)) this.#forget(fresh);
    if (name === 'pipe2' && result === 0) {
      const [reader, writer] = args[0] as [number, number];
      this.#writers.set(reader, writer);
    }
    if (name === 'socketpair' && result === 0) this.#pair(...(args[3] as [number, number]));
    if (name === 'eventfd' && result >= 0) this.#writers.set(result, result);
    if ((name === 'bind' || name === 'getsockname') && result === 0) this.#listeners.set(JSON.stringify(args[1]), fd);
    const listener = name === 'connect' ? this.#listeners.get(JSON.stringify(args[1])) : undefined;
    if (listener !== undefined) this.#waiting.set(listener, [...(this.#waiting.get(listener) ?? []), fd]);
    if (name === 'accept4' && result >= 0) {
      const client = this.#waiting.get(fd)?.shift();
      if (client !== undefined) this.#pair(result, client);
    }
  }

  #pair(one: number, other: number): void {
    this.#writers.set(one, other);
    this.#writers.set(other, one);
  }

  /** A number that is given anew means another descriptor. */
  #forget(fd: number): void {
    for (const [reader, writer] of this.#writers) {
      if (reader === fd || writer === fd) this.#writers.delete(reader);
    }
    for (const [address, listener] of this.#listeners) if (listener === fd) this.#listeners.delete(address);
    this.#waiting.delete(fd);
  }
}
