/** How threads can share a port, and what a thread of cores-server.ts is told and says. */
import { EPOLLEXCLUSIVE, EPOLLIN } from '../../src/sys/index.js';

export interface Way {
  readonly name: string;
  /** As the contestant is called. */
  readonly title: string;
  /** Whether each worker has a listener of its own on the port (SO_REUSEPORT). */
  readonly own: boolean;
  /** Whether all workers wait in the very same epoll set; otherwise each has its own. */
  readonly oneSet: boolean;
  /** What the listener is registered with. */
  readonly mask: number;
}

export const WAYS: readonly Way[] = [
  { name: 'reuseport', title: 'own listeners', own: true, oneSet: false, mask: EPOLLIN },
  {
    ...{ name: 'exclusive', title: 'shared listener, EPOLLEXCLUSIVE', own: false, oneSet: false },
    mask: EPOLLIN | EPOLLEXCLUSIVE,
  },
  { name: 'shared', title: 'shared listener', own: false, oneSet: false, mask: EPOLLIN },
  {
    ...{ name: 'one-set-exclusive', title: 'shared set, EPOLLEXCLUSIVE', own: false, oneSet: true },
    mask: EPOLLIN | EPOLLEXCLUSIVE,
  },
  { name: 'one-set', title: 'shared set', own: false, oneSet: true, mask: EPOLLIN },
];

/** What a worker is to do. */
export interface Order {
  readonly way: string;
  /** The listener of all, or where `own` what keeps the port. */
  readonly door: number;
  readonly port: number;
  /** Readable when the work is over. */
  readonly over: number;
  /** The epoll set of all, with door and over in it; `null`: each has its own. */
  readonly set: number | null;
  /** Shared by all: which descriptors are connections. */
  readonly open: Uint8Array;
}

/** What a worker has done. */
export interface Done {
  /** Events of the listener: how often it was told that somebody is at the door. */
  readonly told: number;
  /** Of these, how often nobody was: another worker had been faster. */
  readonly wasted: number;
  readonly accepted: number;
  /** Reads that gave something, each of which was sent back. */
  readonly echoed: number;
  /** Connections that ended by themselves. */
  readonly ended: number;
}
