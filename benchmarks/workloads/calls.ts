/**
 * What one call costs: each contestant is a process that runs the same loop of one call, again and again for a while, and
 * answers with the median time of a call. Within a round they take turns at each call, on the same CPU, one beginning
 * each round; so they all have the machine at the same time, as good or as bad as it is.
 *
 * Every wait has one ready descriptor and a timeout of 0: the answer is 1, at once. The calls that move bytes move one,
 * and each is timed on its own: what it reads is put there, and what it has written is taken away, outside the clock.
 */
import type { Child } from '../measure/children.js';
import { ratio, type Spread, spread } from '../measure/statistics.js';

export interface Call {
  name: string;
  /** How many calls lie between two looks at the clock. A socket has no room for more single bytes than a few hundred. */
  batch: number;
  /** Whether it waits: the calls whose cost a server feels at every turn. */
  wait: boolean;
  /** Whether it takes memory of the caller's. */
  buffer: boolean;
}

const MANY = 1024;
const FEW = 128;

export const CALLS: readonly Call[] = [
  { name: 'epoll_wait', batch: MANY, wait: true, buffer: true },
  { name: 'epoll_pwait2', batch: MANY, wait: true, buffer: true },
  { name: 'poll', batch: MANY, wait: true, buffer: true },
  { name: 'ppoll', batch: MANY, wait: true, buffer: true },
  { name: 'select', batch: MANY, wait: true, buffer: true },
  { name: 'pselect', batch: MANY, wait: true, buffer: true },
  { name: 'epoll_ctl', batch: MANY, wait: false, buffer: false },
  { name: 'read', batch: FEW, wait: false, buffer: true },
  { name: 'write', batch: FEW, wait: false, buffer: true },
  { name: 'recv', batch: FEW, wait: false, buffer: true },
  { name: 'send', batch: FEW, wait: false, buffer: true },
];

export interface Contestant {
  name: string;
  child: Child;
}

/** @throws Error when a call failed */
async function measure({ name, child }: Contestant, call: Call, milliseconds: number): Promise<number> {
  child.say(`${call.name} ${call.batch} ${milliseconds}`);
  const answer = JSON.parse(await child.line()) as { call?: string; ns?: number; error?: string };
  if (answer.call === call.name && typeof answer.ns === 'number' && answer.ns > 0) return answer.ns;
  throw new Error(`${name}, ${call.name}: ${answer.error ?? 'no answer'}`);
}

/** Nanoseconds a call, by call and contestant. */
export type Round = Map<Call, Map<string, number>>;

/** Everybody makes every call once, for `milliseconds`; `round` says who begins. */
export async function playRound(
  contestants: readonly Contestant[],
  round: number,
  milliseconds: number,
): Promise<Round> {
  const first = round % contestants.length;
  const order = [...contestants.slice(first), ...contestants.slice(0, first)];
  const figures: Round = new Map();
  for (const call of CALLS) {
    const times = new Map<string, number>();
    for (const contestant of order) times.set(contestant.name, await measure(contestant, call, milliseconds));
    figures.set(call, times);
  }
  return figures;
}

export interface CallFigures {
  call: string;
  /** Nanoseconds a call, by contestant. */
  ns: Record<string, Spread>;
  /** fdmux's time divided by the contestant's, within each round. */
  ratio: Record<string, Spread>;
}

/** @param own the contestant that the others are compared with */
export function summarise(rounds: readonly Round[], call: Call, names: readonly string[], own: string): CallFigures {
  const timesOf = (name: string): number[] => rounds.map((round) => round.get(call)?.get(name) as number);
  const others = names.filter((name) => name !== own);
  return {
    call: call.name,
    ns: Object.fromEntries(names.map((name) => [name, spread(timesOf(name))])),
    ratio: Object.fromEntries(others.map((name) => [name, ratio(timesOf(own), timesOf(name))])),
  };
}
