/** The workloads, in the order in which they are measured. Each is loaded when it is asked for. */
import type { Workload } from '../workload.js';

export interface Entry {
  readonly name: string;
  /** What it is about, in a few words. */
  readonly about: string;
  /** How long it takes, about, in seconds: for the time left before it has begun. */
  readonly seconds: { readonly full: number; readonly quick: number };
  load(): Promise<Workload>;
}

export const WORKLOADS: readonly Entry[] = [
  {
    name: 'calls',
    about: 'what one call costs',
    seconds: { full: 60, quick: 8 },
    load: async () => (await import('./calls.js')).calls,
  },
  {
    name: 'scaling',
    about: 'an event among ever more descriptors',
    seconds: { full: 170, quick: 20 },
    load: async () => (await import('./scaling.js')).scaling,
  },
  {
    name: 'echo',
    about: 'echo servers under load',
    seconds: { full: 220, quick: 25 },
    load: async () => (await import('./echo.js')).echo,
  },
  {
    name: 'idle',
    about: 'one connection talks while thousands sleep',
    seconds: { full: 60, quick: 13 },
    load: async () => (await import('./idle.js')).idle,
  },
  {
    name: 'churn',
    about: 'connect, one message, close',
    seconds: { full: 50, quick: 7 },
    load: async () => (await import('./churn.js')).churn,
  },
  {
    name: 'http',
    about: 'one page by every kind of server',
    seconds: { full: 120, quick: 18 },
    load: async () => (await import('./http.js')).http,
  },
  {
    name: 'delivery',
    about: "from the kernel to a callback on Node.js's loop",
    seconds: { full: 60, quick: 8 },
    load: async () => (await import('./delivery.js')).delivery,
  },
  {
    name: 'cores',
    about: 'more threads than one',
    seconds: { full: 80, quick: 10 },
    load: async () => (await import('./cores.js')).cores,
  },
];
