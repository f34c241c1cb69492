/** The experiments, in the order of their telling. */

import { alwaysWritable } from './always-writable.js';
import { busyPeer } from './busy-peer.js';
import { closeRegistered } from './close-registered.js';
import { closedDup } from './closed-dup.js';
import { defaultSelector } from './default-selector.js';
import { edgeAcceptOnce } from './edge-accept-once.js';
import { endOfFile } from './end-of-file.js';
import { goneBeforeAccept } from './gone-before-accept.js';
import { halfClose } from './half-close.js';
import type { Experiment } from './harness.js';
import { herd } from './herd.js';
import { inherited } from './inherited.js';
import { interrupted } from './interrupted.js';
import { levelAndEdge } from './level-and-edge.js';
import { loops } from './loops.js';
import { nested } from './nested.js';
import { nonblockingAccept } from './nonblocking-accept.js';
import { oneshot } from './oneshot.js';
import { outOfBand } from './out-of-band.js';
import { pollLimit } from './poll-limit.js';
import { readyOrder } from './ready-order.js';
import { regularFiles } from './regular-files.js';
import { reusedNumber } from './reused-number.js';
import { scan } from './scan.js';
import { selectLimit } from './select-limit.js';
import { selectorTimeouts } from './selector-timeouts.js';
import { sharedMemory } from './shared-memory.js';
import { shortRead } from './short-read.js';
import { timeoutUnits } from './timeout-units.js';
import { unasked } from './unasked.js';
import { underneath } from './underneath.js';
import { unreadReset } from './unread-reset.js';

export const experiments: readonly Experiment[] = [
  selectLimit,
  pollLimit,
  scan,
  levelAndEdge,
  edgeAcceptOnce,
  alwaysWritable,
  endOfFile,
  closeRegistered,
  sharedMemory,
  underneath,
  selectorTimeouts,
  nonblockingAccept,
  defaultSelector,
  closedDup,
  reusedNumber,
  busyPeer,
  shortRead,
  halfClose,
  unasked,
  oneshot,
  herd,
  readyOrder,
  nested,
  loops,
  regularFiles,
  interrupted,
  timeoutUnits,
  inherited,
  unreadReset,
  goneBeforeAccept,
  outOfBand,
];

export { list, runAll, runOne } from './command.js';
export type { Experiment, Outcome, Step, Verdict } from './harness.js';
export { run } from './harness.js';
export { Report } from './report.js';
