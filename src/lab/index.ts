/** The experiments, in the order of their telling. */
import type { Experiment } from './harness.js';
import { levelAndEdge } from './level-and-edge.js';

export const experiments: readonly Experiment[] = [levelAndEdge];

export type { Experiment, Outcome, Step, Verdict } from './harness.js';
export { kernel, run } from './harness.js';
