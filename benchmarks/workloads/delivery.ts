/** What the processes of bench:delivery are asked and answer, and what their rounds say. */
import { createInterface } from 'node:readline';
import * as sys from '../../src/sys/index.js';
import type { Child } from '../measure/children.js';
import { ratio, type Spread, spread } from '../measure/statistics.js';

/** How many descriptors are ready at once. */
export const READY = [1, 8, 64] as const;

/** Starts handing over events; calls `told` for each, with its descriptor, until it answers false. */
export type Way = (fds: readonly number[], told: (fd: number) => boolean) => void;

/** One answer: so many events in so long. */
interface Answer {
  events: number;
  ns: number;
}

/** A check of the clock costs as much as an event. */
const EVENTS_A_CHECK = 64;

function measure(way: Way, ready: number, milliseconds: number): Promise<Answer> {
  const pipes = Array.from({ length: ready }, () => {
    const pipefd = new Int32Array(2);
    if (sys.pipe2(pipefd, sys.O_CLOEXEC) < 0) throw new Error('pipe2 failed');
    sys.write(pipefd[1] as number, Buffer.from('x'));
    return [pipefd[0] as number, pipefd[1] as number] as const;
  });
  const fds = pipes.map(([fd]) => fd);
  const seen = new Uint32Array(Math.max(...fds) + 1);
  let events = 0;
  let start = 0n;
  const length = BigInt(milliseconds) * 1_000_000n;
  return new Promise((resolve, reject) => {
    way(fds, (fd) => {
      seen[fd] = (seen[fd] as number) + 1;
      if (++events % EVENTS_A_CHECK !== 0) return true;
      if (start === 0n) {
        start = process.hrtime.bigint();
        events = 0;
        return true;
      }
      const ns = process.hrtime.bigint() - start;
      if (ns < length) return true;
      setImmediate(() => {
        for (const both of pipes) for (const one of both) sys.close(one);
        const forgotten = fds.filter((fd) => seen[fd] === 0).length;
        if (forgotten > 0) reject(new Error(`${forgotten} of ${ready} ready descriptors were never told`));
        else resolve({ events, ns: Number(ns) });
      });
      return false;
    });
  });
}

/** A contestant's process: answers each line `{ way, ready, milliseconds }`. */
export async function serve(ways: Readonly<Record<string, Way>>): Promise<void> {
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const { way, ready, milliseconds } = JSON.parse(line) as { way: string; ready: number; milliseconds: number };
    console.log(JSON.stringify(await measure(ways[way] as Way, ready, milliseconds)));
  }
}

export interface Contestant {
  name: string;
  child: Child;
}

/** ns an event, by `ready` and contestant. */
export type Round = Map<number, Map<string, number>>;

/** Every contestant once for each number of ready descriptors; who begins changes from round to round. */
export async function playRound(
  contestants: readonly Contestant[],
  round: number,
  milliseconds: number,
): Promise<Round> {
  const played: Round = new Map();
  for (const ready of READY) {
    const figures = new Map<string, number>();
    const first = round % contestants.length;
    for (const { name, child } of [...contestants.slice(first), ...contestants.slice(0, first)]) {
      child.say(JSON.stringify({ way: name, ready, milliseconds }));
      const { events, ns } = JSON.parse(await child.line()) as Answer;
      figures.set(name, ns / events);
    }
    played.set(ready, figures);
  }
  return played;
}

export interface DeliveryFigures {
  ready: number;
  /** ns an event. */
  ns: Record<string, Spread>;
  /** How many times faster than the baseline, round by round. */
  faster: Record<string, Spread>;
}

export function summarise(rounds: readonly Round[], names: readonly string[], baseline: string): DeliveryFigures[] {
  return READY.map((ready) => {
    const of = (name: string) => rounds.map((round) => round.get(ready)?.get(name) as number);
    const ns = Object.fromEntries(names.map((name) => [name, spread(of(name))]));
    const others = names.includes(baseline) ? names.filter((name) => name !== baseline) : [];
    const faster = Object.fromEntries(others.map((name) => [name, ratio(of(baseline), of(name))]));
    return { ready, ns, faster };
  });
}
