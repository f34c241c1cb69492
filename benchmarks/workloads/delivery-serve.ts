/** A contestant's process of `delivery`: it is asked for so many ready descriptors for so long, and answers how many events it was told. */
import { createInterface } from 'node:readline';
import * as sys from '../../src/sys/index.js';

/** Starts handing over events; calls `told` for each, with its descriptor, until it answers false. */
export type Way = (fds: readonly number[], told: (fd: number) => boolean) => void;

/** What a process is asked. */
export interface EventsOrder {
  way: string;
  ready: number;
  milliseconds: number;
}

/** One answer: so many events in so long. */
export interface EventsAnswer {
  events: number;
  ns: number;
}

/** A check of the clock costs as much as an event. */
const EVENTS_A_CHECK = 64;

function measure(way: Way, ready: number, milliseconds: number): Promise<EventsAnswer> {
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

/** Answers each line of stdin, an `EventsOrder`, until there is no more. */
export async function serve(ways: Readonly<Record<string, Way>>): Promise<void> {
  console.log('ready');
  for await (const line of createInterface({ input: process.stdin })) {
    const { way, ready, milliseconds } = JSON.parse(line) as EventsOrder;
    console.log(JSON.stringify(await measure(ways[way] as Way, ready, milliseconds)));
  }
}
