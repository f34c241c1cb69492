/** A server that something is done to, and the look into it. */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Child, start } from '../measure/children.js';
import { cProgram, isMissing } from '../measure/places.js';
import { processCpu } from '../measure/process-cpu.js';
import type { Target } from './fault.js';

/** How long a server may take to close what its clients have closed, in milliseconds. */
const SETTLE = 10_000;
/** A server that rests has as many descriptors as often as this, a few milliseconds apart. */
const QUIET = 10;
/** How long the generator may take beyond what it is told, in milliseconds. */
const PATIENCE = 20_000;
/** How long what is on its way may take, in seconds: whoever is not let in knocks after 1, 3, 7, 15 and 31 seconds. */
export const DRAIN = 45;

/** What c/unruly.c takes. */
export interface Unruly {
  readonly connections: number;
  readonly seconds: number;
  /** The longest stream that a connection sends, in bytes. */
  readonly most?: number;
  /** Of a hundred connections, how many end by a reset, and by a half-close. */
  readonly resets?: number;
  readonly halfCloses?: number;
  readonly slowReaders?: number;
  readonly slowWriters?: number;
  /** All come at once, and the next ones when all have gone. */
  readonly waves?: boolean;
  /** The server may refuse a connection in so many words. */
  readonly refusable?: boolean;
}

/** What c/unruly.c prints. */
export interface UnrulyResult {
  readonly opened: number;
  readonly completed: number;
  readonly reset: number;
  readonly refused: number;
  readonly connectionsLost: number;
  readonly bytesChecked: number;
  readonly bytesWrong: number;
  readonly bytesLost: number;
  /** The first reason for which a connection was lost. */
  readonly error: string;
}

/** @throws Error when it has not been built */
export function generator(name: 'unruly' | 'load' | 'http-load' | 'bad-link'): string {
  const path = cProgram(name);
  if (isMissing(path)) throw new Error(`benchmarks/c/${name}.c is ${path.missing}`);
  return path;
}

/** How a server is started, where that is not by its command alone. */
export interface Surroundings {
  /** The command in front of the server's. */
  readonly within?: readonly string[];
  /** The command in front of the clients'. */
  readonly clientsWithin?: readonly string[];
  /** Further words of the server's command. */
  readonly args?: readonly string[];
  /** Who reads the line that says where it listens, when not this process by the child's standard output. */
  readonly line?: () => Promise<string>;
}

export class Subject {
  readonly pid: number;
  #runs = 0;

  private constructor(
    readonly name: string,
    readonly host: string,
    readonly port: number,
    readonly child: Child,
    readonly seed: number,
    readonly clientsWithin: readonly string[],
  ) {
    this.pid = child.pid;
  }

  /** @throws Error when it does not say that it listens */
  static async start(target: Target, seed: number, around: Surroundings = {}): Promise<Subject> {
    const [file, ...args] = [...(around.within ?? []), ...target.command, ...(around.args ?? [])] as [string];
    const child = start(file, args);
    try {
      const said = await (around.line?.() ?? child.line());
      const [, host, port] = /listening on (\S+):(\d+)$/.exec(said) ?? [];
      if (host === undefined) throw new Error(`it said '${said}', not where it listens`);
      return new Subject(target.name, host, Number(port), child, seed, around.clientsWithin ?? []);
    } catch (error) {
      await child.end();
      throw error;
    }
  }

  get descriptors(): number {
    return readdirSync(`/proc/${this.pid}/fd`).length;
  }

  /** What it holds in memory now, in bytes. */
  get memory(): number {
    return this.#status('VmRSS');
  }

  /** The most that it has held since `forgetPeak`, in bytes. */
  get peakMemory(): number {
    return this.#status('VmHWM');
  }

  /** In nanoseconds. */
  get cpu(): number {
    return processCpu(this.pid);
  }

  /** @see {@link https://man7.org/linux/man-pages/man5/proc_pid_clear_refs.5.html proc_pid_clear_refs(5)} */
  forgetPeak(): void {
    writeFileSync(`/proc/${this.pid}/clear_refs`, '5');
  }

  #status(field: string): number {
    const status = readFileSync(`/proc/${this.pid}/status`, 'latin1');
    return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1] ?? 0) * 1024;
  }

  /** Waits until it opens and closes nothing. @returns how many descriptors it has then */
  async rest(): Promise<number> {
    let last = -1;
    let same = 0;
    for (const end = performance.now() + SETTLE; same < QUIET && performance.now() < end; await sleep(5)) {
      const count = this.descriptors;
      same = count === last ? same + 1 : 0;
      last = count;
    }
    return last;
  }

  /** Waits until it has closed what its clients have. @returns how many descriptors it still has beyond its own */
  async settle(own: number): Promise<number> {
    for (const end = performance.now() + SETTLE; ; await sleep(5)) {
      const left = this.descriptors - own;
      if (left <= 0 || performance.now() > end) return Math.max(left, 0);
    }
  }

  /** Lets clients loose on it. @throws Error when they could not be */
  async unruly(load: Unruly): Promise<UnrulyResult> {
    const options: Record<string, number | undefined> = {
      connections: load.connections,
      seconds: load.seconds,
      most: load.most,
      resets: load.resets,
      'half-closes': load.halfCloses,
      'slow-readers': load.slowReaders,
      'slow-writers': load.slowWriters,
      patience: DRAIN,
      // Each run another one, and the same ones again in a run with the same number.
      seed: this.seed * 1000 + this.#runs++,
    };
    const words = Object.entries(options).flatMap(([name, value]) =>
      value === undefined ? [] : [`--${name}`, String(value)],
    );
    for (const flag of ['waves', 'refusable'] as const) if (load[flag]) words.push(`--${flag}`);
    const all = [...this.clientsWithin, generator('unruly'), this.host, String(this.port), ...words];
    const [file, ...args] = all as [string, ...string[]];
    const client = start(file, args);
    try {
      return JSON.parse(await client.line((load.seconds + DRAIN) * 1000 + PATIENCE)) as UnrulyResult;
    } finally {
      await client.end();
    }
  }
}
