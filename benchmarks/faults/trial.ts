/** One server through one fault: what it was before, what happened, what is left of it. */
import type { Context, Fault, Row, Tally, Target } from './fault.js';
import { Subject, type Surroundings, type UnrulyResult } from './subject.js';

const MIB = 1024 * 1024;

/**
 * How much more a server may hold than when it was at rest and warm, in bytes, and how much for each connection. What a
 * connection may cost is what a server owes it at most, 64 KiB, of which the kernel's buffers hold the rest.
 */
const GROWTH = 64 * MIB;
/** The clients that warm it up. */
const WARMTH = { connections: 50, seconds: 0.4, most: 65536 };

export interface TrialOptions extends Surroundings {
  /** How much more it may hold, in bytes, where that is not `GROWTH`. */
  readonly growth?: number;
  /** Whether it answers, in place of an echo that is heard. @throws Error when it does not */
  readonly probe?: (subject: Subject) => Promise<void>;
  /** What makes it warm, in place of the echo's clients. */
  readonly warm?: (subject: Subject) => Promise<void>;
  /** What is behind the name of the fault in the table. */
  readonly variant?: string;
}

/** @throws Error when one connection is not answered byte for byte */
async function hears(subject: Subject): Promise<void> {
  const { connectionsLost, bytesWrong, completed, error } = await subject.unruly({ connections: 1, seconds: 0.01 });
  if (connectionsLost > 0 || bytesWrong > 0 || completed === 0) throw new Error(`it does not answer: ${error}`);
}

/** What the generator tells, as a tally. */
export function tallyOf(result: UnrulyResult, evidence: string, problems: readonly string[] = []): Tally {
  const { opened, reset, refused, connectionsLost, bytesChecked, bytesLost, bytesWrong, error } = result;
  return {
    ...{ connections: opened, broken: reset + refused, connectionsLost, bytesChecked, evidence },
    bytesLost: bytesLost + bytesWrong,
    problems: error === '' ? problems : [...problems, `a connection was lost: ${error}`],
  };
}

const NOTHING: Tally = {
  ...{ connections: 0, broken: 0, connectionsLost: 0, bytesChecked: 0, bytesLost: 0 },
  ...{ evidence: '', problems: [] },
};

function verdictOf(row: Omit<Row, 'verdict'>, growth: number): Row['verdict'] {
  if (row.bytesLost > 0 || row.connectionsLost > 0) return 'lost';
  if (row.leftOpen > 0) return 'leaked';
  if (row.memoryGrowth > growth) return 'grew';
  // A trial in which nothing was checked has shown nothing.
  return row.problems.length > 0 || row.bytesChecked === 0 ? 'failed' : 'held';
}

/**
 * Starts a server, warms it up, lets `act` do the worst, and sees what is left: the server must answer a newcomer, close what
 * it opened, and end with 0 when it is asked to.
 */
export async function trial(
  { name, summary: _ }: Pick<Fault, 'name' | 'summary'>,
  target: Target,
  { seed }: Context,
  options: TrialOptions,
  act: (subject: Subject) => Promise<Tally>,
): Promise<Row> {
  const begin = performance.now();
  const { growth = GROWTH, probe = hears, variant } = options;
  const problems: string[] = [];
  let tally = NOTHING;
  // What is lost before the fault is lost, too.
  let warmth = NOTHING;
  let peakMemory = 0;
  let memoryGrowth = 0;
  let leftOpen = 0;
  let subject: Subject | undefined;
  try {
    subject = await Subject.start(target, seed, options);
    await probe(subject);
    const own = await subject.rest();
    if (options.warm) await options.warm(subject);
    else warmth = tallyOf(await subject.unruly(WARMTH), '');
    await subject.rest();
    subject.forgetPeak();
    const before = subject.memory;
    tally = await act(subject);
    if (!subject.child.ended) {
      await probe(subject);
      leftOpen = await subject.settle(own);
      peakMemory = subject.peakMemory;
      memoryGrowth = Math.max(0, peakMemory - before);
    }
    await subject.child.end();
    if (subject.child.status !== 0) throw new Error('it did not end well');
  } catch (error) {
    // Whatever was wrong with a server that has ended: that is what was.
    const end = subject?.child.ended ? `it ended with ${subject.child.status}: ${subject.child.words()}` : undefined;
    problems.push(end ?? (error as Error).message);
  } finally {
    await subject?.child.end();
  }
  if (memoryGrowth > growth) problems.push(`it took ${(growth / MIB).toFixed(0)} MiB more memory, and beyond`);
  if (leftOpen > 0) problems.push(`it left ${leftOpen} descriptors open`);
  const row = {
    ...tally,
    ...{ fault: variant ? `${name}: ${variant}` : name, server: target.name },
    ...{ peakMemory, memoryGrowth, leftOpen, seconds: (performance.now() - begin) / 1000 },
    bytesLost: warmth.bytesLost + tally.bytesLost,
    connectionsLost: warmth.connectionsLost + tally.connectionsLost,
    problems: [...warmth.problems, ...tally.problems, ...problems],
  };
  return { ...row, verdict: verdictOf(row, growth) };
}
