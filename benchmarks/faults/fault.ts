/** What a fault is, what it is tried on, and what comes of it. */

/** A server that faults are tried on. */
export interface Target {
  /** As it stands in the table: `epoll-echo edge`. */
  readonly name: string;
  readonly command: readonly [string, ...string[]];
  /** How many connections it can hold: select(2) stops at 1024 descriptors. */
  readonly most?: number;
}

/** What the clients of one trial saw. */
export interface Tally {
  readonly connections: number;
  /** Connections that the fault itself ended: reset, refused in so many words. */
  readonly broken: number;
  /** Connections that ended and should not have. */
  readonly connectionsLost: number;
  readonly bytesChecked: number;
  /** Bytes that did not come back, or came back as others. */
  readonly bytesLost: number;
  /** That the fault was there, in figures: `412 calls failed`. */
  readonly evidence: string;
  /** What else went wrong, a sentence each. */
  readonly problems: readonly string[];
}

/** A line of the table. */
export interface Row extends Tally {
  readonly fault: string;
  readonly server: string;
  /** In bytes, the most that the server held at any time of the trial, and how much of it came with the trial. */
  readonly peakMemory: number;
  readonly memoryGrowth: number;
  /** Descriptors that the server had open at the end, and not before. */
  readonly leftOpen: number;
  readonly seconds: number;
  /**
   * - `held`: nothing was lost, and nothing is left
   * - `lost`: bytes or connections
   * - `leaked`: descriptors
   * - `grew`: the server took more memory than it may
   * - `failed`: anything else that `problems` say
   */
  readonly verdict: 'held' | 'lost' | 'leaked' | 'grew' | 'failed';
}

/** A fault that cannot be made on this machine. */
export interface Skip {
  readonly fault: string;
  readonly reason: string;
}

export interface Context {
  /** Whether all of it is to take less than a minute and a half. */
  readonly short: boolean;
  /** From which the clients' chances come: the same ones in each run with this number. */
  readonly seed: number;
  /** A folder of the run's own. */
  readonly folder: string;
}

/** One way in which the world ill-treats a server. */
export interface Fault {
  readonly name: string;
  /** What is done, in one sentence. */
  readonly summary: string;
  /** The servers that it is tried on. */
  targets(context: Context): readonly Target[];
  /** @returns why it cannot be made here; `undefined` when it can */
  missing?(): string | undefined;
  /** Tries it on one server, as often as makes a row each. */
  run(target: Target, context: Context): Promise<readonly Row[]>;
}
