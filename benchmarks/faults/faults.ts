/** The faults, in the order of the table. */
import { badLink } from './bad-link.js';
import { connections } from './connections.js';
import type { Fault } from './fault.js';
import { halfCloses } from './half-closes.js';
import { injected } from './injected.js';
import { oneByte } from './one-byte.js';
import { output } from './output.js';
import { resets } from './resets.js';
import { slow } from './slow.js';
import { stopped } from './stopped.js';
import { storm } from './storm.js';

export const FAULTS: readonly Fault[] = [
  connections,
  storm,
  resets,
  halfCloses,
  slow,
  oneByte,
  badLink,
  injected,
  stopped,
  output,
];
