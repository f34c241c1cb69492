/** What the timeline's page hands to its script, in columns and with each text once: a trace may have 100,000 calls. */

/** What a descriptor is, as far as its lane is named for it. */
export type Kind =
  | 'epoll'
  | 'wait'
  | 'listener'
  | 'client'
  | 'connection'
  | 'socket'
  | 'datagram'
  | 'pipe'
  | 'event'
  | 'timer'
  | 'inotify'
  | 'process'
  | 'standard'
  | 'other';

/** One descriptor from its opening to its closing. Times are nanoseconds since the trace began. */
export interface Lane {
  readonly fd: number | null;
  kind: Kind;
  /** `listener`, `client 3`. */
  name: string;
  /** Its address, or what else tells it from its like. */
  about: string;
  readonly opened: number | null;
  closed: number | null;
  /** Descriptors that had one number, and were of one kind, one after another, share a row. */
  row: number;
}

/** When a descriptor could be read, or written; `end` is null if the trace ends before. */
export interface Spell {
  readonly lane: number;
  readonly way: 'readable' | 'writable';
  readonly start: number;
  end: number | null;
}

/** A wait told of a descriptor. */
export interface Told {
  readonly lane: number;
  /** The wait's place in the calls. */
  readonly call: number;
  /** In names: `EPOLLIN|EPOLLHUP`. */
  readonly events: string;
  /** It had been told before, and nothing has come or been written since that is known of. */
  readonly again: boolean;
}

/** The call `from` caused that the call `to` returned, and told of `toLane`. */
export interface Arrow {
  readonly from: number;
  readonly fromLane: number;
  readonly to: number;
  readonly toLane: number;
}

/** What a call is for: its colour. */
export type Family = 'wait' | 'read' | 'write' | 'open' | 'close' | 'control';

/** How a call is drawn besides. */
export const FLAG = {
  /** It failed with EAGAIN: nothing there, or no room. */
  AGAIN: 1,
  /** It failed otherwise. */
  FAILED: 2,
  /** A wait that may block. */
  BLOCKS: 4,
} as const;

/** A trace, ready to be drawn: its calls in the order of their beginnings. */
export interface Drawing {
  readonly title: string;
  readonly lanes: readonly Lane[];
  readonly rows: number;
  readonly spells: readonly Spell[];
  readonly told: readonly Told[];
  readonly arrows: readonly Arrow[];
  readonly names: readonly string[];
  /** The family of each name. */
  readonly families: readonly Family[];
  /** The calls in strace's form. */
  readonly texts: readonly string[];
  readonly threads: readonly number[];
  readonly calls: {
    readonly start: readonly number[];
    readonly duration: readonly number[];
    readonly lane: readonly number[];
    /** Places in `names`, `texts` and `threads`. */
    readonly name: readonly number[];
    readonly text: readonly number[];
    readonly thread: readonly number[];
    readonly flags: readonly number[];
  };
  /** When the first wait that had something to read to tell returned. */
  readonly woken: number | null;
}
